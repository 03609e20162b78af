package import SwiftProtobuf

/// A message on its way in, as the wire has it.
package struct IncomingMessage: Sendable {
  /// What the body holds.
  package enum Body: Sendable {
    /// Nothing: a message without any field set.
    case none
    /// An encoded message.
    case encoded([UInt8], MessageFormat)
    /// A message that the wire has put together itself, such as from a form.
    case message(any Message)
  }

  /// How deep messages nest in messages at most; each level of a `metadata` object takes three.
  package static let maximumDepth = 64

  /// The body.
  package let body: Body
  /// Fields that the path and the query give, as a JSON object of the message's; `nil` where there are none.
  package let parameters: MessageParameters?

  /// Makes a message.
  package init(_ body: Body, parameters: MessageParameters? = nil) {
    self.body = body
    self.parameters = parameters
  }

  /// Reads the message.
  ///
  /// - Throws: `invalid_argument` for anything that is not exactly the message: malformed JSON, unknown fields, wrong
  ///   types, invalid UTF-8, too deep nesting, a field that the path has given too.
  func decoded<M: Message>(as type: M.Type) throws(ContractError) -> M {
    var message: M
    switch body {
    case .none: message = M()
    case .encoded(let bytes, .json): message = try Self.parsing { try M(jsonUTF8Bytes: bytes, options: Self.json) }
    case .encoded(let bytes, .binary):
      message = try Self.parsing { try M(serializedBytes: bytes, options: Self.binary) }
    case .message(let made):
      guard let made = made as? M else {
        throw ContractError(any: WrongMessage(expected: M.protoMessageName, got: Swift.type(of: made).protoMessageName))
      }
      message = made
    }
    guard let parameters else { return message }
    let given = FieldPresence.numbers(of: message)
    if let twice = parameters.fields.first(where: { given.contains($0.number) }) {
      throw ContractError(.invalidArgument, "\(twice.jsonName) is given by the path: leave it out of the body")
    }
    try Self.parsing {
      let fields = try M(jsonUTF8Bytes: Array(parameters.json.utf8), options: Self.json)
      try message.merge(serializedBytes: fields.serializedBytes() as [UInt8], options: Self.binary)
    }
    return message
  }

  private struct WrongMessage: Error {
    let expected: String
    let got: String
  }

  private static var json: JSONDecodingOptions {
    var options = JSONDecodingOptions()
    options.messageDepthLimit = maximumDepth
    return options
  }

  private static var binary: BinaryDecodingOptions {
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = maximumDepth
    return options
  }

  private static func parsing<Value>(_ parse: () throws -> Value) throws(ContractError) -> Value {
    do { return try parse() } catch let error as JSONDecodingError {
      throw ContractError(.invalidArgument, "the JSON is not the message's: \(error.inWords)")
    } catch let error as BinaryDecodingError {
      throw ContractError(.invalidArgument, "the bytes are not the message's: \(error.inWords)")
    } catch {
      throw ContractError(any: error)
    }
  }
}

extension JSONDecodingError {
  /// What was wrong, for whoever wrote the JSON.
  fileprivate var inWords: String {
    switch self {
    case .failure: "it is malformed"
    case .malformedNumber: "a number is expected, or one is malformed"
    case .numberRange: "a number is out of range, or no whole number"
    case .malformedMap: "an object is malformed"
    case .malformedBool: "true or false is expected"
    case .malformedString: "a string is expected, or one is malformed"
    case .invalidUTF8: "it is not valid UTF-8"
    case .missingFieldNames: "the message has no field names"
    case .schemaMismatch: "a value has the wrong type"
    case .unrecognizedEnumValue: "an enum has no such value"
    case .illegalNull: "null is not allowed there"
    case .unquotedMapKey: "a key must be in quotes"
    case .leadingZero: "a number must not start with 0"
    case .truncated: "it ends too early"
    case .malformedDuration: "a duration is malformed"
    case .malformedTimestamp: "a time must be written as in RFC 3339: 2026-01-31T12:00:00Z"
    case .malformedFieldMask: "a field mask is malformed"
    case .trailingGarbage: "something follows the end of it"
    case .conflictingOneOf: "only one of several fields may be set"
    case .messageDepthLimit: "it nests deeper than \(IncomingMessage.maximumDepth) messages"
    case .unknownField(let name): "there is no field \(JSONText.quoted(String(name.prefix(100))))"
    }
  }
}

extension BinaryDecodingError {
  /// What was wrong, for whoever wrote the bytes.
  fileprivate var inWords: String {
    switch self {
    case .trailingGarbage: "something follows the end"
    case .truncated: "they end too early"
    case .invalidUTF8: "a string is not valid UTF-8"
    case .malformedProtobuf: "they are malformed"
    case .missingRequiredFields: "a required field is missing"
    case .internalExtensionError: "an extension cannot be read"
    case .messageDepthLimit: "they nest deeper than \(IncomingMessage.maximumDepth) messages"
    }
  }
}
