import Application
import Contract
import Domain
import Foundation
import IntelligenceClient
import Synchronization
import Testing

@Suite("Completions cross between the halves", .timeLimit(.minutes(2)))
struct CompletionTests {
  private static let image = ModelImage(mediaType: "image/webp", bytes: [0, 1, 255])
  private static let call = ModelToolCall(id: "c", name: "look", arguments: #"{"at":7}"#, signature: "sig")
  private static let source = Source(
    marker: 1, documentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), chunkID: ChunkID(UUID()),
    title: "Rivers", text: "ünïcode 🏞️", startOffset: 0, endOffset: 17, submittedBy: "Ada", approvedBy: "Bob")

  private static var messages: [ModelMessage] {
    [
      ModelMessage(role: .system, content: "Be brief."),
      ModelMessage(role: .user, content: "Grüße 😀", images: [image].compactMap { $0 }),
      ModelMessage(role: .assistant, content: "", toolCalls: [call]),
      ModelMessage(
        role: .user, content: "", toolResults: [ModelToolResult(callID: "c", name: "look", content: "a cat")]),
    ]
  }

  private static func commands() -> [CompleteDialogue.Command] {
    var full = GenerationOptions()
    full.temperature = 0
    full.topP = 0.5
    full.frequencyPenalty = -1
    full.presencePenalty = 1
    full.seed = -7
    full.stop = ["a", "b"]
    full.responseFormat = .jsonSchema(
      JSONSchemaFormat(name: "s", description: "d", schema: #"{"type":"object"}"#, isStrict: false))
    full.toolChoice = .tool("look")
    full.allowsParallelToolCalls = false
    full.limitCountsReasoning = true
    full.reasoningEffort = .high
    var commands = [
      CompleteDialogue.Command(
        model: "rag:m", messages: messages,
        tools: [ModelTool(name: "look", description: "Looks.", parameters: "{}")], options: full, maximumTokens: 5),
      CompleteDialogue.Command(model: "m", messages: [], prompt: ModelPrompt(text: "Once", suffix: "")),
      CompleteDialogue.Command(model: "m", messages: [], prompt: ModelPrompt(text: "Once")),
    ]
    for choice in [GenerationOptions.ToolChoice.automatic, .never, .required] {
      var options = GenerationOptions()
      options.toolChoice = choice
      commands.append(CompleteDialogue.Command(model: "m", messages: messages, options: options))
    }
    for format in [GenerationOptions.ResponseFormat.text, .jsonObject] {
      var options = GenerationOptions()
      options.responseFormat = format
      commands.append(CompleteDialogue.Command(model: "m", messages: messages, options: options))
    }
    return commands
  }

  @Test("requests and events cross unchanged")
  func roundTrip() async throws {
    let intelligence = ScriptedIntelligence()
    let events: [CompletionEvent] = [
      .sources([Self.source]), .delta("It "), .delta("bends [1]."),
      .completed(
        CompletionEnd(
          finishReason: .length, toolCalls: [Self.call], usage: TokenUsage(promptTokens: 3, completionTokens: 0),
          citations: [Citation(source: Self.source)])),
    ]
    let catalog = ModelCatalog(
      models: [
        ModelCatalog.Model(name: "a", takesDialogues: false), ModelCatalog.Model(name: "b", takesDialogues: true),
        ModelCatalog.Model(
          name: "c", takesDialogues: true,
          profile: try #require(ModelProfile(contextWindow: 9, maximumOutput: 8, capabilities: [.json, .tools]))),
        ModelCatalog.Model(
          name: "d", takesDialogues: true,
          profile: try #require(ModelProfile(contextWindow: nil, maximumOutput: nil, capabilities: []))),
      ], embedding: EmbeddingModel(name: "e", dimensions: 384, maximumTokens: 256),
      embeddingPrice: TokenPrice(prompt: 20_000, completion: 0), defaultName: "b")
    intelligence.state.withLock { state in
      state.completions = events
      state.catalog = catalog
    }
    let process = try await IntelligenceProcess(intelligence)
    let commands = Self.commands()
    try await withClient(of: [process]) { client in
      #expect(try await client.models() == catalog)
      intelligence.state.withLock { $0.catalog = ModelCatalog(models: [], embedding: nil) }
      #expect(try await client.models() == ModelCatalog(models: [], embedding: nil))
      for command in commands {
        let seen = Mutex<[CompletionEvent]>([])
        try await client.complete(command, ada) { event throws(UseCaseFailure) in seen.withLock { $0.append(event) } }
        #expect(seen.withLock { $0 } == events)
      }
    }
    intelligence.state.withLock { state in
      #expect(state.completed == commands)
      #expect(state.callers.allSatisfy { $0 == ada })
    }
    try await process.stop()
  }

  @Test("a failure crosses with the time to try again, behind what was said")
  func failures() async throws {
    let intelligence = ScriptedIntelligence()
    let process = try await IntelligenceProcess(intelligence)
    try await withClient(of: [process]) { client in
      for failure in [
        UseCaseFailure.overloaded("busy", retryAfter: .seconds(7)), .exhausted("full"), .notFound("none"),
        .invalid("no"), .tooLong("too long"), .unavailable("down"),
      ] {
        intelligence.state.withLock { state in
          state.completions = [.delta("Half ")]
          state.failure = failure
        }
        let seen = Mutex<[CompletionEvent]>([])
        await #expect(throws: failure) {
          try await client.complete(Self.commands()[1], ada) { event throws(UseCaseFailure) in
            seen.withLock { $0.append(event) }
          }
        }
        #expect(seen.withLock { $0 } == [.delta("Half ")])
      }
    }
    try await process.stop()
  }
}
