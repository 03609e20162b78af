import FoundationEssentials
import HTTPTypes
import JSONValues

extension MCPEra {
  /// Tells which revision a request is of, and checks what its header fields say about it.
  ///
  /// A proxy may have let the request through for what its fields say, so that they must say what the body does.
  ///
  /// - Throws: ``MCPError/Code/headerMismatch``; ``MCPError/Code/unsupportedVersion``;
  ///   ``MCPError/Code/invalidParameters`` for a request of 2026-07-28 without its `_meta`.
  init(of request: MCPRequest, _ head: RequestHead) throws(MCPError) {
    let header = try head.single(.mcpProtocolVersion)
    let meta = request.parameters["_meta"]?.members ?? [:]
    guard let stated = meta[MCPProtocol.Meta.protocolVersion] else {
      // `initialize` itself settles the revision; clients of before 2025-06-18 send no field.
      guard let header, request.method != "initialize" else {
        self = .handshake
        return
      }
      if MCPProtocol.handshake.contains(header) {
        self = .handshake
        return
      }
      guard header == MCPProtocol.stateless else { throw .unsupportedVersion(header) }
      throw .invalid("params._meta must have \(MCPProtocol.Meta.protocolVersion)")
    }
    guard let version = stated.string, version == header else {
      throw .headerMismatch("MCP-Protocol-Version must be there, and be what params._meta says")
    }
    guard version == MCPProtocol.stateless else { throw .unsupportedVersion(version) }
    guard meta[MCPProtocol.Meta.clientCapabilities]?.members != nil else {
      throw .invalid("params._meta must have \(MCPProtocol.Meta.clientCapabilities), an object")
    }
    guard try head.single(.mcpMethod) == request.method else {
      throw .headerMismatch("Mcp-Method must be there, and be the method of the body")
    }
    if let parameter = MCPProtocol.namedParameter(of: request.method), let name = request.parameters[parameter]?.string
    {
      guard try head.single(.mcpName).flatMap(Self.decoded) == name else {
        throw .headerMismatch("Mcp-Name must be there, and be params.\(parameter) of the body")
      }
    }
    self = .stateless
  }

  /// A value that may be written in Base64 between `=?base64?` and `?=`; `nil` for a broken one.
  ///
  /// Source: the MCP specification, revision 2026-07-28, "Value Encoding".
  private static func decoded(_ value: String) -> String? {
    let (prefix, suffix) = ("=?base64?", "?=")
    guard value.hasPrefix(prefix), value.hasSuffix(suffix), value.utf8.count >= prefix.utf8.count + suffix.utf8.count
    else { return value }
    let payload = String(value.dropFirst(prefix.count).dropLast(suffix.count))
    // Another writing of the same bytes could mean something else to a proxy.
    guard let data = Data(base64Encoded: payload), data.base64EncodedString() == payload else { return nil }
    return String(validating: data, as: UTF8.self)
  }
}

extension RequestHead {
  /// The value of a field that may be there once.
  ///
  /// - Throws: ``MCPError/Code/headerMismatch`` where it is there twice: who reads the first and who reads the last would
  ///   not agree.
  fileprivate func single(_ name: HTTPField.Name) throws(MCPError) -> String? {
    let values = headers[values: name]
    guard values.count <= 1 else { throw .headerMismatch("\(name) must be there once") }
    return values.first
  }
}
