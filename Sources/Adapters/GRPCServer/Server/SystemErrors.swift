import FoundationEssentials
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension IOError {
  /// What the system says, such as `Address already in use`.
  var words: String { String(cString: strerror(errnoCode)) }
}
