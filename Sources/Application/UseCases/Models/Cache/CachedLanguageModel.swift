package import Domain

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

  package var profiles: [ModelProfile] { model.profiles }

  package func unsupported(in request: ModelRequest) -> UnsupportedRequest? { model.unsupported(in: request) }

  package func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    if let unsupported = unsupported(in: request) { throw ModelFailure(unsupported) }
    guard request.organizationID != nil else { return try await model.reply(to: request, reader: reader) }
    let key = ResponseCache.Key(model: name, request: request)
    switch cache.find(key) {
    case .reply(let parts, let end):
      for part in parts { try await reader.write(part) }
      return end.fromCache
    case .following(let reply, let number):
      return try await read(reply, as: number, for: request, reader)
    case .leading(let reply, let number):
      var shared = request
      shared.answering = reply.answering
      reply.start { [model, cache, shared] in
        let result: Result<ReplyEnd, ModelFailure>
        do throws(ModelFailure) {
          result = .success(
            try await model.reply(to: shared) { part throws(ModelFailure) in try await reply.write(part) })
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
      return try await read(reply, as: number, for: request, reader)
    }
  }

  /// Reads a shared reply to its end. One of those who read it pays; to the others it is as if it had been kept.
  private func read(
    _ reply: SharedReply, as number: Int, for request: ModelRequest, _ reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    let result: Result<(end: ReplyEnd, pays: Bool), ModelFailure>
    do throws(ModelFailure) { result = .success(try await reply.follow(number, reader)) } catch {
      result = .failure(error)
    }
    let share = reply.leave(number)
    if let name = reply.answering.name { request.answering?.note(name) }
    if case .failure = result {
      switch share {
      case .own: break
      case .none: request.answering?.note(charge: .none)
      case .whole(let usage): request.answering?.note(charge: usage)
      }
    }
    let (end, pays) = try result.get()
    return pays ? end : end.fromCache
  }
}

extension ReplyEnd {
  /// The same end for a reader whom the model was not asked for.
  fileprivate var fromCache: ReplyEnd {
    ReplyEnd(finishReason: finishReason, usage: usage, quotes: quotes, toolCalls: toolCalls, isCached: true)
  }
}
