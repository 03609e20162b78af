import Application
import ArgumentParser
import Contract
import Domain
import Foundation

/// `opentier submissions`.
struct SubmissionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submissions", abstract: "Look at what was submitted, and whether it is there already.",
    discussion: """
      What waits for a review is compared with the documents, and with whatever else waits:

        opentier submissions list --status pending
        opentier submissions similar ID
      """,
    subcommands: [List.self, Similar.self])

  /// `opentier submissions list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List submissions, newest first.")
    @OptionGroup var common: CommonOptions
    @Option(help: "Only those that are pending, approved or rejected.") var status: SubmissionStatus?
    @Option(help: "How many at most.") var limit = 50

    func validate() throws {
      guard limit >= 1 else { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let submissions = try await Listing.items(upTo: limit) { (page) async throws(UseCaseFailure) in
          try await assembly.useCases.review.list(status: status, page: page, caller)
        }
        if common.json {
          let texts = try submissions.map { try ContractJSON.text($0) }
          return terminal.line("[" + texts.joined(separator: ",\n") + "]")
        }
        for submission in submissions {
          let status = submission.status.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
          terminal.line(
            "\(submission.id)  \(status)  \(submission.createdAt.formatted(.iso8601))  "
              + Listing.oneLine(submission.title))
        }
        if submissions.isEmpty { terminal.message("there is no \(status.map { "\($0.rawValue) " } ?? "")submission") }
      }
    }
  }

  /// `opentier submissions similar`.
  struct Similar: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "similar",
      abstract: "Compare a pending submission with the documents, and with the others that are pending.",
      discussion: """
        Told are those of which the similarity is at least similarity.threshold, each with the longest passage that both \
        have.
        """)
    @OptionGroup var common: CommonOptions
    @Argument(help: "The submission's id.") var id: SubmissionID

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let (submission, report) = try await compare(assembly.useCases, caller)
        if common.json { return terminal.line(try ContractJSON.text(submission, like: report)) }
        show(report)
      }
    }

    private func compare(
      _ useCases: UseCases, _ caller: Principal
    ) async throws(CommandFailure) -> (KnowledgeSubmission, SimilarityReport) {
      do throws(UseCaseFailure) {
        let submission = try await useCases.review.get(id, caller).submission
        guard let report = try await useCases.review.similar(to: submission, caller) else {
          throw .precondition("the submission is already \(submission.status.rawValue); only pending ones are compared")
        }
        return (submission, report)
      } catch {
        throw CommandFailure(error)
      }
    }

    private func show(_ report: SimilarityReport) {
      for document in report.documents {
        show(
          "document", document.documentID.description, document.similarity, document.isIdentical, document.title,
          document.sharedText)
      }
      for submission in report.submissions {
        show(
          "pending", submission.submissionID.description, submission.similarity, submission.isIdentical,
          submission.title, submission.sharedText)
      }
      if report.documents.isEmpty, report.submissions.isEmpty { terminal.line("nothing is much like it") }
      terminal.message(
        "compared with the documents and with \(report.comparedSubmissions) other pending "
          + (report.comparedSubmissions == 1 ? "submission" : "submissions"))
    }

    private func show(
      _ kind: String, _ id: String, _ similarity: Double, _ isIdentical: Bool, _ title: String, _ shared: String
    ) {
      let degree = isIdentical ? "the same" : "\(Int((similarity * 100).rounded())) % alike"
      terminal.line(
        "\(kind.padding(toLength: 8, withPad: " ", startingAt: 0))  \(id)  \(degree)  "
          + Listing.oneLine(title))
      let passage = Listing.oneLine(shared)
      if !passage.isEmpty { terminal.line("          “\(passage.count > 200 ? passage.prefix(199) + "…" : passage)”") }
    }
  }
}

extension SubmissionStatus: ExpressibleByArgument {}
