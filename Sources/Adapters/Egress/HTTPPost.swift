package import AsyncHTTPClient
package import Domain
import NIOCore
import NIOHTTP1

/// Posts messages to one address that configuration names, over a client of its own.
package struct HTTPPost: Sendable {
  /// What was answered.
  package struct Answer: Sendable {
    /// The status.
    package let status: Int
    /// `Retry-After`, where it is a number of seconds.
    package let retryAfter: Duration?
    /// The body.
    package let body: [UInt8]
  }

  /// The most bytes of an answer that are read.
  private static let maximumAnswer = 64 << 10

  private let url: String
  private let headers: HTTPHeaders
  private let timeout: TimeAmount
  private let client: HTTPClient

  /// Makes it; whoever does calls ``shutdown()`` in the end.
  ///
  /// - Parameters:
  ///   - connections: how connections are made.
  ///   - headers: what each message carries.
  ///   - timeout: how long one may take.
  /// - Throws: `WebAddress.Malformed`.
  package init(
    to url: String, headers: [(name: String, value: String)], timeout: Duration, connections: HTTPClient.Configuration
  ) throws(WebAddress.Malformed) {
    let address = try WebAddress(url)
    self.url = address.text
    self.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
    self.timeout = .milliseconds(Int64(timeout / .milliseconds(1)))
    client = HTTPClient(
      eventLoopGroupProvider: .singleton,
      configuration: EgressHTTPClient.guarding(connections, .configured(address.host)))
  }

  /// Posts a message.
  ///
  /// - Throws: `RefusedAddress`, and what the connection fails with.
  package func callAsFunction(_ body: [UInt8]) async throws -> Answer {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers = headers
    request.body = .bytes(ByteBuffer(bytes: body))
    let response = try await client.execute(request, timeout: timeout)
    let answer = try await response.body.collect(upTo: Self.maximumAnswer)
    return Answer(
      status: Int(response.status.code),
      retryAfter: response.headers.first(name: "retry-after").flatMap(Int.init).map { .seconds(max(0, $0)) },
      body: Array(answer.readableBytesView))
  }

  /// Closes the connections.
  package func shutdown() async throws { try await client.shutdown() }
}
