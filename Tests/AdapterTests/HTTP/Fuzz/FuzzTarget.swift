import FoundationEssentials
import SwiftProtobuf

@testable import Contract
@testable import HTTPServer

/// A decoder that is fed with anything.
struct FuzzTarget: Sendable {
  /// The most bytes that a decoder may give or keep.
  static let limit = 512

  let name: String
  /// Valid inputs, from which the others are made.
  let corpus: [[UInt8]]
  /// Decodes, and tells how many bytes that gave; throws where the input is refused.
  let decode: @Sendable ([UInt8]) throws -> Int

  /// Every decoder that strangers reach.
  static func all() throws -> [FuzzTarget] {
    let messages: [any Message] = [chat, submission, search]
    let json: [[UInt8]] = try messages.map { try $0.jsonUTF8Bytes() }
    let binary: [[UInt8]] = try messages.map { try $0.serializedBytes() }
    return [
      try enveloped("enveloped JSON", .json, text: false, json),
      try enveloped("enveloped binary", .binary, text: false, binary),
      try enveloped("Base64 of envelopes", .binary, text: true, binary),
      query, timeouts, gzip(json),
      FuzzTarget(name: "JSON", corpus: json) { try decoded(IncomingMessage(.encoded($0, .json))) },
      FuzzTarget(name: "binary", corpus: binary) { try decoded(IncomingMessage(.encoded($0, .binary))) },
    ]
  }

  // Messages of each kind of field: strings, enums, numbers, times, structs, repeated, nested and oneof.

  static let chat = Opentier_V1_StreamChatRequest.with {
    $0.message = "What bends a river? ü 🏔️"
    $0.parentID = "01a22130-8be8-7264-b3a0-65bf2e8ead3d"
    $0.asOf = Google_Protobuf_Timestamp(seconds: 1_800_000_000, nanos: 500)
    $0.filters.documentIds = ["a", "b"]
    $0.filters.tags = ["ice"]
  }
  static let submission = Opentier_V1_CreateSubmissionRequest.with {
    $0.title = "Rivers"
    $0.metadata = ["tags": Google_Protobuf_Value(listValue: ["a", 1, nil, true]), "n": 1.5]
    $0.file.name = "a.txt"
    $0.file.data = Data([0, 1, 2, 0xff])
  }
  static let search = Opentier_V1_SearchRequest.with {
    $0.query = "river"
    $0.mode = .hybrid
    $0.limit = 7
  }

  private static func decoded(_ message: IncomingMessage) throws -> Int {
    let size = if case .encoded(let bytes, _) = message.body { bytes.count } else { 0 }
    // Which of the messages it is does not matter: each has to be read or refused.
    do {
      _ = try message.decoded(as: Opentier_V1_StreamChatRequest.self)
    } catch {
      do {
        _ = try message.decoded(as: Opentier_V1_CreateSubmissionRequest.self)
      } catch {
        _ = try message.decoded(as: Opentier_V1_SearchRequest.self)
      }
    }
    return size
  }

  private static func enveloped(
    _ name: String, _ format: MessageFormat, text isText: Bool, _ messages: [[UInt8]]
  ) throws -> FuzzTarget {
    var corpus: [[UInt8]] = []
    for message in messages + [[]] {
      corpus.append(Envelope(payload: message).bytes)
      if let packed = Gzip.deflate(message) {
        corpus.append(Envelope(flags: Envelope.compressed, payload: packed).bytes)
      }
    }
    if let bomb = Gzip.deflate([UInt8](repeating: 0x20, count: 100_000)) {
      corpus.append(Envelope(flags: Envelope.compressed, payload: bomb).bytes)
    }
    // What a client gets, and might send back: ends of streams and trailers.
    corpus.append(Envelope(flags: ConnectStream.endOfStream, payload: Array("{}".utf8)).bytes)
    corpus.append(GRPCWebTrailers(ContractError(.notFound, "there is none")).envelope.bytes)
    if isText { corpus = corpus.map { Array(Base64Text.of($0).utf8) } }
    let wire = EnvelopedMessages(
      format: format, compression: try Compression(sent: "gzip", accepted: nil), limit: limit,
      corrupt: .invalidArgument)
    return FuzzTarget(name: name, corpus: corpus) { input in
      // In two pieces, as a connection may bring them.
      let cut = input.count / 3
      var text = isText ? Base64Reader(.standard) : nil
      var reader = EnvelopeReader(limit: limit)
      for piece in [input[..<cut], input[cut...]] {
        if let bytes = try text?.feed(piece) { try reader.feed(bytes) } else { try reader.feed(piece) }
      }
      try reader.feed(try text?.finish() ?? [])
      let envelope = try reader.finish()
      return try max(envelope.payload.count, decoded(try wire.incoming(envelope)))
    }
  }

  private static let query = FuzzTarget(
    name: "Connect's query",
    corpus: [
      "message=%7B%22query%22%3A%22river%22%7D&encoding=json&connect=v1",
      "base64=1&compression=gzip&encoding=proto&message=H4sIAAAAAAAAA3MEAIue2dMBAAAA",
      "connect=v1&base64=1&encoding=proto&message=CgVyaXZlchAD", "encoding=proto&message=&other=%C3%BC+x",
    ].map { Array($0.utf8) }
  ) { input in
    try ConnectGet.query(String(decoding: input, as: UTF8.self)).message.count
  }

  private static let timeouts = FuzzTarget(
    name: "timeouts and codings",
    corpus: ["5000", "9999999999", "250m", "99999999H", "1u", "gzip;q=0.5, br", "identity"]
      .map { Array($0.utf8) }
  ) { input in
    let text = String(decoding: input, as: UTF8.self)
    let compression = try Compression(sent: nil, accepted: text)
    guard [.identity, .gzip].contains(compression.response) else { throw Missing() }
    let timeout = try text.last?.isNumber == true ? CallTimeout.connect(text) : CallTimeout.grpc(text)
    guard let timeout, timeout >= .zero, timeout <= CallTimeout.maximum else { throw Missing() }
    return 0
  }

  private static func gzip(_ messages: [[UInt8]]) -> FuzzTarget {
    FuzzTarget(
      name: "gzip", corpus: (messages + [[], [UInt8](repeating: 0, count: 100_000)]).compactMap(Gzip.deflate)
    ) { input in
      try Gzip.inflate(input, limit: limit).count
    }
  }
}
