import Crypto
import Glibc

/// SHA-256 of a file in lower-case hexadecimal, read a megabyte at a time; `nil` when it cannot be read.
func sha256(ofFile path: String) -> String? {
  guard let file = fopen(path, "re") else { return nil }
  defer { fclose(file) }
  var digest = SHA256()
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
  defer { buffer.deallocate() }
  while case let count = fread(buffer.baseAddress, 1, buffer.count, file), count > 0 {
    digest.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }
  guard ferror(file) == 0 else { return nil }
  let digits = Array("0123456789abcdef")
  return String(digest.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
