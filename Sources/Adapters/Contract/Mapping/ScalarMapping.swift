import Domain
import FoundationEssentials
import SwiftProtobuf

extension Google_Protobuf_Timestamp {
  /// A time, to the microsecond that storage keeps.
  init(_ date: Date) {
    let microseconds = date.microseconds
    // Nanoseconds count forward even before 1970 (timestamp.proto).
    let seconds = microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000
    self.init(seconds: seconds, nanos: Int32((microseconds - seconds * 1_000_000) * 1_000))
  }

  /// The time, to the microsecond.
  ///
  /// - Throws: `invalid_argument` outside the years 1 to 9999, which binary encodings can hold.
  func date(_ field: String) throws(ContractError) -> Date {
    guard (-62_135_596_800...253_402_300_799).contains(seconds), (0...999_999_999).contains(nanos) else {
      throw .invalid(field, "must be a time of the years 1 to 9999")
    }
    return Date(microseconds: seconds * 1_000_000 + Int64(nanos) / 1_000)
  }
}

extension ContractError {
  /// A field that breaks a rule, such as `pageSize` that `must be 1 to 200`.
  static func invalid(_ field: String, _ rule: String) -> ContractError {
    ContractError(.invalidArgument, "\(field) \(rule)", details: [FieldViolation(field, rule)])
  }
}

extension Identifier {
  /// The id of the thing that a call is about. A text that is no id names nothing.
  ///
  /// - Throws: `not_found`.
  init(of thing: String, _ text: String) throws(ContractError) {
    guard let id = Self(text) else { throw ContractError(.notFound, "there is no such \(thing)") }
    self = id
  }

  /// An id that a call refers to in passing.
  ///
  /// - Throws: `invalid_argument`.
  init(field: String, _ text: String) throws(ContractError) {
    guard let id = Self(text) else { throw .invalid(field, "must be a UUID") }
    self = id
  }
}

extension PageRequest {
  /// Reads the two fields that every list has.
  init(size: UInt32?, token: String?) throws(ContractError) {
    if let size, !(1...UInt32(Self.maximumSize)).contains(size) {
      throw .invalid("pageSize", "must be 1 to \(Self.maximumSize)")
    }
    var cursor: PageCursor?
    if let token, !token.isEmpty {
      guard let read = PageCursor(token: token) else { throw .invalid("pageToken", "must be a nextPageToken") }
      cursor = read
    }
    self.init(size: size.map(Int.init) ?? Self.defaultSize, after: cursor)
  }
}

extension UInt32 {
  /// A count or an offset. Texts are limited far below 4 GiB; should one come, it is shown as the largest number.
  init(count: Int) { self = UInt32(clamping: count) }
}
