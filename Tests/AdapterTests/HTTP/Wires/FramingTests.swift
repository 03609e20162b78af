import Domain
import Contract
import FoundationEssentials
import Testing

@testable import HTTPServer

struct GzipTests {
  private static func samples() -> [[UInt8]] {
    var generator = SplitMix64(seed: 7)
    return [
      [], [0], Array("hello".utf8), [UInt8](repeating: 65, count: 1 << 20),
      (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &generator) },
    ]
  }

  @Test("what was deflated is inflated again, whole or piece by piece", arguments: [1, 7, 4_096, 1 << 21])
  func roundTrip(step: Int) throws {
    for sample in Self.samples() where sample.count / step < 300_000 {
      let packed = try required(Gzip.deflate(sample))
      var inflater = try GzipInflater(limit: sample.count)
      for start in stride(from: 0, to: packed.count, by: step) {
        try inflater.feed(Array(packed[start..<min(start + step, packed.count)]))
      }
      #expect(try inflater.finish() == sample)
    }
  }

  @Test("the limit holds at the edge, for one member and for several")
  func limits() throws {
    for count in [1, GzipInflater.step - 1, GzipInflater.step, GzipInflater.step + 1, 100_000] {
      let packed = try required(Gzip.deflate([UInt8](repeating: 1, count: count)))
      #expect(try Gzip.inflate(packed, limit: count).count == count)
      #expect(throws: GzipInflater.Failure.tooLarge) { _ = try Gzip.inflate(packed, limit: count - 1) }
      #expect(try Gzip.inflate(packed + packed, limit: 2 * count).count == 2 * count)
      #expect(throws: GzipInflater.Failure.tooLarge) { _ = try Gzip.inflate(packed + packed, limit: 2 * count - 1) }
    }
    #expect(try Gzip.inflate(try required(Gzip.deflate([])), limit: 0) == [])
  }

  @Test("what is cut off, broken, of another format or followed by something else is malformed")
  func malformed() throws {
    let packed = try required(Gzip.deflate(Array("a text that is long enough to be worth it".utf8)))
    for count in 0..<packed.count {
      #expect(throws: GzipInflater.Failure.malformed) { _ = try Gzip.inflate(Array(packed[..<count]), limit: 100) }
    }
    var broken = packed
    broken[broken.count - 5] ^= 1
    for bytes in [broken, packed + [0], packed + Array(packed.prefix(10)), Array("text".utf8), [0x78, 0x9c, 3, 0]] {
      #expect(throws: GzipInflater.Failure.malformed) { _ = try Gzip.inflate(bytes, limit: 100) }
    }
  }
}

struct EnvelopeReaderTests {
  @Test("a message is the same however it is cut into pieces", arguments: [1, 2, 3, 5, 100])
  func anyCut(step: Int) throws {
    let envelope = Envelope(flags: 1, payload: Array("a message".utf8))
    var reader = EnvelopeReader(limit: 9)
    for start in stride(from: 0, to: envelope.bytes.count, by: step) {
      try reader.feed(envelope.bytes[start..<min(start + step, envelope.bytes.count)])
    }
    #expect(try reader.finish() == envelope)
  }

  @Test("a length is refused by its header alone, and the longest there is does no harm")
  func lengths() throws {
    for (limit, header, isRefused) in [
      (9, [0, 0, 0, 0, 9], false), (9, [0, 0, 0, 0, 10], true), (9, [0, 0xff, 0xff, 0xff, 0xff], true),
      (0, [0, 0, 0, 0, 0], false), (Int.max, [0, 0xff, 0xff, 0xff, 0xff], false),
    ] as [(Int, [UInt8], Bool)] {
      var reader = EnvelopeReader(limit: limit)
      if isRefused {
        #expect(throws: EnvelopeReader.Failure.tooLarge) { try reader.feed(header) }
      } else {
        try reader.feed(header)
      }
    }
  }

  @Test("nothing, a part and more than one are told apart")
  func cardinality() throws {
    #expect(throws: EnvelopeReader.Failure.empty) { _ = try EnvelopeReader(limit: 9).finish() }
    let bytes = Envelope(payload: [1, 2, 3]).bytes
    for count in 1..<bytes.count {
      var reader = EnvelopeReader(limit: 9)
      try reader.feed(bytes.prefix(count))
      #expect(throws: EnvelopeReader.Failure.truncated) { _ = try reader.finish() }
    }
    var reader = EnvelopeReader(limit: 9)
    #expect(throws: EnvelopeReader.Failure.moreThanOne) { try reader.feed(bytes + [0]) }
    var later = EnvelopeReader(limit: 9)
    try later.feed(bytes)
    #expect(throws: EnvelopeReader.Failure.moreThanOne) { try later.feed([0]) }
  }
}

