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
    case .chatCompletions: "/v1/chat/completions"
    case .completions: "/v1/completions"
    case .embeddings: "/v1/embeddings"
    case .models: "/v1/models"
    case .model: "/v1/models/{model}"
    }
  }

  /// With an API key: it must have one of these.
  var scopes: Set<APIKeyScope> {
    switch self {
    case .chatCompletions, .completions: Self.chatScopes
    case .embeddings: [.chat, .search]
    case .models, .model: [.chat, .search, .read, .submit, .admin]
    }
  }

  private static let chatScopes: Set<APIKeyScope> = [.chat]

  /// Whether a model works on the answer so long that the client's leaving must reach it.
  var isCompletion: Bool { self == .chatCompletions || self == .completions }
}
