import CLibPQ
import Dispatch
import Glibc
import Synchronization

/// What libpq holds for an open connection, and the sources that watch its socket. It is touched on one queue only.
///
/// The sources watch duplicates of the socket: libpq closes its own when it likes, and a source's descriptor must stay
/// open until its cancel handler has run.
final class LibPQSession {
  let handle: OpaquePointer
  let cancellation: ServerCancellation
  let notices: NoticeReceiver
  private var reading: (any DispatchSourceRead)?
  private var writing: (any DispatchSourceWrite)?
  private var isClosed = false

  /// Takes over a connection that is established.
  init?(_ handle: OpaquePointer, notices: NoticeReceiver) {
    guard let cancellation = ServerCancellation(of: handle) else { return nil }
    self.handle = handle
    self.notices = notices
    self.cancellation = cancellation
  }

  deinit { close() }

  /// Calls `handler` on the queue whenever there is something to read, and once at the end of the stream, until
  /// ``stopReading()``; false when there is no file descriptor left for it.
  func startReading(on queue: DispatchQueue, handler: @escaping @Sendable () -> Void) -> Bool {
    guard reading == nil else { return true }
    let descriptor = fcntl(PQsocket(handle), F_DUPFD_CLOEXEC, 0)
    guard descriptor >= 0 else { return false }
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler(handler: handler)
    source.setCancelHandler { _ = Glibc.close(descriptor) }
    source.activate()
    reading = source
    return true
  }

  func stopReading() {
    reading?.cancel()
    reading = nil
  }

  /// Whether something waits for the socket to take more.
  var isWriting: Bool { writing != nil }

  /// Calls `handler` on the queue whenever the socket takes more, until ``stopWriting()``; false when there is no file
  /// descriptor left for it.
  func startWriting(on queue: DispatchQueue, handler: @escaping @Sendable () -> Void) -> Bool {
    guard writing == nil else { return true }
    let descriptor = fcntl(PQsocket(handle), F_DUPFD_CLOEXEC, 0)
    guard descriptor >= 0 else { return false }
    let source = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler(handler: handler)
    source.setCancelHandler { _ = Glibc.close(descriptor) }
    source.activate()
    writing = source
    return true
  }

  func stopWriting() {
    writing?.cancel()
    writing = nil
  }

  /// Waits on this thread until there is something to read, or the stream has ended; false when the time was over.
  func waitForInput(milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, milliseconds) > 0
  }

  /// Whether the other end has closed the connection or sent something that nobody asked for.
  func hasInputOrEnd() -> (input: Bool, end: Bool) {
    var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN) | Self.peerClosed, revents: 0)
    guard poll(&descriptor, 1, 0) > 0 else { return (false, false) }
    let end = Self.peerClosed | Int16(POLLHUP) | Int16(POLLERR) | Int16(POLLNVAL)
    return (descriptor.revents & Int16(POLLIN) != 0, descriptor.revents & end != 0)
  }

  /// Ends the connection, once.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    stopReading()
    stopWriting()
    PQfinish(handle)
  }

  /// `POLLRDHUP` of Linux, which Glibc's header hides from Swift: the other end sends nothing more.
  private static let peerClosed: Int16 = 0x2000
}

/// Receives what libpq says beside results, which it would print to the standard error otherwise.
final class NoticeReceiver: Sendable {
  private let diagnostics: PostgresDiagnostics
  private let isEnd = Atomic(false)

  init(_ diagnostics: @escaping PostgresDiagnostics) { self.diagnostics = diagnostics }

  /// Whether the server has said that it ends the connection, which may come before the end itself.
  var announcesEnd: Bool { isEnd.load(ordering: .relaxed) }

  /// Makes it the receiver of a connection's notices; it must live as long as the connection.
  func attach(to handle: OpaquePointer) {
    PQsetNoticeReceiver(
      handle,
      { argument, result in
        guard let argument else { return }
        Unmanaged<NoticeReceiver>.fromOpaque(argument).takeUnretainedValue().receive(PostgresError(result))
      },
      Unmanaged.passUnretained(self).toOpaque()
    )
  }

  private func receive(_ notice: PostgresError) {
    if notice.severity == "FATAL" || notice.severity == "PANIC" { isEnd.store(true, ordering: .relaxed) }
    diagnostics(
      .notice(severity: notice.severity, sqlState: notice.sqlState, message: notice.messageWithoutValues)
    )
  }
}
