import Application
import ArgumentParser
import Contract
import Domain
import Foundation

/// `opentier budgets`.
struct BudgetsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "budgets", abstract: "Set what calls of models may cost in a month.",
    discussion: """
      Of the whole organisation, or of one account:

        opentier budgets set 250
        opentier budgets set 20 --email ada@example.org

      A budget that is used up stops calls that cost something, until the month ends, it is raised or overridden.
      """,
    subcommands: [List.self, Set.self, Override.self, Delete.self, Audit.self])

  /// `opentier budgets list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the budgets, newest first.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let budgets = try await Listing.items(upTo: .max) { page async throws(UseCaseFailure) in
          try await assembly.useCases.budgets.list(page: page, caller)
        }
        if common.json {
          terminal.line("[" + (try budgets.map { try ContractJSON.text($0) }).joined(separator: ",\n") + "]")
          return
        }
        if budgets.isEmpty { terminal.message("there is no budget: calls may cost what they cost") }
        for budget in budgets { terminal.line(BudgetsCommand.line(budget)) }
      }
    }
  }

  /// `opentier budgets set`.
  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Set the amount of a month; what was spent in this month until now counts.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The amount, such as 250 or 19.50.") var amount: String
    @Option(help: "The account that it is for; the whole organisation unless said.") var email: String?

    func run() async throws {
      guard let limit = TokenPrice.millionths(amount) else {
        throw CommandFailure(.usage, "the amount must be a number such as 250 or 19.50, at most 1000000")
      }
      try await BudgetsCommand.change(common) { assembly, caller in
        let user = email == nil ? nil : try await assembly.operatorPrincipal(as: email).userID
        return try await BudgetsCommand.calling { () async throws(UseCaseFailure) in
          try await assembly.useCases.budgets.set(limit, for: user, caller)
        }
      }
    }
  }

  /// `opentier budgets override`.
  struct Override: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "override",
      abstract: "Let calls pass beyond a budget's stop for some hours; 0 ends that. It is written to the audit log.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The budget's id.") var id: BudgetID
    @Option(help: "For how many hours, at most 744.") var hours: Int
    @Option(help: "Why.") var reason: String

    func validate() throws {
      guard (0...744).contains(hours) else { throw ValidationError("--hours must be 0 to 744") }
    }

    func run() async throws {
      try await BudgetsCommand.change(common) { assembly, caller in
        let end = assembly.world.clock.now().addingTimeInterval(TimeInterval(hours) * 3_600)
        return try await BudgetsCommand.calling { () async throws(UseCaseFailure) in
          try await assembly.useCases.budgets.override(id, until: end, reason: reason, caller)
        }
      }
    }
  }

  /// `opentier budgets delete`.
  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete", abstract: "Remove a budget: calls may cost what they cost.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The budget's id.") var id: BudgetID

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        try await BudgetsCommand.calling { () async throws(UseCaseFailure) in
          try await assembly.useCases.budgets.delete(id, caller)
        }
        terminal.line(common.json ? "{}" : "the budget is gone")
      }
    }
  }

  /// `opentier budgets audit`.
  struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "audit", abstract: "List who decided what on budgets, newest first.")
    @OptionGroup var common: CommonOptions
    @Option(help: "How many entries at most.") var limit = 50

    func validate() throws {
      guard limit >= 1 else { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let entries = try await Listing.items(upTo: limit) { page async throws(UseCaseFailure) in
          try await assembly.useCases.budgets.auditEntries(page: page, caller)
        }
        if common.json {
          terminal.line("[" + (try entries.map { try ContractJSON.text($0) }).joined(separator: ",\n") + "]")
          return
        }
        if entries.isEmpty { terminal.message("nothing was decided yet") }
        for entry in entries {
          let details = entry.details.sorted { $0.key < $1.key }.map { "\($0.key)=\(Listing.oneLine($0.value))" }
          terminal.line(
            "\(entry.occurredAt.formatted(.iso8601))  \(entry.action.rawValue)  "
              + "\(entry.subjectID.lowercaseText)  by \(entry.actorID)  \(details.joined(separator: "  "))")
        }
      }
    }
  }

  /// Changes a budget, and shows it.
  private static func change(
    _ common: CommonOptions, _ body: (Assembly, Principal) async throws -> Budget
  ) async throws {
    try await Assembly.run(try common.configuration()) { assembly in
      let budget = try await body(assembly, try await assembly.operatorPrincipal())
      Terminal.standard.line(common.json ? try ContractJSON.text(budget) : line(budget))
    }
  }

  private static func calling<Value>(
    _ body: () async throws(UseCaseFailure) -> Value
  ) async throws(CommandFailure) -> Value {
    do { return try await body() } catch { throw CommandFailure(error) }
  }

  private static func line(_ budget: Budget) -> String {
    let whose = budget.userID.map { "user \($0)" } ?? "the organisation"
    let override = budget.override.map {
      "  overridden until \($0.expiresAt.formatted(.iso8601)): \(Listing.oneLine($0.reason))"
    }
    return "\(budget.id)  \(Amount.text(budget.spent)) of \(Amount.text(budget.limit)) spent, "
      + "\(Amount.text(budget.reserved)) reserved  \(whose)\(override ?? "")"
  }
}
