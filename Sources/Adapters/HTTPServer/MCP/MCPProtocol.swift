import HTTPTypes

/// The names and numbers of the Model Context Protocol.
///
/// Source: the MCP specification, revisions 2026-07-28 (schema, "Streamable HTTP") and 2025-11-25 ("Lifecycle",
/// "Transports").
enum MCPProtocol {
  /// Where the protocol is served.
  static let path = "/mcp"
  /// The revision in which each request stands for itself.
  static let stateless = "2026-07-28"
  /// The revisions that begin with `initialize`, the newest first. Their tools and resources have the same shapes.
  static let handshake = ["2025-11-25", "2025-06-18"]
  /// All revisions, the newest first.
  static let revisions = [stateless] + handshake

  /// Members of `_meta`.
  enum Meta {
    static let protocolVersion = "io.modelcontextprotocol/protocolVersion"
    static let clientCapabilities = "io.modelcontextprotocol/clientCapabilities"
    static let serverInfo = "io.modelcontextprotocol/serverInfo"
  }

  /// The parameter that `Mcp-Name` repeats.
  static func namedParameter(of method: String) -> String? {
    switch method {
    case "tools/call", "prompts/get": "name"
    case "resources/read": "uri"
    default: nil
    }
  }
}

/// How a client speaks: which shapes its answers have.
enum MCPEra: Sendable {
  /// 2026-07-28: nothing is remembered from one request to the next.
  case stateless
  /// Up to 2025-11-25: a handshake comes first, of which this server remembers nothing either.
  case handshake
}

extension HTTPField.Name {
  // Tokens (RFC 9110 §5.6.2), which is all that the initialiser checks.
  static let mcpProtocolVersion = Self("mcp-protocol-version")!
  static let mcpMethod = Self("mcp-method")!
  static let mcpName = Self("mcp-name")!
  static let mcpSessionID = Self("mcp-session-id")!
}
