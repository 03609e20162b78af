import Application
import ArgumentParser
import Contract
import Domain
import Foundation

/// `opentier users`.
struct UsersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "users", abstract: "List accounts and change their roles.", subcommands: [List.self, Grant.self])

  /// `opentier users list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List all accounts, newest first.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        var users: [User] = []
        var page = PageRequest(size: PageRequest.maximumSize)
        do {
          while true {
            let part = try await assembly.useCases.accounts.list(page: page, caller)
            users += part.items
            guard let next = part.next else { break }
            page = PageRequest(size: PageRequest.maximumSize, after: next)
          }
        } catch let failure as UseCaseFailure {
          throw CommandFailure(failure)
        }
        if common.json {
          terminal.line("[" + (try users.map { try ContractJSON.text($0) }).joined(separator: ",\n") + "]")
          return
        }
        if users.isEmpty { terminal.message("there is no account yet; the first to sign up becomes the admin") }
        let width = users.map(\.email.text.count).max() ?? 0
        for user in users {
          let email = user.email.text.padding(toLength: width, withPad: " ", startingAt: 0)
          terminal.line(
            "\(email)  \(user.role.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0))  \(user.displayName)")
        }
      }
    }
  }

  /// `opentier users grant`.
  struct Grant: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "grant", abstract: "Give an account a role; its sessions end, for they carry the old one.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The account's e-mail address.") var email: String
    @Argument(help: "user, contributor or admin.") var role: UserRole

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let caller = try await assembly.operatorPrincipal()
        let user: User
        do { user = try await assembly.useCases.accounts.grant(role, toEmail: email, caller) } catch let failure
          as UseCaseFailure
        {
          throw CommandFailure(failure)
        }
        terminal.line(
          common.json ? try ContractJSON.text(user) : "\(user.email) is now \(user.role.rawValue)")
      }
    }
  }
}

extension UserRole: ExpressibleByArgument {}
