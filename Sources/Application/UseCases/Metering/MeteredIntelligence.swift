package import Domain
package import FoundationEssentials
import Synchronization

/// Admits calls to the intelligence, by quotas, rates and budgets: a call that is refused never gets there.
///
/// Around the port, so that all wires and both ways of running the halves are governed alike. A call that is admitted takes
/// its reservation with it; whoever does the work settles it. Embedding is settled here, since its answer says what it
/// used, and a search only counts as a request.
///
/// A class, so that where a call waits it holds no more of it than a reference.
package final class MeteredIntelligence: Intelligence {
  /// Limits and sizes that configuration decides.
  package struct Settings: Hashable, Sendable {
    /// The limits.
    package var limits = UsageLimits()
    /// What happens at which share of a budget.
    package var rules = BudgetRules()
    /// The tokens that are reserved for a reply whose length nobody limits.
    package var replyTokens = 1_024
    /// The tokens that are reserved for a picture.
    package var imageTokens = 1_000
    /// The tokens of passages and history that are reserved for an answer that rests on passages.
    package var contextTokens = 4_000
    /// The rounds of tools of a chat that are reserved for.
    package var toolRounds = 0
    /// The tokens that are reserved for what tools return in one of them.
    package var toolTokens = 0
    /// For how long the models' prices are remembered, in seconds.
    package var priceLifetime: TimeInterval = 30

    /// The standard sizes, and no limits.
    package init() {}

    /// What a chat is expected to use at most: an answer, and as many rounds of tools as are reserved for.
    ///
    /// Each round is another call, which reads all of what came before it once more: what was said, and what tools returned.
    ///
    /// - Parameter tokens: of the question.
    func estimate(ofChat tokens: Int) -> TokenUsage {
      let prompt = tokens + contextTokens
      let growth = replyTokens + toolTokens
      return TokenUsage(
        promptTokens: (toolRounds + 1) * prompt + toolRounds * (toolRounds + 1) / 2 * growth,
        completionTokens: (toolRounds + 1) * replyTokens)
    }
  }

  private let intelligence: any Intelligence
  private let ledger: any UsageLedger
  private let settlements: UsageSettlements
  private let settings: Settings
  private let makeID: IDGenerator
  private let clock: WallClock
  private let catalog = RememberedCatalog()

  /// Governs the calls to an intelligence.
  package init(
    _ intelligence: any Intelligence, ledger: any UsageLedger, settlements: UsageSettlements, settings: Settings,
    makeID: IDGenerator, clock: WallClock
  ) {
    self.intelligence = intelligence
    self.ledger = ledger
    self.settlements = settlements
    self.settings = settings
    self.makeID = makeID
    self.clock = clock
  }

  package func chat(
    _ command: StreamChat.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    let ticket = try await admitted(
      .chat, command.model, settings.estimate(ofChat: Self.count(command.message)), caller)
    try await metered(ticket, caller) { hasBegun throws(UseCaseFailure) in
      try await intelligence.chat(command, caller, usage: ticket, emit: hasBegun.noting(emit))
    }
  }

  package func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    let ticket = try await admitted(.chat, command.model, settings.estimate(ofChat: 0), caller)
    try await metered(ticket, caller) { hasBegun throws(UseCaseFailure) in
      try await intelligence.regenerate(command, caller, usage: ticket, emit: hasBegun.noting(emit))
    }
  }

  package func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, usage: UsageTicket?, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    let ticket = try await admitted(.completion, command.modelName, estimate(of: command), caller)
    try await metered(ticket, caller) { hasBegun throws(UseCaseFailure) in
      try await intelligence.complete(command, caller, usage: ticket, reader: hasBegun.noting(reader))
    }
  }

  private func estimate(of command: CompleteDialogue.Command) -> TokenUsage {
    var tokens = Self.count(command.prompt?.text ?? "") + Self.count(command.prompt?.suffix ?? "")
    for message in command.messages {
      tokens += Self.count(message.content) + message.images.count * settings.imageTokens
    }
    if command.isGrounded { tokens += settings.contextTokens }
    return TokenUsage(promptTokens: tokens, completionTokens: command.maximumTokens ?? settings.replyTokens)
  }

  package func embed(_ texts: [String], _ caller: Principal) async throws(UseCaseFailure) -> EmbedTexts.Answer {
    let estimate = TokenUsage(promptTokens: texts.reduce(0) { $0 + Self.count($1) }, completionTokens: 0)
    let call = call(
      .embedding, nil, tokens: estimate.total, cost: Self.cost(of: estimate, at: try await remembered().embeddingPrice),
      caller)
    try await admit(call)
    let answer: EmbedTexts.Answer
    do throws(UseCaseFailure) { answer = try await intelligence.embed(texts, caller) } catch {
      await settlements.release(call.id, of: call.owner)
      throw error
    }
    await settlements.settle(
      UsageRecord(
        id: call.id, owner: call.owner, apiKeyID: call.apiKeyID, kind: .embedding, model: answer.model,
        usage: TokenUsage(promptTokens: answer.tokens, completionTokens: 0), cost: answer.cost, outcome: .completed,
        startedAt: call.startedAt))
    return answer
  }

  package func search(
    _ query: SearchKnowledge.Query, _ caller: Principal
  ) async throws(UseCaseFailure) -> [SearchHit] {
    try await admit(call(.search, nil, tokens: 0, cost: 0, caller))
    return try await intelligence.search(query, caller)
  }

  // What uses nothing

  package func resume(
    _ command: ResumeChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await intelligence.resume(command, caller, emit: emit)
  }

  package func cancel(_ reply: MessageID, _ caller: Principal) async throws(UseCaseFailure) {
    try await intelligence.cancel(reply, caller)
  }

  package func models() async throws(UseCaseFailure) -> ModelCatalog { try await intelligence.models() }

  package func similar(
    to submission: SubmissionID, _ caller: Principal
  ) async throws(UseCaseFailure) -> SimilarityReport {
    try await intelligence.similar(to: submission, caller)
  }

  package func wakeWorkers() async { await intelligence.wakeWorkers() }

  // Admission

  /// The tokens of a text as far as they can be told without the model: four bytes each, rounded up.
  private static func count(_ text: String) -> Int { (text.utf8.count + 3) / 4 }

  private func call(
    _ kind: UsageKind, _ model: String?, tokens: Int, cost: Int, _ caller: Principal
  ) -> MeteredCall {
    let now = Date(microseconds: clock.now().microseconds)
    return MeteredCall(
      id: makeID(), owner: caller.owner, apiKeyID: caller.apiKey?.id, isExemptFromFirstDay: caller.role == .admin,
      kind: kind, model: model, tokens: tokens, cost: cost, startedAt: now, expiresAt: settlements.expiry(at: now))
  }

  /// Admits a call that is expected to use so much of a model, the default one for `nil`.
  ///
  /// Never inlined: what it needs would be kept while the call waits for the model.
  @inline(never)
  private func admitted(
    _ kind: UsageKind, _ model: String?, _ estimate: TokenUsage, _ caller: Principal
  ) async throws(UseCaseFailure) -> UsageTicket {
    let cost = Self.cost(of: estimate, at: try await known(model)?.price)
    let call = call(kind, model, tokens: estimate.total, cost: cost, caller)
    try await admit(call)
    return UsageTicket(callID: call.id, apiKeyID: call.apiKeyID, startedAt: call.startedAt)
  }

  private func admit(_ call: MeteredCall) async throws(UseCaseFailure) {
    let refusal = try await storing("quota") { () async throws(StorageFailure) in
      try await ledger.reserve(call, limits: settings.limits, rules: settings.rules)
    }
    if let refusal { throw .limited(refusal) }
  }

  /// Has a call done that was admitted.
  ///
  /// The reservation is given back when the other half cannot be reached before it has said anything. Should it have begun
  /// all the same, it settles what it used, and that counts.
  ///
  /// - Parameter body: notes when the other half says something.
  private func metered(
    _ ticket: UsageTicket, _ caller: Principal, _ body: (Beginning) async throws(UseCaseFailure) -> Void
  ) async throws(UseCaseFailure) {
    let hasBegun = Beginning()
    do throws(UseCaseFailure) { try await body(hasBegun) } catch {
      if case .unavailable = error, !hasBegun.isNoted {
        await settlements.release(ticket.callID, of: caller.owner)
      }
      throw error
    }
  }

  /// What a call may cost; the most that a budget can be where that is too much for a number.
  private static func cost(of estimate: TokenUsage, at price: TokenPrice?) -> Int {
    price.map { $0.cost(of: estimate) ?? Budget.maximumAmount } ?? 0
  }

  /// What is known of a model, of the default one for `nil`.
  private func known(_ model: String?) async throws(UseCaseFailure) -> ModelCatalog.Model? {
    let catalog = try await remembered()
    let name = model ?? catalog.defaultName
    return catalog.models.first { $0.name == name }
  }

  private func remembered() async throws(UseCaseFailure) -> ModelCatalog {
    let now = clock.now()
    if let remembered = catalog.catalog(at: now, lifetime: settings.priceLifetime) { return remembered }
    let known = try await intelligence.models()
    catalog.remember(known, at: now)
    return known
  }
}

