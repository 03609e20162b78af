import Application
import Domain
import FoundationEssentials
import Testing

@Suite("Retrying failed jobs")
struct JobRetryTests {
  let world = TestWorld()

  /// Submits what cannot be read and lets its job fail for good.
  private func failedJob(by admin: Principal) async throws -> JobID {
    let blank = SubmissionContent.file(name: "x.txt", mediaType: .plainText, bytes: Data(" \n".utf8))
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: blank), admin)
    let id = try required(try await world.useCases.review.approve(submission.id, note: nil, admin).jobID)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    #expect(try await world.useCases.jobs.get(id, admin).state == .failed)
    return id
  }

  @Test("a failed job runs again from its start, at once, and the workers are woken")
  func retry() async throws {
    let ada = try await world.signUp("ada")
    let id = try await failedJob(by: ada)
    let generation = world.useCases.signal.generation
    let queued = try await world.useCases.retryJob(id, ada)
    #expect(queued.state == .queued)
    #expect(queued.attempts == 0)
    #expect(queued.error == nil)
    #expect(world.useCases.signal.generation == generation + 1)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    let again = try await world.useCases.jobs.get(id, ada)
    #expect(again.state == .failed)
    #expect(again.attempts == 1)
  }

  @Test("only an admin retries, only what has failed, and only what is there")
  func refusals() async throws {
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob", as: .contributor, by: ada)
    let id = try await failedJob(by: ada)
    let generation = world.useCases.signal.generation
    let forbidden = UseCaseFailure.forbidden("to retry jobs takes the role admin")
    await #expect(throws: forbidden) { try await world.useCases.retryJob(id, bob) }
    await #expect(throws: forbidden) { try await world.useCases.retryJob.allFailed(bob) }
    await #expect(throws: UseCaseFailure.notFound("there is no such job")) {
      try await world.useCases.retryJob(JobID(UUID()), ada)
    }
    #expect(world.useCases.signal.generation == generation)
    _ = try await world.useCases.retryJob(id, ada)
    await #expect(throws: UseCaseFailure.precondition("only a job that has failed or was cancelled can be retried")) {
      try await world.useCases.retryJob(id, ada)
    }
  }

  @Test("all failed jobs are retried, and no other")
  func all() async throws {
    let ada = try await world.signUp("ada")
    var failed: [JobID] = []
    for _ in 0..<3 { failed.append(try await failedJob(by: ada)) }
    let done = try await world.publish("Text.", by: ada)
    let retried = try await world.useCases.retryJob.allFailed(ada)
    #expect(retried.map(\.id) == failed.reversed())
    #expect(retried.allSatisfy { $0.state == .queued })
    #expect(try await world.useCases.jobs.get(done.id, ada) == done)
    #expect(try await world.useCases.retryJob.allFailed(ada).isEmpty)
  }
}
