/// Reads what the library calls a peer: `ipv4:127.0.0.1:31415`, `ipv6:[::1]:443`.
enum PeerAddress {
  /// The address without the port; `nil` where there is none, such as for a Unix domain socket.
  static func host(of peer: String) -> String? {
    guard let colon = peer.firstIndex(of: ":"), let port = peer.lastIndex(of: ":"), colon < port else { return nil }
    let host = peer[peer.index(after: colon)..<port]
    switch peer[..<colon] {
    case "ipv4": return host.isEmpty ? nil : String(host)
    case "ipv6": return host.first == "[" && host.last == "]" ? String(host.dropFirst().dropLast()) : nil
    default: return nil
    }
  }
}
