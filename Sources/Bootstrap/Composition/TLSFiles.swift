import AsyncHTTPClient
import Egress
import Foundation
import GRPCServer
import Settings

/// The files that the configuration names for TLS, looked at before anything is opened.
enum TLSFiles {
  /// Reads them as the servers and clients will.
  ///
  /// - Throws: a failure of usage that names the key, the file, and where the name comes from.
  static func check(_ configuration: ServerConfiguration) throws(CommandFailure) {
    if configuration.role != .intelligence, let tls = configuration.grpc.tls {
      try check(
        GRPCServerTLS(certificate: tls.certificate, key: tls.key, clientCA: tls.clientCA),
        keys: ("grpc.tls.certificate", "grpc.tls.key", "grpc.tls.clientCA"), configuration)
    }
    if configuration.role != .all, let tls = configuration.intelligence.tls {
      try check(
        GRPCServerTLS(certificate: tls.certificate, key: tls.key, clientCA: tls.ca),
        keys: ("intelligence.tls.certificate", "intelligence.tls.key", "intelligence.tls.ca"), configuration)
    }
  }

  /// How the hosts of pages are called, with the authorities that the configuration adds.
  ///
  /// - Throws: as ``check(_:)``.
  static func egress(_ configuration: ServerConfiguration) throws(CommandFailure) -> HTTPClient.Configuration {
    var client = EgressHTTPClient.configuration()
    guard let file = configuration.egress.authorities else { return client }
    do throws(EgressHTTPClient.UnusableAuthorities) {
      try EgressHTTPClient.trust(file, in: &client)
      return client
    } catch {
      let source = configuration.effectiveValues.first { $0.key == "egress.ca" }?.source ?? .default
      throw CommandFailure(.usage, "egress.ca names \(file), which \(error.reason) (\(source)).")
    }
  }

  private static func check(
    _ tls: GRPCServerTLS, keys: (certificate: String, key: String, ca: String), _ configuration: ServerConfiguration
  ) throws(CommandFailure) {
    let (key, path, why): (String, String, String)
    do throws(GRPCServerTLS.Failure) {
      try tls.check()
      return
    } catch {
      switch error {
      case .certificate(let reason): (key, path, why) = (keys.certificate, tls.certificate, reason)
      case .key(let reason): (key, path, why) = (keys.key, tls.key, reason)
      case .clientCA(let reason): (key, path, why) = (keys.ca, tls.clientCA ?? "", reason)
      }
    }
    let source = configuration.effectiveValues.first { $0.key == key }?.source ?? .default
    throw CommandFailure(.usage, "\(key) names \(path), which \(why) (\(source)).")
  }
}
