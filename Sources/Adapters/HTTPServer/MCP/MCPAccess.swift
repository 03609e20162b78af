import HTTPTypes

/// Which pages of a browser may reach `/mcp`, and under which names of this server.
///
/// A page can give its own name the address of this server (DNS rebinding), after which it is of the same origin. What it
/// cannot change is the name, which the browser sends as `Host` and in `Origin`.
///
/// Source: the MCP specification, "Streamable HTTP", security.
struct MCPAccess: Sendable {
  private let origins: Set<String>
  /// The names that the server is called by; `nil` for any.
  private let hosts: Set<String>?

  private static let loopback: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

  /// Makes the rules.
  ///
  /// - Parameters:
  ///   - host: the address that the server listens at. At one that only this machine reaches it is called by the names of
  ///     that and by `hosts`, and by no others.
  ///   - hosts: further names, without ports; where there are none, a server that others reach is called by any name.
  ///   - origins: the origins whose pages may call, or `*`.
  init(host: String, hosts: [String], origins: [String]) {
    self.origins = Set(origins)
    let named = Set(hosts.map { $0.lowercased() })
    let own = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host.lowercased()
    if Self.loopback.contains(own) {
      self.hosts = named.union(Self.loopback)
    } else {
      self.hosts = named.isEmpty ? nil : named.union([own])
    }
  }

  /// Checks a request.
  ///
  /// - Throws: an ``MCPError`` with 403.
  func check(_ head: RequestHead) throws(MCPError) {
    let authority = head.authority?.lowercased()
    if let hosts {
      guard let authority, hosts.contains(Self.name(of: authority)) else {
        throw .forbidden("this server is not called by that name: mcp.hosts lists its names")
      }
    }
    let given = head.headers[values: .origin]
    guard let origin = given.first else { return }
    guard given.count == 1 else { throw .forbidden("Origin must be there once") }
    if origins.contains("*") || origins.contains(origin) { return }
    if let authority, ["http://" + authority, "https://" + authority].contains(origin.lowercased()) { return }
    throw .forbidden("pages of that origin may not call: cors.origins lists those that may")
  }

  /// An authority without its port.
  private static func name(of authority: String) -> String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return String(authority[...end]) }
    return String(authority.prefix(while: { $0 != ":" }))
  }
}
