package import Application
package import Domain

/// Which hosts this server may connect to on a user's behalf: those of a list, and no other; and how far the addresses
/// behind their names may lead.
package struct EgressPolicy: Sendable {
  /// A line of the list that is none.
  package struct InvalidEntry: Error, Hashable, Sendable, CustomStringConvertible {
    /// The setting.
    package let setting: String
    /// The line as it was written.
    package let entry: String
    /// Why it is refused.
    package let reason: String

    /// Both, with the setting's name and the accepted form.
    package var description: String {
      "\(setting): \(entry): \(reason); write host or host:port, such as docs.example.com or 127.0.0.1:11434"
    }
  }

  private let allowed: Set<HostAndPort>
  private let privateHosts: Set<HostAndPort>

  /// Makes a policy; an empty list allows nothing.
  ///
  /// - Parameters:
  ///   - entries: `host:port` allows that port, `host` ports 80 and 443 alone. Hosts are compared without regard to case
  ///     and to a trailing dot; IPv6 addresses stand in brackets. No wildcards.
  ///   - privateHosts: those of the hosts, in the same form, whose names may lead to this machine or its network.
  package init(allow entries: [String], privateHosts: [String] = []) throws(InvalidEntry) {
    allowed = try Self.places(entries, "egress.allow")
    self.privateHosts = try Self.places(privateHosts, "egress.private")
  }

  private static func places(_ entries: [String], _ setting: String) throws(InvalidEntry) -> Set<HostAndPort> {
    var places: Set<HostAndPort> = []
    for entry in entries {
      do {
        places.insert(try HostAndPort(entry))
      } catch {
        throw InvalidEntry(setting: setting, entry: entry, reason: error.reason)
      }
    }
    return places
  }

  /// How far connections to an allowed host may go: an address that stands in the list in place of a name leads where it
  /// leads, `localhost` (RFC 6761 §6.3) and the hosts of `egress.private` also into this machine's network.
  func reach(of address: WebAddress) -> EgressReach {
    if NetworkAddress(address.host) != nil { return .any }
    if address.host == "localhost" || address.host.hasSuffix(".localhost") { return .alsoPrivate }
    return Self.holds(address, privateHosts) ? .alsoPrivate : .global
  }

  /// Reads an address and refuses it when it is none or its host is not on the list.
  ///
  /// - Throws: `.refused`, with the reason and the setting that decides.
  @discardableResult
  package func check(_ url: String) throws(FetchFailure) -> WebAddress {
    let address: WebAddress
    do { address = try WebAddress(url) } catch { throw .refused(error.reason) }
    try check(address)
    return address
  }

  func check(_ address: WebAddress) throws(FetchFailure) {
    guard !allows(address) else { return }
    let host = address.host.contains(":") ? "[\(address.host)]" : address.host
    throw .refused(
      "this server may not connect to \(host):\(address.port); an operator can add it to the setting egress.allow")
  }

  private func allows(_ address: WebAddress) -> Bool { Self.holds(address, allowed) }

  private static func holds(_ address: WebAddress, _ places: Set<HostAndPort>) -> Bool {
    places.contains(HostAndPort(host: address.host, port: address.port))
      || ((address.port == 80 || address.port == 443)
        && places.contains(HostAndPort(host: address.host, port: nil)))
  }
}
