import Application
import Contract
import Domain
import FoundationEssentials
import HTTPTypes
import JSONValues
import NIOCore

/// The methods of the OpenAI-compatible API whose answers are whole at once.
///
/// A class, so that where a call waits it holds no more of it than a reference.
final class OpenAIAPI: Sendable {
  let intelligence: any Intelligence
  let services: ContractServices
  let limits: HTTPLimits
  /// What the models' `created` says: when the server started.
  private let created = Int(Date().timeIntervalSince1970)

  /// Makes the API.
  init(_ intelligence: any Intelligence, services: ContractServices, limits: HTTPLimits) {
    self.intelligence = intelligence
    self.services = services
    self.limits = limits
  }

  /// Finds out who is calling, and refuses who may not.
  func admit(_ operation: OpenAIOperation, _ context: CallContext) async throws {
    try await context.authenticate(by: services.authenticate)
    try context.requireScope(of: operation.scopes)
  }

  /// The body of a request.
  func body(of head: RequestHead, _ reader: inout BodyReader) async throws -> [UInt8] {
    try ContentType.check(head, is: ["application/json"], unlessEmpty: reader.isAtEnd)
    let bytes = try await reader.collect(upTo: limits.completionBody, declared: head.contentLength)
    return Array(bytes.readableBytesView)
  }

  /// Answers a method that is no completion.
  func answer(
    _ operation: OpenAIOperation, _ values: [Substring], _ head: RequestHead, _ reader: inout BodyReader,
    _ context: CallContext
  ) async -> Answer {
    do {
      try await admit(operation, context)
      switch operation {
      case .models:
        let models = try await catalog().map { json($0.name, $0.profile) }
        return Answer(openAI: .object(["object": .string("list"), "data": .array(models)]))
      case .model:
        let name = values.first.flatMap { PercentEncoding.decode($0) } ?? ""
        guard let model = try await catalog().first(where: { $0.name == name }) else {
          throw OpenAIError.noSuchModel(name)
        }
        return Answer(openAI: json(name, model.profile))
      case .embeddings:
        let request = try OpenAIRequestReading.read(
          EmbeddingsRequest.self, from: try await body(of: head, &reader))
        return try await embed(request, context)
      case .chatCompletions, .completions:
        throw ContractError(.internal, "a completion is not answered here")
      }
    } catch {
      return OpenAIError(any: error).answer
    }
  }

  /// All models, under the names that they are to be asked for by.
  private func catalog() async throws -> [(name: String, profile: ModelProfile)] {
    let catalog = try await intelligence.models()
    return catalog.models.filter(\.takesDialogues).map { ($0.name, $0.profile) }
      + catalog.models.map { (CompleteDialogue.groundedPrefix + $0.name, $0.profile) }
      + (catalog.embedding.map { [($0.name, .unknown)] } ?? [])
  }

  /// A model, and beyond what OpenAI tells what is known of it.
  private func json(_ model: String, _ profile: ModelProfile) -> JSONValue {
    var members: [String: JSONValue] = [
      "id": .string(model), "object": .string("model"), "created": .integer(created), "owned_by": .string("opentier"),
    ]
    if let window = profile.contextWindow { members["context_window"] = .integer(window) }
    if let output = profile.maximumOutput { members["max_output_tokens"] = .integer(output) }
    if let capabilities = profile.capabilities {
      members["capabilities"] = .array(capabilities.map(\.rawValue).sorted().map { .string($0) })
    }
    return .object(members)
  }

  private func embed(_ request: EmbeddingsRequest, _ context: CallContext) async throws -> Answer {
    guard let caller = context.principal else { throw ContractError(.unauthenticated, "sign in first") }
    let (texts, isBase64) = (try request.texts(), try request.isBase64())
    guard let model = try await intelligence.models().embedding, model.name == request.model else {
      throw OpenAIError.noSuchModel(request.model)
    }
    if let dimensions = request.dimensions?.value {
      try Sampling.refuse(
        dimensions != model.dimensions, "dimensions", "must be \(model.dimensions): the model has no other")
    }
    var data: [JSONValue] = []
    var tokens = 0
    for start in stride(from: 0, to: texts.count, by: EmbedTexts.maximumTexts) {
      let part = Array(texts[start..<min(start + EmbedTexts.maximumTexts, texts.count)])
      let answer = try await intelligence.embed(part, caller)
      tokens += answer.tokens
      for vector in answer.vectors {
        data.append(
          .object([
            "object": .string("embedding"), "index": .integer(data.count),
            "embedding": EmbeddingsRequest.json(vector, isBase64: isBase64),
          ]))
      }
    }
    return Answer(
      openAI: .object([
        "object": .string("list"), "model": .string(model.name), "data": .array(data),
        "usage": .object(["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)]),
      ]))
  }
}
