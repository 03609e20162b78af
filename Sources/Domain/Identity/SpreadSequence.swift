import Synchronization

/// Numbers that look random and come once in a process: SplitMix64 from a start that the system's random source gives.
///
/// For names that are no secrets, of which each request needs several: the system's own source is a call of the system each.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
package enum SpreadSequence {
  private static let place = Atomic<UInt64>(UInt64.random(in: .min ... .max))

  /// The next number.
  package static func next() -> UInt64 {
    var value = place.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  /// The next number that is not zero.
  package static func nextAboveZero() -> UInt64 {
    let value = next()
    return value > 0 ? value : next()
  }
}
