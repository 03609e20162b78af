import HTTPTypes
import NIOCore

/// The header fields of an answer to a completion: what is the same in every answer is made into bytes once.
struct CompletionHeaders: Sendable {
  private static let common: ByteBuffer = {
    var fields = HTTPFields()
    fields.addCommon(requestID: "", date: "")
    fields[.requestID] = nil
    fields[.date] = nil
    var bytes = ByteBuffer()
    for field in fields { bytes.write(field) }
    return bytes
  }()

  /// Names the request.
  let requestID: String
  /// What pages of other origins need; none for most.
  let cors: HTTPFields

  /// Writes them all.
  ///
  /// - Parameter own: the answer's own, which stand in place of others of their names.
  func write(_ own: HTTPFields, to buffer: inout ByteBuffer) {
    guard cors.isEmpty else {
      var fields = HTTPFields()
      fields.addCommon(requestID: requestID, date: HTTPDate.now())
      fields.add(cors)
      for field in own { fields[field.name] = field.value }
      for field in fields { buffer.write(field) }
      return
    }
    buffer.writeImmutableBuffer(Self.common)
    buffer.writeStaticString("x-request-id: ")
    buffer.writeString(requestID)
    buffer.writeStaticString("\r\ndate: ")
    buffer.writeString(HTTPDate.now())
    buffer.writeStaticString("\r\n")
    for field in own { buffer.write(field) }
  }
}

extension ByteBuffer {
  fileprivate mutating func write(_ field: HTTPField) {
    writeString(field.name.canonicalName)
    writeStaticString(": ")
    writeString(field.value)
    writeStaticString("\r\n")
  }
}
