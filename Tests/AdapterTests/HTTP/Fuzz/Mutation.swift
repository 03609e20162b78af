import Domain

/// Changes valid inputs into ones that may not be.
enum Mutation: CaseIterable {
  case bitFlips, truncation, splice, lengthField, repetition, byteValues, deletion

  /// Bytes that mean something to one of the formats, or stand at the edge of a range.
  private static let interesting: [UInt8] = [
    0, 1, 2, 3, 0x1f, 0x20, 0x22, 0x25, 0x26, 0x3d, 0x5b, 0x5c, 0x7b, 0x7f, 0x80, 0x81, 0x8b, 0xc0, 0xed, 0xfe, 0xff,
  ]
  private static let lengths: [UInt32] = [
    0, 1, 4, 255, 65_535, 65_536, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0xffff_fffa, 0xffff_ffff,
  ]

  /// Applies one to four mutations.
  static func apply(to bytes: [UInt8], others: [[UInt8]], using generator: inout SplitMix64) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int(generator.next() % 4) {
      let mutation = allCases[Int(generator.next() % UInt64(allCases.count))]
      mutation.change(&bytes, others, &generator)
    }
    return bytes
  }

  private func change(_ bytes: inout [UInt8], _ others: [[UInt8]], _ generator: inout SplitMix64) {
    func below(_ bound: Int) -> Int { bound <= 0 ? 0 : Int(generator.next() % UInt64(bound)) }
    guard !bytes.isEmpty else {
      bytes.append(UInt8(truncatingIfNeeded: generator.next()))
      return
    }
    let index = below(bytes.count)
    switch self {
    case .bitFlips:
      for _ in 0...below(3) { bytes[below(bytes.count)] ^= 1 << UInt8(below(8)) }
    case .truncation: bytes.removeLast(bytes.count - index)
    case .splice:
      let other = others[below(others.count)]
      bytes.replaceSubrange(index..., with: other.dropFirst(below(other.count)))
    case .lengthField:
      // Where an envelope has its length, or anywhere.
      let start = generator.next() % 2 == 0 ? 1 : index
      let length = Self.lengths[below(Self.lengths.count)]
      for offset in 0..<4 where start + offset < bytes.count {
        bytes[start + offset] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * offset))
      }
    case .repetition:
      let end = min(bytes.count, index + 1 + below(16))
      for _ in 0...below(4) { bytes.insert(contentsOf: bytes[index..<end], at: index) }
    case .byteValues: bytes[index] = Self.interesting[below(Self.interesting.count)]
    case .deletion: bytes.removeSubrange(index..<min(bytes.count, index + 1 + below(8)))
    }
    // Small inputs find as much, and more of them fit into a minute.
    if bytes.count > 1_024 { bytes.removeLast(bytes.count - 1_024) }
  }
}
