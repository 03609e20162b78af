import Application
import CCrypt
import Glibc

/// bcrypt by libxcrypt: Provos and Mazières, "A Future-Adaptable Password Scheme" (USENIX 1999), in its `$2b$` form.
enum Bcrypt {
  /// The length of a hash's text form: `$2b$`, two digits of cost, `$`, 22 of salt, 31 of digest.
  static let textLength = 60

  /// A `$2b$<cost>$<salt>` with 16 random bytes from the operating system, 29 characters.
  static func newSetting(cost: Int) throws(HashingFailure) -> String {
    var output = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
    // No random bytes are passed, so the library takes its own from the operating system.
    guard crypt_gensalt_rn("$2b$", UInt(cost), nil, 0, &output, Int32(output.count)) != nil else {
      throw .failed("crypt_gensalt_rn: error \(errno)")
    }
    return text(output)
  }

  /// The hash of a password under the salt and cost of a setting, which may be a whole hash.
  ///
  /// The 32 KiB of working memory hold the key schedule, so they are cleared before and after.
  static func hash(_ password: String, setting: String) throws(HashingFailure) -> String {
    let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
    let size = MemoryLayout<crypt_data>.size
    explicit_bzero(data, size)
    defer {
      explicit_bzero(data, size)
      data.deallocate()
    }
    guard let output = crypt_rn(password, setting, data, Int32(size)) else {
      throw .failed("crypt_rn: error \(errno)")
    }
    return String(cString: output)
  }

  /// The cost of a bcrypt hash; `nil` when the text is anything else, such as another algorithm's hash, which the
  /// library would compute as well.
  static func cost(of hash: String) -> Int? {
    let bytes = Array(hash.utf8)
    guard bytes.count == textLength, bytes[0] == 0x24, bytes[1] == 0x32, [0x61, 0x62, 0x79].contains(bytes[2]),
      bytes[3] == 0x24, bytes[6] == 0x24, bytes[4...5].allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return Int(bytes[4] - 0x30) * 10 + Int(bytes[5] - 0x30)
  }

  /// Compares without leaving early, so that time does not tell how many characters match.
  static func equalInConstantTime(_ left: String, _ right: String) -> Bool {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
