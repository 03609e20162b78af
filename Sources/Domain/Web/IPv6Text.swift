/// The text form of IPv6 addresses (RFC 4291 §2.2), brought into one spelling, so that lists can be compared.
enum IPv6Text {
  /// Eight groups in lower-case hexadecimal without leading zeros and without `::`; `nil` for what is no address.
  /// Zone ids are refused.
  static func canonical(_ text: some StringProtocol) -> String? {
    let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
    guard (1...2).contains(halves.count), let head = groups(String(halves[0])) else { return nil }
    var all = head
    if halves.count == 2 {
      guard let tail = groups(String(halves[1])), head.count + tail.count <= 7 else { return nil }
      all += Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }
    guard all.count == 8 else { return nil }
    return all.map { String($0, radix: 16) }.joined(separator: ":")
  }

  /// The groups of a half; the last may be an IPv4 address, which makes two.
  private static func groups(_ text: String) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var groups: [UInt16] = []
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1, part.contains(".") {
        let numbers = part.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = numbers.compactMap { UInt8($0) }
        guard numbers.count == 4, bytes.count == 4, !part.contains("+") else { return nil }
        groups.append(UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
        groups.append(UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
      } else {
        guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexadecimal),
          let group = UInt16(part, radix: 16)
        else { return nil }
        groups.append(group)
      }
    }
    return groups
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
  }
}
