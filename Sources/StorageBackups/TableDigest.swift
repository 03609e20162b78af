package import Crypto
import FoundationEssentials

/// How many rows a table has and what they hold, in 32 bytes: equal tables have equal digests, whatever their order.
package struct TableDigest: Hashable, Sendable, Codable {
  /// The table.
  package let name: String
  /// Its rows.
  package let rows: Int
  /// SHA-256, in hexadecimal, of the rows' own SHA-256s in ascending order.
  package let sha256: String

  /// Wraps a digest that a database computed.
  package init(name: String, rows: Int, sha256: String) {
    self.name = name
    self.rows = rows
    self.sha256 = sha256
  }

  /// Computes a digest.
  ///
  /// - Parameter rowHashes: the SHA-256 of each row, in any order.
  package init(name: String, rowHashes: [SHA256.Digest]) {
    var hash = SHA256()
    for row in rowHashes.map(Array.init).sorted(by: { $0.lexicographicallyPrecedes($1) }) { hash.update(data: row) }
    self.init(name: name, rows: rowHashes.count, sha256: hash.finalize().hexadecimal)
  }
}

extension SHA256.Digest {
  /// Its 64 hexadecimal digits, in lower case.
  package var hexadecimal: String {
    flatMap { [$0 >> 4, $0 & 15] }.map { String($0, radix: 16) }.joined()
  }
}
