import FoundationEssentials

/// Reads the arguments of a tool.
enum ToolArguments {
  /// The arguments as a type that says which there are.
  ///
  /// - Throws: `.invalid` for what is not of that type.
  static func read<Arguments: Decodable>(
    _ type: Arguments.Type, from text: String
  ) throws(ChatToolFailure) -> Arguments {
    do { return try JSONDecoder().decode(type, from: Data(text.utf8)) } catch let error as DecodingError {
      throw .invalid(words(for: error))
    } catch {
      throw .invalid("the arguments cannot be read")
    }
  }

  private static func words(for error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): return "\(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      guard let name = context.codingPath.last?.stringValue else { return "the arguments must be a JSON object" }
      return "\(name) has a value that is not accepted"
    @unknown default: return "the arguments cannot be read"
    }
  }
}

extension ChatToolFailure {
  /// What a failure of a use case means to a model.
  init(_ failure: UseCaseFailure) {
    switch failure {
    case .invalid(let why), .tooLong(let why): self = .invalid(why)
    case .unauthenticated(let why), .forbidden(let why), .notFound(let why), .alreadyExists(let why),
      .precondition(let why), .exhausted(let why), .unavailable(let why), .overloaded(let why, _):
      self = .failed(why)
    case .limited(let refusal): self = .failed(refusal.words)
    // The detail is for the log alone.
    case .broken: self = .failed("something went wrong in the server")
    case .cancelled: self = .cancelled
    }
  }
}
