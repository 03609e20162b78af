import Logging
import Settings
import Synchronization

/// Tells where the server listens, once it does so everywhere: HTTP's line first, then gRPC's.
final class Announcement: Sendable {
  private struct Addresses {
    var http: String?
    var grpc: String?
  }

  private let configuration: ServerConfiguration
  private let logger: Logger
  private let isJSON: Bool
  private let addresses = Mutex(Addresses())

  init(_ configuration: ServerConfiguration, _ logger: Logger, isJSON: Bool) {
    self.configuration = configuration
    self.logger = logger
    self.isJSON = isJSON
  }

  /// HTTP listens.
  @Sendable func http(_ host: String, _ port: Int) {
    tell { $0.http = "http://" + Self.address(host, port) }
  }

  /// gRPC listens.
  @Sendable func grpc(_ host: String, _ port: Int) {
    tell { $0.grpc = Self.address(host, port) }
  }

  private static func address(_ host: String, _ port: Int) -> String {
    "\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  private func tell(_ change: (inout Addresses) -> Void) {
    let addresses = addresses.withLock { addresses in
      change(&addresses)
      return addresses
    }
    guard let url = addresses.http, let grpc = addresses.grpc else { return }
    let profile = configuration.profile.rawValue
    logger.info("listening", metadata: ["url": "\(url)", "grpc": "\(grpc)", "profile": "\(profile)"])
    if isJSON {
      Terminal.standard.line(JSONText.object([("url", url), ("grpc", grpc), ("profile", profile)]))
      return
    }
    let kept =
      switch configuration.profile {
      case .memory: "nothing is kept"
      case .offline: "data in \(configuration.dataDirectory)"
      case .production: "data in PostgreSQL"
      }
    let isPublic = configuration.role != .intelligence
    let what = isPublic ? "\(profile) profile, \(kept)" : "probes alone; \(profile) profile, \(kept)"
    Terminal.standard.line(
      "OpenTier is listening on \(url) (\(what))\n\(isPublic ? "gRPC" : "gRPC for gateways") on \(grpc)")
  }
}
