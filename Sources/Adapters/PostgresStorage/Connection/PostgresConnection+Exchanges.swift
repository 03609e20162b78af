import CLibPQ
import Dispatch

// Turns and what they send. libpq stays in pipeline mode: a turn is any number of statements with one sync behind them,
// and it is over when the sync is answered, however many of the statements were skipped after an error.
extension PostgresConnection {
  /// Runs one turn behind those that were asked for earlier.
  ///
  /// - Parameters:
  ///   - isCancellable: whether cancelling the task cancels it; what ends a transaction is not.
  ///   - silenceLimit: after how many seconds without a sign of the server the connection is taken for lost.
  nonisolated func perform(
    _ work: Exchange.Work, isCancellable: Bool = true, silenceLimit: Double? = nil
  ) async -> ExchangeOutcome {
    guard isCancellable else {
      return await withCheckedContinuation { continuation in
        enqueue(work, ticket: nil, silenceLimit: silenceLimit, continuation)
      }
    }
    let ticket = CancellationTicket { [weak self, queue = executor.queue] ticket in
      queue.asyncAfter(deadline: .now() + Self.cancellationGrace) { [weak self] in
        self?.assumeIsolated { $0.endIfStillRunning(ticket) }
      }
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        enqueue(work, ticket: ticket, silenceLimit: silenceLimit, continuation)
      }
    } onCancel: {
      ticket.cancel()
    }
  }

  /// How long a server may take to stop what was cancelled, in seconds, before the connection is given up.
  static var cancellationGrace: Double { 5 }

  /// Goes to the queue directly: a hop of the task to the actor and back would cost two more switches of threads.
  private nonisolated func enqueue(
    _ work: Exchange.Work, ticket: CancellationTicket?, silenceLimit: Double?,
    _ continuation: CheckedContinuation<ExchangeOutcome, Never>
  ) {
    executor.queue.async {
      self.assumeIsolated { connection in
        connection.waiting.append(
          Exchange(work, ticket: ticket, silenceLimit: silenceLimit, continuation: continuation)
        )
        connection.advance()
      }
    }
  }

  /// Starts what waits, one after the other.
  func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    while current == nil, !waiting.isEmpty { start(waiting.removeFirst()) }
    isAdvancing = false
  }

  private func start(_ exchange: Exchange) {
    guard let session = live() else {
      exchange.fail(PostgresConnectionFailure.lost(.beforeSending))
      return exchange.complete()
    }
    do {
      guard try prepare(exchange, in: PQtransactionStatus(session.handle)) else { return exchange.complete() }
    } catch {
      exchange.fail(error)
      return exchange.complete()
    }
    if let ticket = exchange.ticket, !ticket.begin(session.cancellation) {
      if exchange.preludeCount > 0 { exchange.scope?.takeBackBeginning() }
      exchange.fail(CancellationError())
      return exchange.complete()
    }
    current = exchange
    exchange.isSent = exchange.isCommit
    guard session.send(exchange, with: &cache, usingNames: !isThroughPooler) else {
      return end(session.errorMessage)
    }
    exchange.isSent = true
    lastProgress = DispatchTime.now().uptimeNanoseconds
    if let limit = exchange.silenceLimit { watch(limit) }
    flush()
    awaitAnswer(to: exchange)
  }

  /// The session, unless the server has ended it: what is known before anything is sent is safe to do again elsewhere.
  func live() -> LibPQSession? {
    guard let session else { return nil }
    let (hasInput, hasEnded) = session.hasInputOrEnd()
    if hasInput || hasEnded { read(session) }
    if hasEnded || session.notices.announcesEnd { end("the server closed the connection while it was idle") }
    return self.session
  }

  /// Decides what is sent; false when there is nothing to do.
  private func prepare(_ exchange: Exchange, in status: PGTransactionStatusType) throws -> Bool {
    switch exchange.work {
    case .statements(let statements): exchange.statements = statements
    case .implicitTransaction(let plan, let statement):
      exchange.preludeCount = plan.prelude.count
      exchange.statements = plan.prelude + [statement]
    case .scoped(let scope, let statements):
      let prelude = try scope.admit(isOpen: status == PQTRANS_INTRANS)
      exchange.preludeCount = prelude.count
      exchange.statements = prelude + statements
    case .end(let scope, let commits):
      guard scope.close(), status != PQTRANS_IDLE else {
        if commits, scope.hasBegun { throw scope.error ?? PostgresError.transactionEnded }
        return false
      }
      let commits = commits && status == PQTRANS_INTRANS
      exchange.statements = [Statement(commits ? "COMMIT" : "ROLLBACK")]
    case .script(let text):
      exchange.statements = []
      if text.utf8.contains(0) { throw PostgresError(sqlState: "22021", message: "U+0000 in a script") }
    }
    // A transaction must not begin inside of what another left open.
    if exchange.preludeCount > 0, status != PQTRANS_IDLE {
      end("a transaction was left open on it")
      throw PostgresConnectionFailure.lost(.beforeSending)
    }
    guard exchange.statements.allSatisfy(\.fitsProtocol) else { throw PostgresConnectionFailure.tooLarge }
    return true
  }

  /// Ends the connection when the server has said nothing for too long, which its own time-outs should have prevented.
  private func watch(_ limit: Double) {
    let time = DispatchTime.now() + limit
    guard time.uptimeNanoseconds < nextCheck else { return }
    nextCheck = time.uptimeNanoseconds
    executor.queue.asyncAfter(deadline: time) { [weak self] in
      self?.assumeIsolated { $0.endIfSilent(at: time.uptimeNanoseconds) }
    }
  }

  private func endIfSilent(at time: UInt64) {
    if nextCheck == time { nextCheck = .max }
    guard let exchange = current, let limit = exchange.silenceLimit else { return }
    let silence = Double(DispatchTime.now().uptimeNanoseconds - lastProgress) / 1e9
    if silence < limit { return watch(limit - silence) }
    end("the server has been silent for \(limit) s")
  }

  private func endIfStillRunning(_ ticket: CancellationTicket) {
    guard let exchange = current, exchange.ticket === ticket else { return }
    if !exchange.isAnswered { exchange.fail(CancellationError()) }
    end("the server did not stop a statement that was cancelled")
  }
}
