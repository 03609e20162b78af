import Domain
import Synchronization

/// Settles one admitted call, by whoever does its work.
///
/// Who begins the work takes the meter (``take()``), notes what was used and how it ended (``note(_:as:hasSpoken:)``), and
/// then finishes it, whatever happened (``finish()``). A meter that nobody took, because the call was refused before, is
/// released.
final class UsageMeter: Sendable {
  private struct State {
    var isTaken = false
    var record: UsageRecord?
  }

  /// Which model answers.
  let answering = AnsweringModel()
  private let ticket: UsageTicket
  private let owner: Owner
  private let kind: UsageKind
  private let prices: PriceList
  private let settlements: UsageSettlements
  private let state = Mutex(State())

  init(_ ticket: UsageTicket, owner: Owner, kind: UsageKind, prices: PriceList, settlements: UsageSettlements) {
    self.ticket = ticket
    self.owner = owner
    self.kind = kind
    self.prices = prices
    self.settlements = settlements
    settlements.hold(ticket.callID)
  }

  /// From now on somebody finishes it.
  func take() { state.withLock { $0.isTaken = true } }

  /// Notes what the call used. A model that failed before it said anything is not paid, and of a reply that was shared
  /// no more than the reader's share.
  ///
  /// - Parameter ended: what earlier rounds of the same call have used, which is in `usage` too: it counts whoever pays
  ///   for the last one.
  func note(_ usage: TokenUsage, as outcome: UsageOutcome, hasSpoken: Bool, ended: TokenUsage = .none) {
    let isFree = outcome == .failed && !hasSpoken
    let used = answering.charge.map { ended + $0 } ?? (isFree ? .none : usage)
    let model = answering.name
    let record = UsageRecord(
      id: ticket.callID, owner: owner, apiKeyID: ticket.apiKeyID, kind: kind, model: model, usage: used,
      cost: prices.cost(of: used, by: model), outcome: outcome, startedAt: ticket.startedAt)
    state.withLock { $0.record = record }
  }

  /// Settles with what was noted; a call of which nothing was noted never reached a model, and is released.
  func finish() async {
    guard let record = state.withLock({ $0.record }), record.model != nil else {
      return await settlements.release(ticket.callID, of: owner)
    }
    await settlements.settle(record)
  }

  /// Finishes it unless somebody else does.
  func finishUnlessTaken() async {
    if !state.withLock({ $0.isTaken }) { await finish() }
  }
}
