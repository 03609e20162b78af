import Testing

@testable import LanguageModels

@Suite("Server-sent events")
struct ServerSentEventParserTests {
  private typealias Event = ServerSentEventParser.Event

  private func parse(_ text: String, limit: Int = 1_000, every size: Int? = nil) throws -> [Event] {
    var parser = ServerSentEventParser(maximumEventBytes: limit)
    let bytes = Array(text.utf8)
    var events: [Event] = []
    var start = 0
    while start < bytes.count {
      let end = min(start + (size ?? bytes.count), bytes.count)
      events += try parser.feed(bytes[start..<end])
      start = end
    }
    return events
  }

  private static let sample =
    "\u{FEFF}: comment\r\ndata: één\r\ndata:two\r\n\r\nevent: error\rdata: {\"a\":1}\r\rid: 7\nretry: 5\ndata\n\n\n\ndata:  🙂 x\n\n"

  @Test("the same events come out however the bytes are cut", arguments: 1...11)
  func cuts(size: Int) throws {
    let expected = [
      Event(type: "message", data: "één\ntwo"), Event(type: "error", data: "{\"a\":1}"),
      Event(type: "message", data: ""), Event(type: "message", data: " 🙂 x"),
    ]
    #expect(try parse(Self.sample, every: size) == expected)
  }

  @Test("an event that the end of the stream cuts off is no event")
  func unfinished() throws {
    #expect(try parse("data: a\n\ndata: b\n") == [Event(type: "message", data: "a")])
  }

  @Test("a type without data is no event and does not carry over")
  func typeWithoutData() throws {
    #expect(try parse("event: error\n\ndata: a\n\n") == [Event(type: "message", data: "a")])
  }

  @Test("a byte order mark counts at the start alone")
  func byteOrderMark() throws {
    #expect(try parse("data: a\n\n\u{FEFF}data: b\n\n") == [Event(type: "message", data: "a")])
  }

  @Test("a line of the limit passes, one byte more does not, even before its end comes")
  func longLine() throws {
    let fits = "data: " + String(repeating: "x", count: 94)
    #expect(try parse(fits + "\n\n", limit: 100).first?.data.count == 94)
    #expect(throws: ServerSentEventParser.Failure.tooLong) { try parse(fits + "x", limit: 100) }
  }

  @Test("many short lines of one event are limited together")
  func longEvent() throws {
    let lines = String(repeating: "data: xxxxxxxxx\n", count: 10)
    #expect(try parse(lines + "\n", limit: 101).first?.data.utf8.count == 99)
    #expect(throws: ServerSentEventParser.Failure.tooLong) { try parse(lines + "data: xxxxxxxxx\n", limit: 101) }
  }

  @Test("bytes that are not UTF-8 are an error")
  func notUTF8() {
    var parser = ServerSentEventParser(maximumEventBytes: 100)
    #expect(throws: ServerSentEventParser.Failure.notUTF8) {
      try parser.feed(Array("data: ".utf8) + [0xC3, 0x28, 0x0A, 0x0A])
    }
  }
}
