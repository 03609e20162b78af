import Application
import FoundationEssentials
import Testing

@testable import SystemSecurity

@Suite("Ids are UUIDs of version 7")
struct UUIDVersion7Tests {
  @Test("the fields are laid out as in RFC 9562, appendix A.6")
  func layout() {
    let uuid = UUID(version7: 0x017F_22E2_79B0, counter: 0xCC3, random: 0x18C4_DC0C_0C07_398F)
    #expect(uuid.uuidString == "017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
  }

  @Test("version and variant win over every bit of time, counter and randomness")
  func fixedBits() {
    let uuid = UUID(version7: .max, counter: .max, random: .max)
    #expect(uuid.uuidString == "FFFFFFFF-FFFF-7FFF-BFFF-FFFFFFFFFFFF")
  }

  @Test("an id carries the clock's milliseconds")
  func timestamp() {
    let clock = WallClock { Date(timeIntervalSince1970: 1_645_557_742) }
    #expect(IDGenerator.uuidVersion7(clock: clock).uuid().uuidString.hasPrefix("017F22E2-79B0-7"))
  }

  @Test("ids ascend although the clock stands still for 10,000 of them")
  func standingClock() {
    let ids = IDGenerator.uuidVersion7(clock: WallClock { Date(timeIntervalSince1970: 1_645_557_742) })
    let made = (0..<10_000).map { _ in ids.uuid() }
    #expect(zip(made, made.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test("a full counter moves the timestamp on, and a clock that goes back does not")
  func rollover() {
    let sequence = MonotonicSequence()
    #expect(sequence.next(at: 1000, seed: 2047) == (1000, 2047))
    for expected in UInt16(2048)...4095 { #expect(sequence.next(at: 1000, seed: 5) == (1000, expected)) }
    #expect(sequence.next(at: 1000, seed: 5) == (1001, 5))
    #expect(sequence.next(at: 900, seed: 9) == (1001, 6))
    #expect(sequence.next(at: 1002, seed: 9) == (1002, 9))
  }

  @Test("no two ids made at once are the same")
  func concurrent() async {
    let ids = IDGenerator.uuidVersion7(clock: .system)
    let made = await withTaskGroup(of: [UUID].self) { group in
      for _ in 0..<8 { group.addTask { (0..<2000).map { _ in ids.uuid() } } }
      return await group.reduce(into: [UUID]()) { $0 += $1 }
    }
    #expect(Set(made).count == 16_000)
  }
}
