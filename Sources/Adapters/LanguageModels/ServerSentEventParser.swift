import JSONValues

/// Reads a stream of server-sent events as its bytes come, in parts cut anywhere.
///
/// Source: WHATWG HTML, §9.2.6 "Interpreting an event stream". Stricter in that bytes that are no UTF-8 and events
/// beyond the limit are errors. `id` and `retry` are read over: nothing is resumed.
struct ServerSentEventParser {
  /// An event with data.
  struct Event: Hashable {
    /// The event's type; `message` where none is given.
    let type: String
    /// The lines of its data, joined by line feeds.
    let data: String
  }

  /// Why a stream is none.
  enum Failure: Error, Hashable {
    /// An event, or a line, has more bytes than the limit.
    case tooLong
    /// A line is not UTF-8.
    case notUTF8
  }

  private let maximumEventBytes: Int
  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false
  private var type = ""
  private var skipsLineFeed = false
  private var isFirstLine = true

  /// - Parameter maximumEventBytes: the most bytes of one event's data, and of any line.
  init(maximumEventBytes: Int) { self.maximumEventBytes = maximumEventBytes }

  /// Takes the next bytes and answers with the events that they complete. An event that the stream's end cuts off is
  /// no event, so there is nothing to call at the end.
  mutating func feed(_ bytes: some Sequence<UInt8>) throws(Failure) -> [Event] {
    let result = bytes.withContiguousStorageIfAvailable { bytes in
      Result { () throws(Failure) in try take(bytes) }
    }
    if let result { return try result.get() }
    return try Array(bytes).withUnsafeBufferPointer { bytes throws(Failure) in try take(bytes) }
  }

  private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) throws(Failure) -> [Event] {
    var events: [Event] = []
    var start = 0
    for (place, byte) in bytes.enumerated() where byte == 0x0A || byte == 0x0D {
      let isSecondOfTwo = byte == 0x0A && skipsLineFeed && place == start
      skipsLineFeed = byte == 0x0D
      defer { start = place + 1 }
      if isSecondOfTwo { continue }
      let part = UnsafeBufferPointer(rebasing: bytes[start..<place])
      guard line.count + part.count <= maximumEventBytes else { throw .tooLong }
      let event: Event?
      if line.isEmpty {
        event = try endLine(part)
      } else {
        line += part
        let whole = line
        line.removeAll(keepingCapacity: true)
        event = try whole.withUnsafeBufferPointer { whole throws(Failure) in try endLine(whole) }
      }
      if let event { events.append(event) }
    }
    if start < bytes.count {
      skipsLineFeed = false
      guard line.count + bytes.count - start <= maximumEventBytes else { throw .tooLong }
      line += bytes[start...]
    }
    return events
  }

  private mutating func endLine(_ line: UnsafeBufferPointer<UInt8>) throws(Failure) -> Event? {
    var content = line[...]
    if isFirstLine, content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
    isFirstLine = false
    if content.isEmpty { return try endEvent() }
    let colon = content.firstIndex(of: UInt8(ascii: ":")) ?? content.endIndex
    let name = UnsafeBufferPointer(rebasing: content[..<colon])
    var value = content[colon...].dropFirst()
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    if name.isName("data") {
      guard data.count + value.count < maximumEventBytes else { throw .tooLong }
      if hasData { data.append(0x0A) }
      data += value
      hasData = true
    } else if name.isName("event") {
      guard let text = String(validating: value, as: UTF8.self) else { throw .notUTF8 }
      type = text
    }
    return nil
  }

  private mutating func endEvent() throws(Failure) -> Event? {
    defer {
      data.removeAll(keepingCapacity: true)
      hasData = false
      type = ""
    }
    guard hasData else { return nil }
    guard let text = String(validating: data, as: UTF8.self) else { throw .notUTF8 }
    return Event(type: type.isEmpty ? "message" : type, data: text)
  }
}
