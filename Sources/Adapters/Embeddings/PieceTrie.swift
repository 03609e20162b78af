/// The word pieces of a vocabulary as two tries over Unicode scalars: those that start a word and those that go on.
///
/// All edges lie in one open-addressing table, so a step costs about one cache line.
struct PieceTrie: Sendable {
  /// The node at which pieces that start a word begin.
  static let start: UInt32 = 0
  /// The node at which pieces that continue a word (`##…` in the vocabulary) begin.
  static let continuation: UInt32 = 1

  /// Keys are node << 21 | scalar, plus one; 0 is a free slot.
  private var keys: [UInt64]
  private var children: [UInt32]
  private var identifiers: [Int32] = [-1, -1]
  private var edges = 0

  /// An empty trie with room for about `pieces` pieces before its table grows.
  init(pieces: Int) {
    var slots = 1024
    while slots < pieces * 6 { slots *= 2 }
    keys = Array(repeating: 0, count: slots)
    children = Array(repeating: 0, count: slots)
  }

  /// Adds a piece under a root; false if it was there already.
  mutating func insert(_ piece: Substring.UnicodeScalarView, below root: UInt32, identifier: Int32) -> Bool {
    var node = root
    for scalar in piece {
      if (edges + 1) * 4 > keys.count * 3 { grow() }
      let slot = self.slot(of: Self.key(node, scalar.value))
      if keys[slot] == 0 {
        keys[slot] = Self.key(node, scalar.value)
        children[slot] = UInt32(identifiers.count)
        identifiers.append(-1)
        edges += 1
      }
      node = children[slot]
    }
    guard identifiers[Int(node)] < 0 else { return false }
    identifiers[Int(node)] = identifier
    return true
  }

  /// The longest piece below `root` that `characters[from...]` starts with: its identifier and where it ends.
  func longestMatch(in characters: [UInt32], from: Int, below root: UInt32) -> (identifier: Int32, end: Int)? {
    var node = root
    var best: (identifier: Int32, end: Int)?
    var position = from
    while position < characters.count {
      let slot = self.slot(of: Self.key(node, characters[position]))
      if keys[slot] == 0 { break }
      node = children[slot]
      position += 1
      if identifiers[Int(node)] >= 0 { best = (identifiers[Int(node)], position) }
    }
    return best
  }

  private static func key(_ node: UInt32, _ scalar: UInt32) -> UInt64 { UInt64(node) << 21 | UInt64(scalar) &+ 1 }

  /// Where the key is, or the free slot where it belongs.
  private func slot(of key: UInt64) -> Int {
    let mask = keys.count - 1
    // Fibonacci hashing: the high bits of a product with 2⁶⁴ / φ.
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while keys[slot] != 0, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    let old = zip(keys, children)
    keys = Array(repeating: 0, count: keys.count * 2)
    children = Array(repeating: 0, count: keys.count)
    for (key, child) in old where key != 0 {
      let slot = self.slot(of: key)
      keys[slot] = key
      children[slot] = child
    }
  }
}
