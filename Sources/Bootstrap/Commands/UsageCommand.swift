import Application
import ArgumentParser
import Contract
import Domain
import Foundation

/// `opentier usage`.
struct UsageCommand: AsyncParsableCommand {
  /// What lines are about.
  enum Grouping: String, CaseIterable, ExpressibleByArgument { case day, model, user }

  static let configuration = CommandConfiguration(
    commandName: "usage", abstract: "Tell what calls of models have used, and what they cost.",
    discussion: """
      All of the organisation's, or one account's:

        opentier usage --by model --days 7
        opentier usage --by day --email ada@example.org --json
      """)
  @OptionGroup var common: CommonOptions
  @Option(help: "day, model or user.") var by: Grouping = .day
  @Option(help: "How many days, today the last; at most \(ReportUsage.maximumDays).") var days =
    ReportUsage.defaultDays
  @Option(help: "The account whose usage is told.") var email: String?

  func validate() throws {
    guard (1...ReportUsage.maximumDays).contains(days) else {
      throw ValidationError("--days must be 1 to \(ReportUsage.maximumDays)")
    }
  }

  func run() async throws {
    try await Assembly.run(try common.configuration()) { assembly in
      let caller = try await assembly.operatorPrincipal()
      let user = email == nil ? nil : try await assembly.operatorPrincipal(as: email).userID
      let from = assembly.world.clock.now().addingTimeInterval(TimeInterval(1 - days) * 86_400)
      var page: PageRequest? = PageRequest(size: PageRequest.maximumSize)
      while let wanted = page {
        let answer: ReportUsage.Answer
        do throws(UseCaseFailure) {
          answer = try await assembly.useCases.reportUsage(
            ReportUsage.Query(from: from, userID: user, page: wanted), caller)
        } catch {
          throw CommandFailure(error)
        }
        if common.json { terminal.line(try ContractJSON.text(answer)) } else { show(answer) }
        // Only the users go on on another page.
        page = by == .user ? answer.next.map { PageRequest(size: PageRequest.maximumSize, after: $0) } : nil
      }
    }
  }

  private func show(_ answer: ReportUsage.Answer) {
    let report = answer.report
    if report.total.requests == 0 {
      return terminal.message("nothing was used from \(answer.first.text) to \(answer.last.text)")
    }
    let lines: [(String, UsageTotals)] =
      switch by {
      case .day: report.days.map { ($0.day.text, $0.totals) }
      case .model: report.models.map { ($0.model ?? "-", $0.totals) }
      case .user: report.users.map { ($0.email ?? $0.userID.description, $0.totals) }
      }
    let all = lines + (answer.next == nil || by != .user ? [("total", report.total)] : [])
    let width = all.map(\.0.count).max() ?? 0
    for (name, totals) in all {
      terminal.line(
        "\(name.padding(toLength: width, withPad: " ", startingAt: 0))  \(totals.requests) requests  "
          + "\(totals.promptTokens) in  \(totals.completionTokens) out  "
          + "\(Amount.text(totals.cost)) \(answer.currency)")
    }
  }
}

/// Amounts of money as people write them.
enum Amount {
  /// Millionths as a decimal number: at least two places, and no more zeros than that.
  static func text(_ millionths: Int) -> String {
    let (whole, rest) = millionths.quotientAndRemainder(dividingBy: 1_000_000)
    var places = String(1_000_000 + rest).dropFirst()
    while places.count > 2, places.hasSuffix("0") { places.removeLast() }
    return "\(whole).\(places)"
  }
}
