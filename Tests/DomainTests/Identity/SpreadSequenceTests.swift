import Domain
import FoundationEssentials
import Testing

@Suite("Names that are no secrets")
struct SpreadSequenceTests {
  @Test("numbers come once, and every bit changes about as often as not")
  func spread() {
    let numbers = (0..<50_000).map { _ in SpreadSequence.next() }
    #expect(Set(numbers).count == numbers.count)
    for bit in 0..<64 {
      let share = Double(numbers.count { $0 >> UInt64(bit) & 1 == 1 }) / Double(numbers.count)
      // Ten standard deviations.
      #expect(abs(share - 0.5) < 0.0224, "bit \(bit)")
    }
    #expect((0..<1_000).allSatisfy { _ in SpreadSequence.nextAboveZero() > 0 })
  }

  @Test("ids have the form of version 4, and come once")
  func ids() {
    let ids = (0..<10_000).map { _ in UUID.unique() }
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.uuid.6 >> 4 == 4 && $0.uuid.8 >> 6 == 2 })
  }
}
