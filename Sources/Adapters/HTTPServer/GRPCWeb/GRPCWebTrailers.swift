import Contract
import GRPCCore
import HTTPTypes

/// How a call ended, as gRPC tells it.
///
/// Source: gRPC's PROTOCOL-HTTP2.md, "Responses", and PROTOCOL-WEB.md, "Message framing".
struct GRPCWebTrailers {
  /// The flag of the envelope that holds trailers.
  static let flag: UInt8 = 0b1000_0000

  /// The fields, in order.
  let fields: [(name: HTTPField.Name, value: String)]

  /// The trailers of a call; without an error it went well.
  init(_ error: ContractError?) {
    var fields: [(name: HTTPField.Name, value: String)] = [(.grpcStatus, String(error?.code.grpc.rawValue ?? 0))]
    if let error {
      fields.append((.grpcMessage, Self.percentEncoded(error.message)))
      // Base64 also where the stream is text, though PROTOCOL-WEB.md would leave it out there: raw bytes could break the
      // block of fields, and no client expects them.
      if let details = error.statusDetails {
        fields.append((.grpcStatusDetails, Base64Text.of(details, isPadded: false)))
      }
    }
    self.fields = fields
  }

  /// The envelope: a block of HTTP/1 header fields with names in lower case, without the empty line.
  var envelope: Envelope {
    let block = fields.map { "\($0.name.canonicalName): \($0.value)\r\n" }.joined()
    return Envelope(flags: Self.flag, payload: Array(block.utf8))
  }

  /// A status message: bytes outside of printable ASCII, and `%`, as `%XX`.
  static func percentEncoded(_ message: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    for byte in message.utf8 {
      if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%") {
        encoded.append(byte)
      } else {
        encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }
}
