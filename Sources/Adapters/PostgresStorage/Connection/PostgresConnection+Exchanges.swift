import CLibPQ
import Dispatch

// What is sent and what is read. libpq stays in pipeline mode: a turn is any number of statements with one sync behind
// them, and it is over when the sync is answered, however many of the statements were skipped after an error.
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
  private func advance() {
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

  /// Waits for the answer on this queue's own thread for a moment, then leaves it to a dispatch source.
  ///
  /// Most answers come within it, and a source costs two more switches of threads for each.
  private func awaitAnswer(to exchange: Exchange) {
    let start = lastProgress
    while let session, current === exchange, !exchange.isAnswered {
      // What comes in many parts may take longer than the first wait.
      let isInTime = lastProgress - start < 1_000_000
      guard !session.isWriting, isInTime, session.waitForInput(milliseconds: 1) else {
        return startReading(session)
      }
      lastProgress = DispatchTime.now().uptimeNanoseconds
      read(session)
    }
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
        if commits, let error = scope.error { throw error }
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

  /// Leaves it to a dispatch source to say when there is something to read.
  func startReading(_ session: LibPQSession) {
    let isReading = session.startReading(on: executor.queue) { [weak self] in
      self?.assumeIsolated { $0.readable() }
    }
    if !isReading { end("there is no file descriptor left") }
  }

  /// Sends what libpq holds back, now and whenever the socket takes more.
  func flush() {
    guard let session else { return }
    switch PQflush(session.handle) {
    case 0: session.stopWriting()
    case 1:
      let isWriting = session.startWriting(on: executor.queue) { [weak self] in
        self?.assumeIsolated { connection in
          connection.lastProgress = DispatchTime.now().uptimeNanoseconds
          connection.flush()
        }
      }
      if !isWriting { end("there is no file descriptor left") }
    default:
      // What the server said before it closed the connection may still be there to read.
      session.stopWriting()
      readable()
    }
  }

  /// Reads all that has come, and ends the turn when its answer is complete.
  ///
  /// All of it, for a dispatch source fires once for a connection that the other end has closed, however much of what
  /// it said before is still to be read.
  func readable() {
    while let session {
      lastProgress = DispatchTime.now().uptimeNanoseconds
      read(session)
      guard self.session === session, session.waitForInput(milliseconds: 0) else { return }
    }
  }

  private func read(_ session: LibPQSession) {
    let isOpen = PQconsumeInput(session.handle) == 1
    deliverNotifications(of: session)
    if let exchange = current, !exchange.isAnswered {
      switch session.collect(exchange, into: &cache) {
      case .incomplete: break
      case .complete: finish(exchange)
      case .unexpected: return end("COPY is not supported here")
      }
    }
    guard self.session === session, !isOpen || PQstatus(session.handle) == CONNECTION_BAD else { return }
    end(session.errorMessage)
  }

  /// Ends a turn whose answer is complete, once a request to cancel it can no longer reach the next one.
  private func finish(_ exchange: Exchange) {
    exchange.isAnswered = true
    guard let ticket = exchange.ticket else { return complete() }
    let hasEnded = ticket.finish { [weak self, queue = executor.queue] in
      queue.async { [weak self] in self?.assumeIsolated { $0.complete() } }
    }
    if hasEnded { complete() }
  }

  private func complete() {
    guard let exchange = current else { return }
    current = nil
    settle(exchange)
    if let session, !session.isInPipeline, PQenterPipelineMode(session.handle) == 0 {
      return end(session.errorMessage)
    }
    if onNotification == nil { session?.stopReading() }
    advance()
  }

  /// Gives the outcome to whoever waits.
  func settle(_ exchange: Exchange) {
    if let error = exchange.outcome.error as? PostgresError {
      if error.sqlState == "57014", exchange.ticket?.isCancelled == true {
        exchange.outcome.error = CancellationError()
      } else {
        diagnostics(.statementFailed(error))
      }
    }
    exchange.complete()
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
