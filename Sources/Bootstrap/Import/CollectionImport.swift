import Application
import Domain
import Foundation

/// Takes a collection through the same use cases as everybody's: submit, approve, and work until its job has ended.
struct CollectionImport: Sendable {
  /// What is taken.
  struct Source: Sendable {
    let title: String
    let content: SubmissionContent
    let uri: String

    /// Whether it is a git repository.
    var isRepository: Bool {
      if case .repository = content { true } else { false }
    }
  }

  let useCases: UseCases
  let caller: Principal
  /// How many jobs are worked on at once.
  let workers: Int

  /// The job once it has ended. When this process is stopped before, a running server goes on with it, or the next one.
  func callAsFunction(
    _ source: Source, progress: @escaping @Sendable (CollectionReport) -> Void
  ) async throws(CommandFailure) -> IngestionJob {
    let id: JobID
    do throws(UseCaseFailure) {
      let submission = try await useCases.submit(
        SubmitKnowledge.Command(
          title: String(source.title.prefix(KnowledgeSubmission.maximumTitleLength)), content: source.content,
          sourceURI: source.uri, allowsPaths: true), caller)
      let approved = try await useCases.review.approve(submission.id, note: nil, caller)
      guard let job = approved.jobID else { throw .broken("an approved submission has no job") }
      id = job
    } catch {
      throw CommandFailure(error)
    }
    do {
      return try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<max(1, workers) { group.addTask { try await work() } }
        defer { group.cancelAll() }
        while true {
          let job = try await useCases.jobs.get(id, caller)
          if let report = job.collection { progress(report) }
          if job.state.isFinal { return job }
          try await Task.sleep(for: .milliseconds(200))
        }
      }
    } catch let failure as UseCaseFailure {
      throw CommandFailure(failure)
    } catch {
      throw CommandFailure(.failure, "cancelled")
    }
  }

  private func work() async throws {
    while !Task.isCancelled {
      if try await useCases.ingestNext(worker: "command line") { continue }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