/// Whether the other half has said anything.
private final class Beginning: Sendable {
  private let noted = Atomic(false)

  var isNoted: Bool { noted.load(ordering: .relaxed) }

  func note() { noted.store(true, ordering: .relaxed) }

  /// Notes it with the first event.
  func noting(_ reader: CompletionReader) -> CompletionReader {
    CompletionReader(
      take: { event throws(UseCaseFailure) in
        self.note()
        return try reader.take(event)
      }, untilReady: reader.untilReady)
  }

  /// Notes it with the first event.
  func noting(_ emit: @escaping ChatEmitter) -> ChatEmitter {
    { event throws(UseCaseFailure) in
      self.note()
      try await emit(event)
    }
  }
}

/// The models of a while ago: their prices seldom change, and asking for them may be a call.
private final class RememberedCatalog: Sendable {
  private let last = Mutex<(catalog: ModelCatalog, time: Date)?>(nil)

  func catalog(at time: Date, lifetime: TimeInterval) -> ModelCatalog? {
    last.withLock { last in
      last.flatMap { abs(time.timeIntervalSince($0.time)) < lifetime ? $0.catalog : nil }
    }
  }

  func remember(_ catalog: ModelCatalog, at time: Date) { last.withLock { $0 = (catalog, time) } }
}

