#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Turns text in the character sets that e-mail names into Unicode, by the system's `iconv`.
enum CharacterSet {
  /// The text; what the set does not have becomes U+FFFD, and so does everything beyond ASCII in a set that the system
  /// does not know.
  static func decode(_ bytes: [UInt8], named name: String) -> String {
    let set = name.isEmpty ? "utf-8" : name.lowercased()
    if ["utf-8", "utf8", "us-ascii", "ascii"].contains(set) { return String(decoding: bytes, as: UTF8.self) }
    let isName = set.utf8.count <= 40 && set.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
    guard isName, let converter = iconv_open("UTF-8", set), converter != iconv_t(bitPattern: -1) else {
      return String(decoding: bytes.flatMap { $0 < 0x80 ? [$0] : [0xEF, 0xBF, 0xBD] }, as: UTF8.self)
    }
    defer { iconv_close(converter) }
    return String(decoding: convert(bytes, with: converter), as: UTF8.self)
  }

  private static func convert(_ bytes: [UInt8], with converter: iconv_t) -> [UInt8] {
    var (source, output) = (bytes.map { CChar(bitPattern: $0) }, [UInt8]())
    source.withUnsafeMutableBufferPointer { buffer in
      var (next, left) = (buffer.baseAddress, buffer.count)
      var part = [CChar](repeating: 0, count: 16 * 1_024)
      while left > 0 {
        let (count, isStuck) = part.withUnsafeMutableBufferPointer { part in
          var (target, room) = (part.baseAddress, part.count)
          let result = iconv(converter, &next, &left, &target, &room)
          // E2BIG asks for more room, which it gets; anything else is a byte that says nothing.
          return (part.count - room, result == -1 && errno != E2BIG)
        }
        output += part.prefix(count).map { UInt8(bitPattern: $0) }
        guard isStuck, left > 0 else { continue }
        output += [0xEF, 0xBF, 0xBD]
        next = next.map { $0 + 1 }
        left -= 1
      }
    }
    return output
  }
}
