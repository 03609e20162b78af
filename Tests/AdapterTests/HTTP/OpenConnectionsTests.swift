import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import HTTPServer

@Suite("What is open is waited for, and ended", .timeLimit(.minutes(1)))
struct OpenConnectionsTests {
  @Test("what serves a connection that has ended meanwhile runs, and is waited for")
  func ended() async {
    let open = OpenConnections()
    let channel = NIOAsyncTestingChannel()
    open.opened(channel)
    open.closed(channel)
    let hasRun = Mutex(false)
    open.serve(channel) { hasRun.withLock { $0 = true } }
    await open.untilIdle()
    #expect(hasRun.withLock { $0 })
  }

  @Test("when all is ended, a connection that is made is closed, and what serves one is cancelled")
  func over() async throws {
    let open = OpenConnections()
    open.cancelAll()
    let channel = NIOAsyncTestingChannel()
    open.opened(channel)
    try await channel.closeFuture.get()
    let wasCancelled = Mutex(false)
    open.serve(channel) {
      do { try await Task.sleep(for: .seconds(60)) } catch { wasCancelled.withLock { $0 = true } }
    }
    open.closed(channel)
    await open.untilIdle()
    #expect(wasCancelled.withLock { $0 })
  }
}
