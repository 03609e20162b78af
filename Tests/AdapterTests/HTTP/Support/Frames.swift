import FoundationEssentials
import NIOHTTP1

@testable import HTTPServer

/// The envelopes of a whole body, as a client reads them.
func envelopes(_ bytes: [UInt8]) throws -> [Envelope] {
  var envelopes: [Envelope] = []
  var rest = bytes[...]
  while !rest.isEmpty {
    guard rest.count >= Envelope.headerBytes else { throw Missing() }
    let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
    let flags = rest[rest.startIndex]
    rest = rest.dropFirst(Envelope.headerBytes)
    guard rest.count >= length else { throw Missing() }
    envelopes.append(Envelope(flags: flags, payload: Array(rest.prefix(length))))
    rest = rest.dropFirst(length)
  }
  return envelopes
}

extension ServerUnderTest {
  /// Calls a method with bytes of a media type.
  func call(
    _ method: String, _ body: [UInt8], type: String, token: String? = nil, headers: [(String, String)] = []
  ) async throws -> Reply {
    try await ask(.POST, "/opentier.v1.\(method)", body: body, type: type, token: token, headers: headers)
  }

  /// Calls a method with one enveloped message.
  func callEnveloped(
    _ method: String, _ message: String, flags: UInt8 = 0, type: String, token: String? = nil,
    headers: [(String, String)] = []
  ) async throws -> Reply {
    try await call(
      method, Envelope(flags: flags, payload: Array(message.utf8)).bytes, type: type, token: token, headers: headers)
  }
}

extension ServerUnderTest.Reply {
  /// The trailers of a gRPC-Web answer: of its last envelope, or of its header.
  func trailers() throws -> [String: String] {
    guard let last = try envelopes(bytes).last else {
      return Dictionary(uniqueKeysWithValues: headers.map { ($0.name.lowercased(), $0.value) })
    }
    guard last.flags == GRPCWebTrailers.flag else { throw Missing() }
    var fields: [String: String] = [:]
    for line in String(decoding: last.payload, as: UTF8.self).components(separatedBy: "\r\n") where !line.isEmpty {
      let parts = line.components(separatedBy: ": ")
      fields[parts[0]] = parts.dropFirst().joined(separator: ": ")
    }
    return fields
  }

  /// The code of the last envelope of a Connect stream; `nil` where it went well.
  func streamCode() throws -> String? {
    let last = try required(try envelopes(bytes).last)
    guard last.flags == ConnectStream.endOfStream else { throw Missing() }
    return JSON(last.payload)["error"]?["code"]?.string
  }
}
