package import Application
package import Domain

/// Which hosts this server may connect to on a user's behalf: those of a list, and no other.
///
/// It compares names; what addresses a name resolves to is not looked at here.
package struct EgressPolicy: Sendable {
  /// A line of the list that is none.
  package struct InvalidEntry: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line as it was written.
    package let entry: String
    /// Why it is refused.
    package let reason: String

    /// Both, with the setting's name and the accepted form.
    package var description: String {
      "egress.allow: \(entry): \(reason); write host or host:port, such as docs.example.com or 127.0.0.1:11434"
    }
  }

  private let allowed: Set<HostAndPort>

  /// Makes a policy; an empty list allows nothing.
  ///
  /// - Parameter entries: `host:port` allows that port, `host` ports 80 and 443 alone. Hosts are compared without
  ///   regard to case and to a trailing dot; IPv6 addresses stand in brackets. No wildcards.
  package init(allow entries: [String]) throws(InvalidEntry) {
    var allowed: Set<HostAndPort> = []
    for entry in entries {
      do {
        allowed.insert(try HostAndPort(entry))
      } catch {
        throw InvalidEntry(entry: entry, reason: error.reason)
      }
    }
    self.allowed = allowed
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

  private func allows(_ address: WebAddress) -> Bool {
    allowed.contains(HostAndPort(host: address.host, port: address.port))
      || ((address.port == 80 || address.port == 443)
        && allowed.contains(HostAndPort(host: address.host, port: nil)))
  }
}