struct Base64ReaderTests {
  private static func read(_ text: String, _ alphabet: Base64Reader.Alphabet) throws -> [UInt8] {
    var reader = Base64Reader(alphabet)
    let bytes = try reader.feed(Array(text.utf8))
    return try bytes + reader.finish()
  }

  @Test("the vectors of RFC 4648 are read, alone and one after the other")
  func vectors() throws {
    let vectors = [
      "": "", "Zg==": "f", "Zm8=": "fo", "Zm9v": "foo", "Zm9vYg==": "foob", "Zm9vYmE=": "fooba", "Zm9vYmFy": "foobar",
    ]
    for (text, plain) in vectors {
      for alphabet in [Base64Reader.Alphabet.standard, .urlSafe] {
        #expect(try Self.read(text, alphabet) == Array(plain.utf8))
        #expect(try Self.read(text + "Zg==" + text, alphabet) == Array((plain + "f" + plain).utf8))
      }
      #expect(try Self.read(text.filter { $0 != "=" }, .urlSafe) == Array(plain.utf8))
    }
    #expect(try Self.read("+/+/", .standard) == [0xfb, 0xff, 0xbf])
    #expect(try Self.read("-_-_", .urlSafe) == [0xfb, 0xff, 0xbf])
  }

  @Test(
    "what is not Base64 is refused",
    arguments: [
      "Z", "Zg", "Zg=", "Z===", "====", "=", "Zg=a", "Zh==", "Zm9=", "Zm9v\n", "Zm 9v", "Zm9v=", "-_-_", "Zm9vü",
    ])
  func malformed(text: String) {
    #expect(throws: Base64Reader.Malformed.self) { _ = try Self.read(text, .standard) }
  }
}

struct CallTimeoutTests {
  @Test("times are read as the protocols write them, and long ones are a year")
  func times() throws {
    #expect(try CallTimeout.connect(nil) == nil)
    #expect(try CallTimeout.connect("0") == .zero)
    #expect(try CallTimeout.connect("0000005000") == .seconds(5))
    #expect(try CallTimeout.connect("9999999999") == .milliseconds(9_999_999_999))
    for (text, duration) in [
      ("1H", .seconds(3_600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("250m", .milliseconds(250)),
      ("99999999u", .microseconds(99_999_999)), ("0n", .zero), ("99999999H", CallTimeout.maximum),
    ] as [(String, Duration)] { #expect(try CallTimeout.grpc(text) == duration) }
    for text in ["", "1", "H", "m1", "-1m", "1.5S", "123456789n", "1 m", "1mm", "1h", "٣m"] {
      #expect(throws: ContractError.self) { _ = try CallTimeout.grpc(text) }
    }
    for text in ["", " 1", "1ms", "-1", "00000000001", "٣"] {
      #expect(throws: ContractError.self) { _ = try CallTimeout.connect(text) }
    }
  }
}

struct CompressionTests {
  @Test("codings are read from what the client says")
  func negotiation() throws {
    for (sent, accepted, request, response) in [
      (nil, nil, .identity, .identity), ("gzip", nil, .gzip, .gzip), ("GZIP", "identity", .gzip, .identity),
      (nil, "br, gzip", .identity, .gzip), ("identity", "gzip;q=0", .identity, .identity), (nil, "*", .identity, .gzip),
      (nil, "", .identity, .identity), (" ", "br;q=1.0,gzip;q=0.001", .identity, .gzip),
      (nil, "xgzip, gzipx", .identity, .identity), (nil, "gzip;q=0.000, *;q=0", .identity, .identity),
    ] as [(String?, String?, ContentCoding, ContentCoding)] {
      let compression = try Compression(sent: sent, accepted: accepted)
      #expect([compression.request, compression.response] == [request, response], "\(sent ?? "-") \(accepted ?? "-")")
    }
    #expect(throws: ContractError.self) { _ = try Compression(sent: "gzip, gzip", accepted: nil) }
  }

  @Test("answers are compressed from 1 KiB on")
  func threshold() throws {
    let compression = try Compression(sent: nil, accepted: "gzip")
    #expect(compression.answer([UInt8](repeating: 1, count: Compression.minimumBytes - 1)).coding == .identity)
    #expect(compression.answer([UInt8](repeating: 1, count: Compression.minimumBytes)).coding == .gzip)
  }
}
