import Application
import Domain
import Logging
import Synchronization
import Testing

@testable import LanguageModels

/// The key that must never come out again.
let secretKey = "sk-test-0123456789abcdef"

/// What a call gave: its texts and how it ended.
struct ReplyOutcome: Sendable {
  var texts: [String] = []
  var result: Result<ReplyEnd, ModelFailure>

  var text: String { texts.joined() }
  var failure: ModelFailure? {
    if case .failure(let failure) = result { failure } else { nil }
  }
}

/// Lines that were logged, with their metadata.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  var text: String { lines.withLock { $0.joined(separator: "\n") } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(lines: self) }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      lines.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:]) \(metadata)") }
    }
  }
}

enum Provider {
  static func configuration(
    _ url: String, timeouts: HTTPLanguageModel.Configuration.Timeouts = .init(),
    limits: HTTPLanguageModel.Configuration.Limits = .init(), temperature: Double? = nil
  ) throws -> HTTPLanguageModel.Configuration {
    try .init(
      name: "local", baseURL: url, model: "test-model", keys: FixedKey(ProviderKey(secretKey)),
      temperature: temperature,
      timeouts: timeouts, limits: limits)
  }

  /// Runs `body` with a model, and shuts it down.
  static func withModel<Value>(
    _ configuration: HTTPLanguageModel.Configuration, log: LogLines = LogLines(),
    body: (HTTPLanguageModel) async throws -> Value
  ) async throws -> Value {
    let model = HTTPLanguageModel(configuration, logger: log.logger)
    let result: Result<Value, any Error>
    do { result = .success(try await body(model)) } catch { result = .failure(error) }
    try await model.shutdown()
    return try result.get()
  }

  static let request = ModelRequest(
    messages: [ModelMessage(role: .system, content: "Be brief."), ModelMessage(role: .user, content: "How high?")],
    question: "How high?", sources: [], maximumTokens: 64)

  /// Asks once and keeps what came.
  static func ask(
    _ model: some LanguageModel, _ request: ModelRequest = request,
    onText: @escaping @Sendable (String) async throws(ModelFailure) -> Void = { _ throws(ModelFailure) in }
  ) async -> ReplyOutcome {
    let texts = Mutex<[String]>([])
    do throws(ModelFailure) {
      let end = try await model.reply(to: request) { text throws(ModelFailure) in
        texts.withLock { $0.append(text) }
        try await onText(text)
      }
      return ReplyOutcome(texts: texts.withLock { $0 }, result: .success(end))
    } catch {
      return ReplyOutcome(texts: texts.withLock { $0 }, result: .failure(error))
    }
  }

  /// Asks a provider that answers by a script.
  static func outcome(
    of steps: [LoopbackHTTPServer.Step], timeouts: HTTPLanguageModel.Configuration.Timeouts = .init(),
    limits: HTTPLanguageModel.Configuration.Limits = .init(), log: LogLines = LogLines()
  ) async throws -> ReplyOutcome {
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await withModel(configuration(server.baseURL, timeouts: timeouts, limits: limits), log: log) { model in
        await ask(model)
      }
    }
  }

  static func delta(_ text: String, finish: String? = nil) -> String {
    let reason = finish.map { "\"\($0)\"" } ?? "null"
    return #"data: {"choices":[{"index":0,"delta":{"content":"\#(text)"},"finish_reason":\#(reason)}]}"# + "\n\n"
  }

  static let usage = #"data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}}"# + "\n\n"
  static let done = "data: [DONE]\n\n"
}
