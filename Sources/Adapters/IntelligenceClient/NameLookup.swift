import Dispatch
import Glibc

/// Finds the addresses of a name.
enum NameLookup {
  private static let queue = DispatchQueue(label: "opentier.name-lookup")

  /// The addresses as numbers, sorted; none where the name has none or nobody answers. The system's resolver blocks, so
  /// it is asked on a thread of its own.
  static func addresses(of name: String) async -> [String] {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: look(up: name)) }
    }
  }

  private static func look(up name: String) -> [String] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
    defer { freeaddrinfo(first) }
    var found: Set<String> = []
    var next = first
    while let entry = next?.pointee {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if getnameinfo(
        entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
      {
        found.insert(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      }
      next = entry.ai_next
    }
    return found.sorted()
  }
}
