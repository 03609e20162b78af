import Synchronization
import Testing

@testable import Contract

struct DeadlineTests {
  private struct Failed: Error {}

  @Test("work without a deadline, or within it, gives what it gives")
  func inTime() async throws {
    #expect(try await Deadline.hold(to: nil) { 1 } == 1)
    #expect(try await Deadline.hold(to: .now + .seconds(60)) { 2 } == 2)
    await #expect(throws: Failed.self) { try await Deadline.hold(to: .now + .seconds(60)) { throw Failed() } }
  }

  @Test("late work is cancelled and waited for, and the caller is told that time is up")
  func late() async throws {
    let hasEnded = Mutex(false)
    let error = await #expect(throws: ContractError.self) {
      try await Deadline.hold(to: .now + .milliseconds(20)) {
        // Ends early only when it is cancelled; then it has something to tidy up.
        try? await Task.sleep(for: .seconds(60))
        #expect(Task.isCancelled)
        await Task { try? await Task.sleep(for: .milliseconds(50)) }.value
        hasEnded.withLock { $0 = true }
      }
    }
    #expect(error?.code == .deadlineExceeded)
    #expect(hasEnded.withLock { $0 })
  }

  @Test("work whose time has passed already is not begun")
  func passed() async throws {
    let hasBegun = Mutex(false)
    let error = await #expect(throws: ContractError.self) {
      try await Deadline.hold(to: .now) { hasBegun.withLock { $0 = true } }
    }
    #expect(error?.code == .deadlineExceeded)
    #expect(!hasBegun.withLock { $0 })
  }

  @Test("a caller that is cancelled cancels the work, and is not told that time is up")
  func cancelled() async throws {
    let task = Task {
      try await Deadline.hold(to: .now + .seconds(60)) { try await Task.sleep(for: .seconds(60)) }
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