extension UsageRefusal {
  /// What is used up and when there is room again, for whoever asked.
  package var words: String {
    let whose =
      switch scope {
      case .organization: "your organisation"
      case .user: "you"
      case .apiKey: "this API key"
      }
    let has = scope == .user ? "have" : "has"
    let again = wait.map { ": try again in \(Self.shown($0))" } ?? ": try again when one has ended"
    return switch limit {
    case .requestsPerMinute:
      "\(whose) may make \(maximum) requests per minute, and \(has) made too many (requestsPerMinute)\(again)"
    case .concurrentStreams:
      "\(whose) may have \(maximum) answers written at once (concurrentStreams)\(again)"
    case .tokensPerDay:
      "\(whose) may use \(maximum) tokens a day, and too few of them are left for this (tokensPerDay)\(again)"
    case .firstDayRequests:
      "\(whose) may make \(maximum) requests in the first 24 hours of the account (firstDayRequests)\(again)"
    case .budget:
      "\(whose) \(has) used up the budget of this month (budget): an admin may raise or override it, or\(again.dropFirst())"
    }
  }

  /// When to try again; a second where nobody can tell.
  package var retryAfter: Duration { wait.map { .microseconds($0) } ?? .seconds(1) }

  private static func shown(_ wait: Int64) -> String {
    let seconds = (wait + 999_999) / 1_000_000
    if seconds < 120 { return "\(seconds) s" }
    let minutes = (seconds + 59) / 60
    return minutes < 120 ? "\(minutes) min" : "\((minutes + 59) / 60) h"
  }
}
