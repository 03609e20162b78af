import Contract
import Domain

/// A method of the OpenAI-compatible API.
enum OpenAIOperation: Sendable, CaseIterable {
  case chatCompletions
  case completions
  case embeddings
  case models
  case model

  /// What the paths begin with.
  static let prefix = "/v1"

  /// The HTTP method.
  var verb: String {
    switch self {
    case .chatCompletions, .completions, .embeddings: "POST"
    case .models, .model: "GET"
    }
  }

  /// The path, with a gap for the model's name.
  var path: String {
    switch self {
    case .chatCompletions: Self.prefix + "/chat/completions"
    case .completions: Self.prefix + "/completions"
    case .embeddings: Self.prefix + "/embeddings"
    case .models: Self.prefix + "/models"
    case .model: Self.prefix + "/models/{model}"
    }
  }

  /// With an API key: it must have one of these.
  var scopes: Set<APIKeyScope> {
    switch self {
    case .chatCompletions, .completions: [.chat]
    case .embeddings: [.chat, .search]
    case .models, .model: [.chat, .search, .read, .submit, .admin]
    }
  }

  /// Whether a model works on the answer so long that the client's leaving must reach it.
  var isCompletion: Bool { self == .chatCompletions || self == .completions }
}
