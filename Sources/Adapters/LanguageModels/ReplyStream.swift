import Application
import Domain
import FoundationEssentials
import Synchronization

/// Reads a streamed chat completion: events in, texts out, and in the end how it ended.
final class ReplyStream: Sendable {
  private struct State {
    var parser: ServerSentEventParser
    var hasBegun = false
    var finishReason: FinishReason?
    var usage: TokenUsage?
    var isDone = false
    /// What ends the reply behind texts that came in the same bytes; thrown by the next call.
    var pending: ModelFailure?
  }

  private let failure: ProviderFailure
  private let state: Mutex<State>

  init(name: String, maximumEventBytes: Int) {
    failure = ProviderFailure(name: name)
    state = Mutex(State(parser: ServerSentEventParser(maximumEventBytes: maximumEventBytes)))
  }

  /// Whether the provider has sent anything of a stream.
  var hasBegun: Bool { state.withLock { $0.hasBegun } }
  /// Whether the final mark, `[DONE]`, has come.
  var isDone: Bool { state.withLock { $0.isDone } }

  /// Takes the next bytes and answers with the texts in them, none of them empty. What is wrong behind a text is thrown
  /// by the next call, or by ``end()``: however the network cuts the stream, the same texts arrive.
  func feed(_ bytes: some Sequence<UInt8>) throws(ModelFailure) -> [String] {
    let result = state.withLock { state in
      Result { () throws(ModelFailure) in try read(bytes, &state) }
    }
    return try result.get()
  }

  /// How the reply ended.
  ///
  /// - Throws: `.broken` when it has not.
  func end() throws(ModelFailure) -> ReplyEnd {
    let (reason, usage, pending) = state.withLock { ($0.finishReason, $0.usage, $0.pending) }
    if let pending { throw pending }
    guard let reason else { throw failure.broken("broke off its reply") }
    return ReplyEnd(finishReason: reason, usage: usage)
  }

  private func read(_ bytes: some Sequence<UInt8>, _ state: inout State) throws(ModelFailure) -> [String] {
    state.hasBegun = true
    if let pending = state.pending { throw pending }
    let events: [ServerSentEventParser.Event]
    do {
      events = try state.parser.feed(bytes)
    } catch {
      switch error {
      case .tooLong: throw failure.broken("sent an event that is too long")
      case .notUTF8: throw failure.broken("sent what is not UTF-8")
      }
    }
    var texts: [String] = []
    for event in events where !state.isDone {
      if event.data == "[DONE]" {
        state.isDone = true
      } else {
        do throws(ModelFailure) {
          if let text = try read(event, &state) { texts.append(text) }
        } catch {
          guard !texts.isEmpty else { throw error }
          state.pending = error
          break
        }
      }
    }
    return texts
  }

  private func read(_ event: ServerSentEventParser.Event, _ state: inout State) throws(ModelFailure) -> String? {
    let chunk: ChatCompletionChunk
    do {
      chunk = try JSONDecoder().decode(ChatCompletionChunk.self, from: Data(event.data.utf8))
    } catch {
      throw failure.broken("sent an event that is no reply")
    }
    guard chunk.error == nil, event.type != "error" else { throw failure.broken("failed half-way") }
    guard chunk.choices != nil || chunk.usage != nil else { throw failure.broken("sent an event that is no reply") }
    if let usage = chunk.usage {
      guard usage.prompt_tokens >= 0, usage.completion_tokens >= 0 else {
        throw failure.broken("sent a usage below zero")
      }
      state.usage = TokenUsage(promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens)
    }
    // What follows the end of the text is no part of it.
    guard let choice = chunk.choice, state.finishReason == nil else { return nil }
    switch choice.finish_reason {
    case nil, "": break
    case "length": state.finishReason = .length
    case "content_filter": throw .rejected("the content filter of the model's provider stopped the reply")
    case "tool_calls", "function_call": throw failure.broken("asked for a tool although it was given none")
    default: state.finishReason = .stop
    }
    guard let text = choice.delta?.content, !text.isEmpty else { return nil }
    return text
  }
}
