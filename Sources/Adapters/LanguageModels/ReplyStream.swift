import Application
import Domain
import NIOCore
import Synchronization

/// Reads a streamed reply: events in, texts out, and in the end how it ended.
final class ReplyStream: Sendable {
  private struct State {
    var parser: ServerSentEventParser
    var hasBegun = false
    var progress: ReplyProgress
    /// The texts that the reader has not taken yet, the next one last.
    var texts: [String] = []
    var isReaderBehind = false
    /// What ends the reply behind texts that came in the same bytes; thrown when they have been taken.
    var pending: ModelFailure?
    /// How many bytes more a reply may have.
    var bytesLeft: Int
  }

  private let failure: ProviderFailure
  private let wire: any ProviderWire
  private let offeredTools: Set<String>
  private let takesUnknownTools: Bool
  private let state: Mutex<State>

  init(
    name: String, wire: any ProviderWire, offeredTools: Set<String>, takesUnknownTools: Bool = false,
    maximumEventBytes: Int, maximumBytes: Int
  ) {
    failure = ProviderFailure(name: name)
    self.wire = wire
    self.offeredTools = offeredTools
    self.takesUnknownTools = takesUnknownTools
    state = Mutex(
      State(
        parser: ServerSentEventParser(maximumEventBytes: maximumEventBytes), progress: ReplyProgress(failure: failure),
        bytesLeft: maximumBytes))
  }

  /// Whether the provider has sent anything of a stream.
  var hasBegun: Bool { state.withLock { $0.hasBegun } }
  /// Whether the provider has said that nothing more follows.
  var isDone: Bool { state.withLock { $0.progress.isDone } }

  /// What came of bytes.
  enum Progress {
    /// There was no text in them.
    case silent
    /// The reader has taken their texts, and may have more.
    case ready
    /// The reader has taken a text, and has to be waited for.
    case readerIsBehind
  }

  /// Takes the next bytes, and hands the texts in them to the reader. What is wrong behind a text is thrown by the next
  /// call, or by ``end()``: however the network cuts the stream, the same texts arrive.
  func feed(_ bytes: ByteBuffer, to reader: ReplyReader) throws(ModelFailure) -> Progress {
    let result = state.withLock { state in
      Result { () throws(ModelFailure) in
        state.bytesLeft -= bytes.readableBytes
        guard state.bytesLeft >= 0 else { throw failure.broken("sent more than the limit for a reply") }
        return try read(bytes, &state)
      }
    }
    guard let text = try result.get() else { return .silent }
    try hand(text, to: reader)
    return isReaderBehind ? .readerIsBehind : .ready
  }

  /// Whether the reader is to be waited for, and ``goOn(to:)`` called then.
  var isReaderBehind: Bool { state.withLock { $0.isReaderBehind } }

  /// The reader is ready: hands over the texts that it has not taken yet.
  func goOn(to reader: ReplyReader) throws(ModelFailure) {
    let text = state.withLock { state in
      state.isReaderBehind = false
      return state.texts.popLast()
    }
    if let text { try hand(text, to: reader) }
  }

  private func hand(_ first: String, to reader: ReplyReader) throws(ModelFailure) {
    var next: String? = first
    while let text = next {
      let isReady = try reader.take(text)
      next = state.withLock { state in
        state.isReaderBehind = !isReady
        return isReady ? state.texts.popLast() : nil
      }
    }
  }

  /// Takes an answer that is whole; answers with its text, if it has one.
  func take(whole body: ByteBuffer) throws(ModelFailure) -> String? {
    guard let text = String(validating: body.readableBytesView, as: UTF8.self) else {
      throw failure.broken("sent what is not UTF-8")
    }
    let result = state.withLock { state in
      state.hasBegun = true
      return Result { () throws(ModelFailure) in
        let text = try wire.readWhole(text, into: &state.progress)
        state.progress.hasText = text?.isEmpty == false
        return text
      }
    }
    return try result.get()
  }

  /// How the reply ended.
  ///
  /// - Throws: `.broken` when it has not, and when it asks for a tool that was not offered and would not be answered.
  func end() throws(ModelFailure) -> ReplyEnd {
    let (progress, pending) = state.withLock { ($0.progress, $0.pending) }
    if let pending { throw pending }
    guard let reason = progress.finishReason else { throw failure.broken("broke off its reply") }
    // A call that the limit of tokens cut off is none.
    let calls = reason == .length ? [] : try progress.finishedToolCalls()
    guard calls.isEmpty || !offeredTools.isEmpty else {
      throw failure.broken("asked for a tool although it was given none")
    }
    guard takesUnknownTools || calls.allSatisfy({ offeredTools.contains($0.name) }) else {
      throw failure.broken("asked for a tool that it was not offered")
    }
    // Proxies write zeros where they know nothing; who counts them gives the reply away.
    let usage = progress.usage.flatMap { $0.total == 0 && progress.hasText ? nil : $0 }
    return ReplyEnd(finishReason: reason, usage: usage, toolCalls: calls)
  }

  /// Reads bytes: the first text in them is the result, those behind it wait.
  private func read(_ bytes: ByteBuffer, _ state: inout State) throws(ModelFailure) -> String? {
    state.hasBegun = true
    if let pending = state.pending { throw pending }
    let events: [ServerSentEventParser.Event]
    do {
      events = try state.parser.feed(bytes.readableBytesView)
    } catch {
      switch error {
      case .tooLong: throw failure.broken("sent an event that is too long")
      case .notUTF8: throw failure.broken("sent what is not UTF-8")
      }
    }
    var first: String?
    for event in events where !state.progress.isDone {
      do throws(ModelFailure) {
        guard let text = try wire.read(event, into: &state.progress), !text.isEmpty else { continue }
        state.progress.hasText = true
        if first == nil { first = text } else { state.texts.append(text) }
      } catch {
        guard first != nil else { throw error }
        state.pending = error
        break
      }
    }
    if state.texts.count > 1 { state.texts.reverse() }
    return first
  }
}
