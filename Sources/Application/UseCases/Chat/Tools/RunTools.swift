import Domain
import FoundationEssentials

/// Runs the tools that a model asks for, one after the other, within their limits.
struct RunTools: Sendable {
  /// What became of one call.
  struct Outcome: Sendable {
    /// What the model gets.
    let content: String
    /// What the reader is told.
    let summary: String
    let isError: Bool
    /// The passages that are new, under the next markers.
    let sources: [Source]
  }

  /// The fewest tokens for which it is worth running a tool.
  static let minimumRoom = 64

  let tools: [any ChatTool]
  let settings: ToolSettings
  /// The tokens of the passages of one call together.
  let passageTokens: Int
  let counter: any TokenCounter

  /// What models are offered; none where they may not ask for any.
  var definitions: [ModelTool] { settings.maximumRounds > 0 ? tools.map(\.definition) : [] }

  /// What models are told besides that; nothing where they are offered none.
  var instructions: [ModelMessage] {
    definitions.isEmpty ? [] : [ModelMessage(role: .system, content: ToolDialogue.instructions)]
  }

  /// Runs a call.
  ///
  /// - Parameter room: the tokens that the model's window has left; `nil` where that is not known.
  /// - Throws: `.cancelled`, and nothing else: what goes wrong is told to the model.
  func callAsFunction(
    _ call: ModelToolCall, _ use: ChatToolUse, room: Int? = nil
  ) async throws(UseCaseFailure) -> Outcome {
    if let room, room < Self.minimumRoom { return Self.failed("there is no room for its answer in the model's window") }
    let result: Result<ChatToolAnswer, ChatToolFailure>
    if let tool = tools.first(where: { $0.definition.name == call.name }) {
      if call.arguments.utf8.count > settings.maximumArgumentBytes {
        result = .failure(.invalid("the arguments must have at most \(settings.maximumArgumentBytes) bytes"))
      } else {
        result = await run(tool, call.arguments, use)
      }
    } else {
      let names = tools.map(\.definition.name).joined(separator: ", ")
      result = .failure(.invalid("there is no tool \(call.name.prefix(64)); there are: \(names)"))
    }
    switch result {
    case .success(.passages(let hits)): return outcome(of: hits, knowing: use.sources, room: room)
    case .success(.text(let text)):
      let quoted = QuotedText.body(
        // A token is a byte at least.
        String(TextWindow(of: text, from: 0, maximumBytes: min(settings.maximumResultBytes, room ?? .max)).text))
      return Outcome(content: "<result>\n\(quoted)\n</result>", summary: "answered", isError: false, sources: [])
    case .failure(.invalid(let why)), .failure(.failed(let why)): return Self.failed(why)
    case .failure(.cancelled):
      guard Task.isCancelled else { return Self.failed("it did not answer in time") }
      throw .cancelled
    }
  }

  /// What is told of a call that is not run.
  static func failed(_ why: String) -> Outcome {
    Outcome(content: "The tool has no result: \(QuotedText.body(why)).", summary: why, isError: true, sources: [])
  }

  /// Runs a tool until it has answered or its time is over; a tool that is late is cancelled and waited for.
  private func run(
    _ tool: any ChatTool, _ arguments: String, _ use: ChatToolUse
  ) async -> Result<ChatToolAnswer, ChatToolFailure> {
    await withTaskGroup(of: Result<ChatToolAnswer, ChatToolFailure>?.self) { group in
      group.addTask {
        do throws(ChatToolFailure) { return .success(try await tool(arguments, use)) } catch {
          return .failure(error)
        }
      }
      group.addTask { [timeout = settings.timeout] in
        // Cancelled as soon as the tool has answered, which is no failure.
        try? await Task.sleep(for: timeout)
        return nil
      }
      let first = await group.next()
      group.cancelAll()
      switch first {
      case .some(.some(let result)): return result
      case .some(.none), nil: return .failure(.cancelled)
      }
    }
  }

  /// Passages that fit, the known ones under the markers that they have.
  private func outcome(of hits: [SearchHit], knowing known: [Source], room: Int?) -> Outcome {
    var shown: [Source] = []
    var new: [Source] = []
    var (bytes, tokens) = (0, 0)
    for found in ContextPacker.pack(hits, budget: min(passageTokens, room ?? .max), counter: counter) {
      let source: Source
      if let old = known.first(where: { $0.covers(found) }) {
        guard !shown.contains(where: { $0.marker == old.marker }) else { continue }
        source = old
      } else {
        source = found.numbered((known.last?.marker ?? 0) + new.count + 1)
      }
      let quoted = PromptComposer.quoted(source)
      guard bytes + quoted.utf8.count <= settings.maximumResultBytes else { continue }
      if let room {
        // The marks around all of them take some as well.
        tokens += counter.estimate(quoted)
        guard tokens + Self.minimumRoom / 4 <= room else { break }
      }
      bytes += quoted.utf8.count
      shown.append(source)
      if !known.contains(where: { $0.marker == source.marker }) { new.append(source) }
    }
    let summary = new.count == 1 ? "1 new passage" : "\(new.count) new passages"
    return Outcome(content: PromptComposer.quoted(shown), summary: summary, isError: false, sources: new)
  }
}

extension Source {
  /// Whether another passage says nothing beyond this one.
  fileprivate func covers(_ other: Source) -> Bool {
    revisionID == other.revisionID && startOffset <= other.startOffset && other.endOffset <= endOffset
  }

  fileprivate func numbered(_ marker: Int) -> Source {
    Source(
      marker: marker, documentID: documentID, revisionID: revisionID, chunkID: chunkID, title: title, text: text,
      startOffset: startOffset, endOffset: endOffset, submittedBy: submittedBy, approvedBy: approvedBy, pages: pages)
  }
}
