import CLibPQ
import Dispatch

// What comes back, and how it is waited for.
extension PostgresConnection {
  /// Waits for the answer on this queue's own thread for a moment, then leaves it to a dispatch source.
  ///
  /// Most answers come within it, and a source costs two more switches of threads for each.
  func awaitAnswer(to exchange: Exchange) {
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

  func read(_ session: LibPQSession) {
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
    // What the server said of a statement before that is in libpq's text too, and may quote values.
    end(current?.outcome.error == nil ? session.errorMessage : "the server closed the connection")
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
}
