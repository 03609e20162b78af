/// Where an intelligence process is: `host:port`, or `dns:name:port` for all addresses that the name has, either with
/// `;weight=N` behind it.
package struct IntelligenceAddress: Hashable, Sendable, CustomStringConvertible {
  /// A name or an address, an IPv6 one without its brackets.
  package let host: String
  /// The port, 1 to 65535.
  package let port: Int
  /// How many calls it gets beside others under the policy `weighted`: 1 to 1,000.
  package let weight: Int
  /// Whether the host is a name that stands for as many processes as it has addresses.
  package let isResolved: Bool

  /// Makes an address of its parts.
  package init(host: String, port: Int, weight: Int = 1, isResolved: Bool = false) {
    self.host = host
    self.port = port
    self.weight = weight
    self.isResolved = isResolved
  }

  /// Reads an address; `nil` for anything that has not its form.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
    var weight = 1
    if parts.count == 2 {
      guard parts[1].hasPrefix("weight="), let given = Int(parts[1].dropFirst("weight=".count)), 1...1_000 ~= given
      else { return nil }
      weight = given
    }
    let isResolved = parts[0].hasPrefix("dns:")
    let place = isResolved ? parts[0].dropFirst("dns:".count) : parts[0][...]
    guard let colon = place.lastIndex(of: ":"), let port = Int(place[place.index(after: colon)...]),
      1...65_535 ~= port
    else { return nil }
    var host = place[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" }) else { return nil }
    self.init(host: String(host), port: port, weight: weight, isResolved: isResolved)
  }

  /// The place without prefix and weight: `host:port`.
  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
