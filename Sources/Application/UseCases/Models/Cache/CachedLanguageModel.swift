/// A model whose replies are kept in a ``ResponseCache``.
///
/// Only requests that name an organisation are; a reply is shared by those of one organisation and never with another's.
package struct CachedLanguageModel: LanguageModel {
  private let model: any LanguageModel
  private let cache: ResponseCache

  /// Puts a cache before a model.
  package init(_ model: any LanguageModel, cache: ResponseCache) {
    self.model = model
    self.cache = cache
  }

  package var name: String { model.name }

  package func unsupported(in request: ModelRequest) -> String? { model.unsupported(in: request) }

  package func reply(
    to request: ModelRequest, emit: @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws(ModelFailure) -> ReplyEnd {
    if let reason = unsupported(in: request) { throw .rejected(reason) }
    guard request.organizationID != nil else { return try await model.reply(to: request, emit: emit) }
    let key = ResponseCache.Key(model: name, request: request)
    switch cache.find(key) {
    case .reply(let parts, let end):
      for part in parts { try await emit(part) }
      return end.fromCache
    case .following(let reply, let reader):
      defer { reply.leave(reader) }
      return try await reply.follow(reader, emit: emit).fromCache
    case .leading(let reply, let reader):
      reply.start { [model, cache] in
        let result: Result<ReplyEnd, ModelFailure>
        do throws(ModelFailure) {
          result = .success(
            try await model.reply(to: request) { part throws(ModelFailure) in try await reply.write(part) })
        } catch {
          result = .failure(error)
        }
        // First, so that nobody joins what has ended.
        if case .success(let end) = result {
          cache.ended(key, reply, with: end)
        } else {
          cache.ended(key, reply, with: nil)
        }
        reply.end(result)
      }
      defer { reply.leave(reader) }
      return try await reply.follow(reader, emit: emit)
    }
  }
}

extension ReplyEnd {
  /// The same end for a reader whom the model was not asked for.
  fileprivate var fromCache: ReplyEnd {
    ReplyEnd(finishReason: finishReason, usage: usage, quotes: quotes, toolCalls: toolCalls, isCached: true)
  }
}
