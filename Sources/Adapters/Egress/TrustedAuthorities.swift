package import AsyncHTTPClient
import FoundationEssentials
import NIOSSL

extension EgressHTTPClient {
  /// A file of certificates that cannot be used.
  package struct UnusableAuthorities: Error, Hashable, Sendable {
    /// Why, in words that follow the file's path.
    package let reason: String
  }

  /// Trusts the certificate authorities of a file besides those that the system trusts, as an intranet's servers need it.
  ///
  /// - Parameter file: certificates in PEM form.
  package static func trust(
    _ file: String, in configuration: inout HTTPClient.Configuration
  ) throws(UnusableAuthorities) {
    guard FileManager.default.fileExists(atPath: file) else { throw UnusableAuthorities(reason: "does not exist") }
    guard FileManager.default.isReadableFile(atPath: file) else { throw UnusableAuthorities(reason: "cannot be read") }
    let certificates: [NIOSSLCertificate]
    do { certificates = try NIOSSLCertificate.fromPEMFile(file) } catch { certificates = [] }
    guard !certificates.isEmpty else { throw UnusableAuthorities(reason: "holds no certificate in PEM form") }
    var tls = configuration.tlsConfiguration ?? .makeClientConfiguration()
    tls.additionalTrustRoots.append(.certificates(certificates))
    configuration.tlsConfiguration = tls
  }
}
