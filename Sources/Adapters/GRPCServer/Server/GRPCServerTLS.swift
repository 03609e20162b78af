import FoundationEssentials
import GRPCNIOTransportHTTP2Posix
import NIOSSL

/// How connections are secured: files in PEM form, which are read when the server starts.
package struct GRPCServerTLS: Sendable {
  /// The server's certificate, and behind it those that lead to the root.
  package let certificate: String
  /// The certificate's private key, without a password.
  package let key: String
  /// The certificates that clients' own must come from; `nil` asks clients for none.
  package let clientCA: String?

  /// Names the files.
  package init(certificate: String, key: String, clientCA: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.clientCA = clientCA
  }

  /// What is wrong with a file, in words that follow its path.
  package enum Failure: Error, Hashable {
    /// The certificate.
    case certificate(String)
    /// The key.
    case key(String)
    /// The clients' authority.
    case clientCA(String)
  }

  /// Reads the files as the server will.
  package func check() throws(Failure) {
    let chain: [NIOSSLCertificate]
    do { chain = try Self.certificates(in: certificate) } catch { throw .certificate(error.reason) }
    let privateKey: NIOSSLPrivateKey
    do { privateKey = try NIOSSLPrivateKey(file: key, format: .pem) } catch {
      throw .key(Self.reason(for: key, else: "holds no private key in PEM form without a password"))
    }
    do {
      _ = try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey)))
    } catch {
      throw .key("is not the key of the certificate")
    }
    guard let clientCA else { return }
    do { _ = try Self.certificates(in: clientCA) } catch { throw .clientCA(error.reason) }
  }

  /// What the transport is told.
  var transportSecurity: HTTP2ServerTransport.Posix.TransportSecurity {
    .tls(
      certificateChain: [.file(path: certificate, format: .pem)], privateKey: .file(path: key, format: .pem)
    ) { tls in
      guard let clientCA else { return }
      tls.clientCertificateVerification = .noHostnameVerification
      tls.trustRoots = .certificates([.file(path: clientCA, format: .pem)])
    }
  }

  private struct Unreadable: Error { let reason: String }

  private static func certificates(in path: String) throws(Unreadable) -> [NIOSSLCertificate] {
    do {
      let certificates = try NIOSSLCertificate.fromPEMFile(path)
      if !certificates.isEmpty { return certificates }
    } catch {
      throw Unreadable(reason: reason(for: path, else: "holds no certificate in PEM form"))
    }
    throw Unreadable(reason: "holds no certificate in PEM form")
  }

  private static func reason(for path: String, else reason: String) -> String {
    guard FileManager.default.fileExists(atPath: path) else { return "does not exist" }
    return FileManager.default.isReadableFile(atPath: path) ? reason : "cannot be read"
  }
}
