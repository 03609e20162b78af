import Contract

/// What the HTTP server is told by configuration.
package struct HTTPConfiguration: Sendable {
  /// The address to listen on.
  package var host = "127.0.0.1"
  /// The port to listen on; 0 takes a free one.
  package var port = 8080
  /// How many connections may wait to be accepted; the system may allow fewer.
  package var backlog = 4_096
  /// Sizes and times that requests must keep.
  package var limits = HTTPLimits()
  /// How long a stream of events may be silent before a comment keeps it alive.
  package var keepAliveInterval: Duration = .seconds(15)
  /// How long open requests and streams may go on once the server is told to stop.
  package var shutdownGrace: Duration = .seconds(10)
  /// The origins whose pages may call the contract in a browser, or `*` for all; by default none but the server's own.
  package var allowedOrigins: [String] = []
  /// Names that `/mcp` is called by, without ports, besides those of an address that only this machine reaches.
  package var mcpHosts: [String] = []
  /// The most bytes of a document's text in one answer of `/mcp`: 64 KiB.
  package var mcpTextBytes = 64 << 10
  /// The version that the OpenAPI document and `/mcp` name.
  package var version = "0.1.0"

  /// The standard settings.
  package init() {}
}

/// Sizes and times that requests must keep; a body beyond its limit is answered with 413.
package struct HTTPLimits: Sendable {
  /// The most bytes of an ordinary body: 128 KiB.
  package var standardBody = 128 << 10
  /// The most bytes of a question's body: 512 KiB, room for 32,000 characters however they are escaped.
  package var chatBody = 512 << 10
  /// The most bytes of a request to the OpenAI-compatible API, pictures included: 16 MiB.
  package var completionBody = 16 << 20
  /// The most bytes of a message to `/mcp`: 4 MiB.
  package var mcpBody = 4 << 20
  /// The most bytes of a submission as JSON: 32 MiB.
  package var submissionBody = 32 << 20
  /// The most bytes of an uploaded file: 100 MiB.
  package var uploadedFile = 100 << 20
  /// The most bytes that are read of a refused body, so that the client comes to reading the answer; beyond, the
  /// connection is closed.
  package var drainedBody = 64 << 20
  /// The most bytes of a request's header fields together.
  package var headerFields = 32 << 10
  /// How long a connection may be silent between requests or within one, in seconds.
  package var idleSeconds: Int64 = 75

  /// The standard limits.
  package init() {}

  /// The most bytes of a message's body.
  func bytes(for limit: Binding.BodyLimit) -> Int {
    switch limit {
    case .standard: standardBody
    case .chat: chatBody
    case .submission: submissionBody
    }
  }
}
