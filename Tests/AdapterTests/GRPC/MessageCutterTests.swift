import NIOCore
import Testing

@testable import GRPCServer

struct MessageCutterTests {
  private static func message(_ count: Int, isCompressed: Bool = false) -> [UInt8] {
    let length = (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }
    return [isCompressed ? 1 : 0] + length + (0..<count).map { UInt8(truncatingIfNeeded: $0) }
  }

  /// Cuts a stream that comes in parts of a size; and whether the end was told.
  private static func cut(_ bytes: [UInt8], partSize: Int, limit: Int) -> (bytes: [UInt8], isDone: Bool) {
    var (cutter, kept, isDone) = (MessageCutter(limit: limit), [UInt8](), false)
    for start in stride(from: 0, to: bytes.count, by: partSize) {
      let part = ByteBuffer(bytes: bytes[start..<min(start + partSize, bytes.count)])
      guard let result = cutter.cut(part) else { continue }
      #expect(!isDone, "something follows the end")
      kept += result.bytes.readableBytesView
      isDone = result.isLast
    }
    return (kept, isDone)
  }

  @Test("messages within the limit pass as they are, in whatever parts they come", arguments: 1...12)
  func passing(partSize: Int) {
    let bytes = Self.message(0) + Self.message(10) + Self.message(3, isCompressed: true) + Self.message(10)
    let result = Self.cut(bytes, partSize: partSize, limit: 10)
    #expect(result.bytes == bytes)
    #expect(!result.isDone)
  }

  @Test("a message beyond the limit ends one byte behind it, whatever follows", arguments: 1...12)
  func cutting(partSize: Int) {
    for count in [11, 12, 100, 70_000] {
      let before = Self.message(10)
      let long = Self.message(count, isCompressed: count == 12)
      let result = Self.cut(before + long + Self.message(1), partSize: partSize, limit: 10)
      #expect(result.bytes == before + [0, 0, 0, 0, 11] + long[5..<16])
      #expect(result.isDone)
    }
  }

  @Test("a length of four full bytes is cut like any other")
  func longest() {
    let result = Self.cut([0, 255, 255, 255, 255] + Array(repeating: 7, count: 50), partSize: 7, limit: 10)
    #expect(result.bytes == [0, 0, 0, 0, 11] + Array(repeating: 7, count: 11))
    #expect(result.isDone)
  }
}

struct CallTimeoutTests {
  @Test(
    "timeouts are read in every unit",
    arguments: [
      ("1H", .seconds(3600)), ("2M", .seconds(120)), ("99999999S", .seconds(99_999_999)), ("10m", .milliseconds(10)),
      ("29999999u", .microseconds(29_999_999)), ("5n", .nanoseconds(5)), ("0S", .zero), ("", nil), ("S", nil),
      ("123456789S", nil), ("-1S", nil), ("1s", nil), ("1", nil), ("1.5S", nil), ("٣S", nil),
    ] as [(String, Duration?)])
  func timeouts(text: String, duration: Duration?) { #expect(CallTimeout.duration(text) == duration) }
}
