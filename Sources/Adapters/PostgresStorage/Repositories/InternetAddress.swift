#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// IP addresses as the type `inet` takes them.
enum InternetAddress {
  /// The address without its zone (`fe80::1%eth0`); `nil` for what is none, such as the name of a socket, which the
  /// server would refuse.
  static func text(_ raw: String) -> String? {
    let address = String(raw.prefix { $0 != "%" })
    var bytes = in6_addr()
    let isAddress = [AF_INET, AF_INET6].contains { inet_pton($0, address, &bytes) == 1 }
    return isAddress ? address : nil
  }
}
