package import HTTPServer
package import IntelligenceClient
import Logging
package import Settings

/// The intelligence in other processes, as a configuration names them.
package enum RemoteIntelligence {
  /// Its client's settings; `nil` where an address has not its form.
  package static func settings(_ configuration: ServerConfiguration) -> IntelligenceClientConfiguration? {
    let side = configuration.intelligence
    let addresses = side.addresses.compactMap { IntelligenceAddress($0) }
    guard addresses.count == side.addresses.count else { return nil }
    var settings = IntelligenceClientConfiguration(addresses: addresses)
    settings.policy =
      switch side.policy {
      case .roundRobin: .roundRobin
      case .leastConnections: .leastConnections
      case .weighted: .weighted
      case .organization: .organization
      }
    settings.secret = side.secret?.reveal()
    settings.tls = side.tls.map { .init(ca: $0.ca, certificate: $0.certificate, key: $0.key) }
    settings.healthInterval = side.healthInterval
    settings.connectTimeout = side.connectTimeout
    return settings
  }

  /// How many of its processes serve. Without any the gateway still signs in, takes and reviews submissions and shows
  /// documents, so that it is `degraded` and not `failed`.
  package static func check(_ client: IntelligenceClient) -> ReadinessCheck {
    ReadinessCheck("intelligence") {
      let (serving, known) = client.status
      let words = "\(serving) of \(known) processes serve"
      return serving == known && known > 0 ? (.ok, words) : (.degraded, words)
    }
  }
}
