import Application
import Crypto
package import Domain

/// Makes tokens from the operating system's secure random source and hashes with SHA-256.
package struct SystemSecretGenerator: SecretGenerator {
  private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

  /// Makes a generator.
  package init() {}

  package func sessionToken() -> SessionToken {
    var random = SystemRandomNumberGenerator()
    // `randomElement` draws without bias (Lemire's method), unlike a remainder of a random byte.
    let text = String((0..<SessionToken.length).map { _ in Self.alphabet.randomElement(using: &random) ?? "0" })
    guard let token = SessionToken(text) else {
      preconditionFailure("64 characters of the alphabet are a session token")
    }
    return token
  }

  package func hash(_ bytes: some Sequence<UInt8>) -> SecretHash {
    var digest = SHA256()
    if bytes.withContiguousStorageIfAvailable({ digest.update(bufferPointer: UnsafeRawBufferPointer($0)) }) == nil {
      digest.update(data: Array(bytes))
    }
    return SecretHash(Array(digest.finalize()))
  }
}
