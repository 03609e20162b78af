import JSONValues
import Testing

@Suite("The JSON writer")
struct JSONWriterTests {
  @Test("writes what a value of the same content is written as, with commas where they belong")
  func nested() throws {
    var json = JSONWriter()
    try json.object { json in
      json.name("a")
      json.array { json in
        json.integer(-1)
        json.bool(true)
        json.null()
        json.object { _ in }
        json.array { _ in }
        json.object { json in
          json.name("x")
          json.string("")
        }
      }
      json.name("b")
      json.string("\"\\\n\u{1}é😀")
      json.name("c")
      json.string(orNull: nil)
      json.name("d")
      try json.value(.array([.number(0.5), .object(["y": .bool(false)])]))
      json.name("e")
      json.object { json in
        json.name("z")
        json.integer(.max)
      }
    }
    let value = JSONValue.object([
      "a": .array([
        .integer(-1), .bool(true), .null, .object([:]), .array([]), .object(["x": .string("")]),
      ]),
      "b": .string("\"\\\n\u{1}é😀"), "c": .null, "d": .array([.number(0.5), .object(["y": .bool(false)])]),
      "e": .object(["z": .integer(.max)]),
    ])
    #expect(String(decoding: json.bytes, as: UTF8.self) == (try value.text))
  }

  @Test("a number that JSON has not is refused")
  func infinite() {
    var json = JSONWriter()
    #expect(throws: (any Error).self) { try json.value(.number(.infinity)) }
  }
}
