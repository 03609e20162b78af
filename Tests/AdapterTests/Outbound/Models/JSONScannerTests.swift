import FoundationEssentials
import JSONValues
import Testing

@testable import LanguageModels

@Suite("JSON read where it lies")
struct JSONScannerTests {
  private func scanned(_ text: String) -> JSONValue? {
    var text = text
    return text.withUTF8 { bytes in
      var scanner = JSONScanner(bytes)
      guard let value = try? scanner.value(), scanner.isAtEnd else { return nil }
      return value
    }
  }

  private func decoded(_ text: String) -> JSONValue? {
    try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
  }

  @Test(
    "values of every kind are what a decoder makes of them",
    arguments: [
      "null", "true", " false ", "0", "-1", "12345678901", "1.5", "-0.25", "1e-3", #""""#,
      #""a\n\"\\\/\b\f\r\t\u00e9""#,
      #""\ud83d\ude00 é 😀""#, "[]", "[1,[2],{}]", "{}", #"{"a":{"b":[null,true]},"c":"d"}"#, " [ 1 , 2 ] ",
    ])
  func values(text: String) throws {
    #expect(scanned(text) != nil)
    #expect(scanned(text) == decoded(text))
  }

  @Test(
    "what is no JSON is not taken",
    arguments: [
      "", " ", "nul", "tru", "+1", "01", "-", "1.", ".5", "1e", "[1,]", "[1", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
      "{a:1}",
      "\"", "\"\u{1}\"", #""\x""#, #""\u12""#, #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, "1 2", "[1]]",
      String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
    ])
  func refused(text: String) { #expect(scanned(text) == nil) }

  @Test("64 values within one another are taken, 65 are not")
  func depth() {
    let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(scanned(nested(64)) != nil)
    #expect(scanned(nested(65)) == nil)
    #expect(JSONValue.read(nested(65)) != nil)
  }

  /// A generator whose numbers are the same in each run.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  @Test("200,000 mutated texts are read as a decoder reads them, or left to it")
  func mutations() throws {
    let seeds = [
      #"{"id":"x","choices":[{"index":0,"delta":{"content":"a\u00e9\n"},"finish_reason":null}],"usage":null}"#,
      #"[1,-2.5e3,true,null,"\ud83d\ude00",{"a":[]}]"#, #"{"a":"\\","b":0.1,"c":[[],{}],"d":false}"#,
    ].map { Array($0.utf8) }
    let bytes = Array(#"{}[]",:\nu0123456789eE+-.truefalsnl d83"#.utf8) + [0xC3, 0xA9, 0x01, 0x0A]
    var numbers = Numbers()
    var taken = 0
    for round in 0..<200_000 {
      var text = seeds[round % seeds.count]
      for _ in 0...Int.random(in: 0..<3, using: &numbers) {
        let place = Int.random(in: 0..<text.count, using: &numbers)
        let byte = bytes[Int.random(in: 0..<bytes.count, using: &numbers)]
        switch Int.random(in: 0..<3, using: &numbers) {
        case 0: text[place] = byte
        case 1: text.insert(byte, at: place)
        default: if text.count > 1 { text.remove(at: place) }
        }
      }
      guard let whole = String(validating: text, as: UTF8.self), let value = scanned(whole) else { continue }
      taken += 1
      #expect(value == decoded(whole), "\(whole)")
    }
    #expect(taken > 10_000)
  }

  @Test("what is written is what an encoder writes")
  func writing() throws {
    let values: [JSONValue] = [
      .null, .bool(true), .integer(-5), .number(0.5), .number(3), .number(1e20), .string("a\"\\\n\r\t\u{1}\u{7F}é😀/"),
      .array([.integer(1), .object([:])]),
      .object(["b": .null, "a": .string(""), "ab": .bool(false), "é": .array([])]),
    ]
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    for value in values {
      #expect(try value.data == encoder.encode(value))
      #expect(try JSONValue.parse(value.text) == (try JSONDecoder().decode(JSONValue.self, from: value.data)))
    }
    #expect(throws: EncodingError.self) { try JSONValue.number(.infinity).data }
  }

  @Test("a chunk of the common form is what a decoder makes of it")
  func chunks() throws {
    let texts = [
      #"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"logprobs":null,"finish_reason":null}]}"#,
      #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
      #"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#,
      #"{"choices":[{"text":"b\n","index":0,"finish_reason":"length"}]}"#,
      #"{"choices":[{"delta":{"content":null,"tool_calls":null}}],"usage":null,"error":null}"#,
    ]
    for text in texts {
      let common = try #require(ChatCompletionChunk.read(text), "\(text)")
      let decoded = try JSONDecoder().decode(ChatCompletionChunk.self, from: Data(text.utf8))
      #expect(common.choice?.delta?.content == decoded.choice?.delta?.content)
      #expect(common.choice?.text == decoded.choice?.text)
      #expect(common.choice?.index == decoded.choice?.index)
      #expect(common.choice?.finish_reason == decoded.choice?.finish_reason)
      #expect(common.usage?.prompt_tokens == decoded.usage?.prompt_tokens)
      #expect(common.usage?.completion_tokens == decoded.usage?.completion_tokens)
      #expect(common.choices?.count == decoded.choices?.count)
    }
    for other in [
      #"{"error":{"message":"x"}}"#, #"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#,
      #"{"choices":[{"delta":{"content":5}}]}"#, #"{"usage":{"prompt_tokens":1}}"#, "[]", "{",
    ] {
      #expect(ChatCompletionChunk.read(other) == nil, "\(other)")
    }
  }
}
