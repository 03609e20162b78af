/// Writes JSON member by member, for messages that come often: a ``JSONValue`` would be made only to be written.
///
/// Whoever writes keeps to the grammar: within an object a ``name(_:)`` before each value, within an array none.
package struct JSONWriter {
  /// What was written, in UTF-8.
  package private(set) var bytes: [UInt8] = []
  private var isFirst = true

  /// Writes nothing yet.
  package init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

  /// Writes an object with the members that the closure writes.
  package mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
    try enclosed(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
  }

  /// Writes an array with the values that the closure writes.
  package mutating func array(_ values: (inout JSONWriter) throws -> Void) rethrows {
    try enclosed(UInt8(ascii: "["), UInt8(ascii: "]"), values)
  }

  private mutating func enclosed(
    _ open: UInt8, _ close: UInt8, _ content: (inout JSONWriter) throws -> Void
  ) rethrows {
    separate()
    bytes.append(open)
    isFirst = true
    try content(&self)
    bytes.append(close)
    isFirst = false
  }

  /// Writes the name of the value that follows: letters, digits and underscores.
  package mutating func name(_ name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
    isFirst = true
  }

  /// Writes a string.
  package mutating func string(_ text: String) {
    separate()
    JSONString.append(text, to: &bytes)
  }

  /// Writes a string, or `null`.
  package mutating func string(orNull text: String?) { if let text { string(text) } else { null() } }

  /// Writes a whole number.
  package mutating func integer(_ value: Int) { literal(String(value)) }

  /// Writes `true` or `false`.
  package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

  /// Writes `null`.
  package mutating func null() { literal("null") }

  /// Writes a value of any kind.
  ///
  /// - Throws: for a number that JSON has not, such as infinity.
  package mutating func value(_ value: JSONValue) throws {
    separate()
    try value.write(to: &bytes)
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
  }

  /// Puts a comma before whatever follows something else in the same object or array.
  private mutating func separate() {
    if isFirst { isFirst = false } else { bytes.append(UInt8(ascii: ",")) }
  }
}
