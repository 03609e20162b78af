import FoundationEssentials

/// Reads the bodies of requests in OpenAI's shapes: fields that are not known are left alone, since clients send many, and
/// one of the wrong type is refused by its name.
enum OpenAIRequestReading {
  /// The request that a body holds.
  static func read<Request: Decodable>(_ type: Request.Type, from body: some Sequence<UInt8>) throws -> Request {
    do {
      return try JSONDecoder().decode(type, from: Data(body))
    } catch let error as DecodingError {
      throw OpenAIError(error)
    }
  }
}

extension OpenAIError {
  fileprivate init(_ error: DecodingError) {
    switch error {
    case .typeMismatch(let type, let context):
      let name = Self.name(of: context.codingPath)
      self = .invalid(name, "\(name ?? "the body") must be \(Self.words(for: type))")
    case .valueNotFound(let type, let context):
      let name = Self.name(of: context.codingPath)
      self = .invalid(name, "\(name ?? "the body") must be \(Self.words(for: type)), and not null")
    case .keyNotFound(let key, let context):
      let name = Self.name(of: context.codingPath + [key])
      self = .invalid(name, "\(name ?? key.stringValue) is missing", code: "missing_required_parameter")
    case .dataCorrupted(let context):
      let name = Self.name(of: context.codingPath)
      self = .invalid(name, name.map { "\($0) has a value that is not accepted" } ?? "the body is not JSON")
    @unknown default: self = .invalid(nil, "the body cannot be read")
    }
  }

  /// A path as OpenAI writes it: `messages[0].content`.
  static func name(of path: [any CodingKey]) -> String? {
    guard !path.isEmpty else { return nil }
    return path.reduce(into: "") { name, key in
      if let index = key.intValue {
        name += "[\(index)]"
      } else {
        name += (name.isEmpty ? "" : ".") + key.stringValue
      }
    }
  }

  private static func words(for type: Any.Type) -> String {
    switch type {
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    case is Int.Type: "a whole number"
    case is Double.Type: "a number"
    default: "\(type)".hasPrefix("Array") ? "an array" : "an object"
    }
  }
}

/// One value or a list of them.
struct OneOrMany<Value: Decodable>: Decodable {
  let values: [Value]

  init(_ values: [Value]) { self.values = values }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    // What is no single value must be a list; the list's own error says what is wrong with it.
    if let value = try? container.decode(Value.self) {
      values = [value]
    } else {
      values = try container.decode([Value].self)
    }
  }
}

/// A number without a fraction, which is refused by its name where it has one.
struct WholeNumber: Decodable {
  let value: Int

  init(_ value: Int) { self.value = value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    // What is no whole number may be another one, or something else, of which the error says what it is.
    if let value = try? container.decode(Int.self) {
      self.value = value
    } else {
      _ = try container.decode(Double.self)
      let name = OpenAIError.name(of: decoder.codingPath)
      throw OpenAIError.invalid(name, "\(name ?? "the body") must be a whole number")
    }
  }
}
