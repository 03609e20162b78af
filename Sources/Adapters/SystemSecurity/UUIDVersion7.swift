package import Application
import Domain
import FoundationEssentials
import Synchronization

extension IDGenerator {
  /// Ids of RFC 9562 §5.7 by the method of §6.2 "Fixed Bit-Length Dedicated Counter": 48 bits of Unix milliseconds, a
  /// counter in the 12 bits of `rand_a`, and 62 random bits.
  ///
  /// The counter starts anew with each millisecond at a random value below 2,048, so at least 2,048 ids of one
  /// millisecond count up; after that the timestamp runs ahead by a millisecond, as the RFC's rollover guidance allows.
  /// A clock that goes back changes nothing: the last timestamp goes on. So ids ascend strictly within the process,
  /// whatever the thread.
  package static func uuidVersion7(clock: WallClock) -> IDGenerator {
    let sequence = MonotonicSequence()
    return IDGenerator {
      var random = SystemRandomNumberGenerator()
      let milliseconds = UInt64(max(0, clock.now().microseconds / 1000))
      let (timestamp, counter) = sequence.next(at: milliseconds, seed: .random(in: 0..<2048))
      return UUID(version7: timestamp, counter: counter, random: .random(in: .min ... .max, using: &random))
    }
  }
}

/// Timestamp and counter of the last id.
final class MonotonicSequence: Sendable {
  private let last = Mutex<(timestamp: UInt64, counter: UInt16)>((0, 0))

  /// The next pair, greater than every one before.
  ///
  /// - Parameter seed: where the counter starts when the timestamp moves, below 2,048.
  func next(at milliseconds: UInt64, seed: @autoclosure () -> UInt16) -> (timestamp: UInt64, counter: UInt16) {
    last.withLock { last in
      if milliseconds > last.timestamp {
        last = (milliseconds, seed())
      } else if last.counter < 0xFFF {
        last.counter += 1
      } else {
        last = (last.timestamp + 1, seed())
      }
      return last
    }
  }
}

extension UUID {
  /// Lays the fields out: 48 bits of time, version 7, 12 of counter, variant 10, 62 of randomness.
  init(version7 timestamp: UInt64, counter: UInt16, random: UInt64) {
    func byte(_ value: UInt64, _ shift: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: value >> shift) }
    let counter = UInt64(counter)
    self.init(
      uuid: (
        byte(timestamp, 40), byte(timestamp, 32), byte(timestamp, 24), byte(timestamp, 16), byte(timestamp, 8),
        byte(timestamp, 0), 0x70 | byte(counter, 8) & 0x0F, byte(counter, 0), 0x80 | byte(random, 56) & 0x3F,
        byte(random, 48), byte(random, 40), byte(random, 32), byte(random, 24), byte(random, 16), byte(random, 8),
        byte(random, 0)
      )
    )
  }
}
