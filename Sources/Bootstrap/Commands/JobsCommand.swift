import Application
import ArgumentParser
import Contract
import Domain
import Foundation

/// `opentier jobs`.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs", abstract: "Look at ingestion jobs, cancel them, and retry those that failed.",
    discussion: """
      A job that fails for a reason that may pass is tried again by itself, later and later. When that does not help, or
      the reason will not pass, it stays failed until somebody has dealt with the reason and retries it:

        opentier jobs list --state failed
        opentier jobs retry --all-failed

      The job of a crawl, a repository or a bulk import hands its items on, each with a job of its own; to cancel or to
      retry it is to do so with all of them.
      """,
    subcommands: [List.self, Show.self, Retry.self, Cancel.self])

  /// `opentier jobs list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List jobs, newest first.")
    @OptionGroup var common: CommonOptions
    @Option(
      help:
        "Only those that are queued, collecting, importing, extracting, chunking, embedding, indexed, failed or cancelled."
    )
    var state: IngestionJob.State?
    @Option(help: "How many at most.") var limit = 50

    func validate() throws {
      guard limit >= 1 else { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let jobs = try await Listing.items(upTo: limit) { (page) async throws(UseCaseFailure) in
          try await assembly.useCases.jobs.list(state: state, page: page, caller)
        }
        try JobsCommand.show(jobs, isJSON: common.json)
        if jobs.isEmpty { terminal.message("there is no \(state.map { "\($0.rawValue) " } ?? "")job") }
      }
    }
  }

  /// `opentier jobs show`.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show a job: how far it is, how often it was tried, why it failed.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The job's id.") var id: JobID

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let job: IngestionJob
        do { job = try await assembly.useCases.jobs.get(id, caller) } catch let failure as UseCaseFailure {
          throw CommandFailure(failure)
        }
        try JobsCommand.showDetails(of: job, isJSON: common.json)
      }
    }
  }

  /// `opentier jobs retry`.
  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "retry", abstract: "Queue failed or cancelled jobs again, with all their attempts before them.",
      discussion: "A server that runs works on them; without one they wait for the next start.")
    @OptionGroup var common: CommonOptions
    @Flag(name: .customLong("all-failed"), help: "All jobs that have failed.") var allFailed = false
    @Argument(help: "The id of a job that has failed or was cancelled.") var id: JobID?

    func validate() throws {
      guard allFailed == (id == nil) else { throw ValidationError("give the id of a job, or --all-failed") }
    }

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let retry = assembly.useCases.retryJob
        let jobs: [IngestionJob]
        do {
          if let id { jobs = [try await retry(id, caller)] } else { jobs = try await retry.allFailed(caller) }
        } catch let failure as UseCaseFailure {
          throw CommandFailure(failure)
        }
        if common.json {
          try JobsCommand.show(jobs, isJSON: true)
        } else {
          terminal.line(jobs.count == 1 ? "1 job is queued again" : "\(jobs.count) jobs are queued again")
        }
      }
    }
  }

  /// `opentier jobs cancel`.
  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel", abstract: "Stop a job that is not done, with the jobs of its collection.",
      discussion: "A worker that has it stops within seconds, in whichever process. `opentier jobs retry` goes on.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The job's id.") var id: JobID

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let job: IngestionJob
        do { job = try await assembly.useCases.cancelJob(id, caller) } catch let failure as UseCaseFailure {
          throw CommandFailure(failure)
        }
        terminal.line(common.json ? try ContractJSON.text(job) : "the job is cancelled")
      }
    }
  }

  /// A line for each job: its id, state, when it was queued, and the first words of its error.
  private static func show(_ jobs: [IngestionJob], isJSON: Bool) throws {
    let terminal = Terminal.standard
    if isJSON {
      terminal.line("[" + (try jobs.map { try ContractJSON.text($0) }).joined(separator: ",\n") + "]")
      return
    }
    for job in jobs {
      let state = job.state.rawValue.padding(toLength: 10, withPad: " ", startingAt: 0)
      let error = Listing.oneLine(job.error ?? "")
      terminal.line(
        "\(job.id)  \(state)  \(job.createdAt.formatted(.iso8601))  "
          + (error.count > 100 ? error.prefix(99) + "…" : error))
    }
  }

  /// Prints all that is to be said of a job.
  static func showDetails(of job: IngestionJob, isJSON: Bool) throws {
    let terminal = Terminal.standard
    if isJSON { return terminal.line(try ContractJSON.text(job)) }
    for (label, value) in details(of: job) {
      terminal.line("\(label.padding(toLength: 12, withPad: " ", startingAt: 0))\(value)")
    }
  }

  private static func details(of job: IngestionJob) -> [(label: String, value: String)] {
    var details = [
      ("job", job.id.description), ("submission", job.submissionID.description), ("state", job.state.rawValue),
      ("attempts", "\(job.attempts)"), ("queued", job.createdAt.formatted(.iso8601)),
      ("changed", job.updatedAt.formatted(.iso8601)),
    ]
    for stage in IngestionJob.State.allCases {
      if let progress = job.progress[stage] {
        details.append((stage.rawValue, "\(progress.done) of \(progress.total)"))
      }
    }
    if let document = job.documentID { details.append(("document", document.description)) }
    if let revision = job.revisionID { details.append(("revision", revision.description)) }
    if let error = job.error { details.append(("error", Listing.oneLine(error))) }
    if let report = job.collection { details += Self.details(of: report) }
    return details
  }

  private static func details(of report: CollectionReport) -> [(label: String, value: String)] {
    let counts = CollectionItem.State.allCases.compactMap { state in
      report.items[state].map { "\($0) \(state.rawValue.replacing("_", with: " "))" }
    }
    var details = [
      ("items", counts.isEmpty ? "none yet" : counts.joined(separator: ", ")),
      (
        "documents",
        "\(report.indexed) indexed, \(report.openJobs) open, \(report.failedJobs) failed, \(report.cancelledJobs) cancelled"
      ),
    ]
    details += report.problems.map { ($0.state.rawValue, "\(Listing.oneLine($0.key)): \(Listing.oneLine($0.reason))") }
    return details
  }
}

extension IngestionJob.State: ExpressibleByArgument {}

extension Identifier: ExpressibleByArgument {
  /// Reads an id that was typed.
  package init?(argument: String) { self.init(argument) }
}
