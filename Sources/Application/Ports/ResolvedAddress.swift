/// A host that may be connected to, and what its name resolved to when that was found.
///
/// For programs that connect by themselves: they are to take these addresses, and not to resolve the name anew.
package struct ResolvedAddress: Hashable, Sendable {
  /// The name, or an address that was written in its place.
  package let host: String
  /// The port that is connected to.
  package let port: Int
  /// The addresses, at least one: four decimal numbers, or eight groups of an IPv6 address.
  package let addresses: [String]

  /// Makes one of its parts.
  package init(host: String, port: Int, addresses: [String]) {
    self.host = host
    self.port = port
    self.addresses = addresses
  }
}
