import Application
import ArgumentParser
import Contract
import Domain
import Foundation

/// `opentier keys`.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Make, list and revoke the API keys of an account.",
    discussion: """
      A key lets a program act for an account, as far as its scopes go. Its secret is printed once:

        opentier keys create ci ada@example.org --scope chat --scope search
      """,
    subcommands: [List.self, Create.self, Revoke.self])

  /// `opentier keys list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the keys of an account, newest first.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The account's e-mail address.") var email: String

    func run() async throws {
      try await KeysCommand.run(common, as: email) { keys, caller async throws(UseCaseFailure) in
        try await keys.list(caller)
      } show: { keys in
        if common.json {
          terminal.line("[" + (try keys.map { try ContractJSON.text($0) }).joined(separator: ",\n") + "]")
          return
        }
        if keys.isEmpty { terminal.message("\(email) has no API key") }
        for key in keys {
          let scopes = APIKeyScope.allCases.filter(key.scopes.contains).map(\.rawValue).joined(separator: ",")
          let used = key.lastUsedAt.map { "used \($0.formatted(.iso8601))" } ?? "never used"
          let end = key.expiresAt.map { "until \($0.formatted(.iso8601))" } ?? "for ever"
          terminal.line("\(key.id)  \(key.prefix)…  \(scopes)  \(end)  \(used)  \(key.name)")
        }
      }
    }
  }

  /// `opentier keys create`.
  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Make a key; its secret is printed this once.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "What the key is called.") var name: String
    @Argument(help: "The account's e-mail address.") var email: String
    @Option(help: "chat, search, read, submit or admin; may be repeated.") var scope: [APIKeyScope] = [.chat]
    @Option(help: "In how many days it expires.") var days: Int?

    func validate() throws {
      guard days ?? 1 >= 1 else { throw ValidationError("--days must be at least 1") }
    }

    func run() async throws {
      let expiresAt = days.map { Date.now.addingTimeInterval(TimeInterval($0) * 86_400) }
      let command = ManageAPIKeys.Command(name: name, scopes: Set(scope), expiresAt: expiresAt)
      try await KeysCommand.run(common, as: email) { keys, caller async throws(UseCaseFailure) in
        try await keys.create(command, caller)
      } show: { created in
        terminal.line(common.json ? try ContractJSON.text(created) : created.secret.text)
      }
    }
  }

  /// `opentier keys revoke`.
  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "revoke", abstract: "Revoke a key: it is refused from the next request on.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The key's id.") var id: APIKeyID
    @Argument(help: "The account's e-mail address.") var email: String

    func run() async throws {
      try await KeysCommand.run(common, as: email) { keys, caller async throws(UseCaseFailure) in
        try await keys.revoke(id, caller)
      } show: { _ in
        terminal.line(common.json ? "{}" : "the key is revoked")
      }
    }
  }

  /// Does something as the account of an address, and shows what came of it.
  private static func run<Value: Sendable>(
    _ common: CommonOptions, as email: String,
    _ call: (ManageAPIKeys, Principal) async throws(UseCaseFailure) -> Value, show: (Value) throws -> Void
  ) async throws {
    try await Assembly.run(try common.configuration()) { assembly in
      let caller = try await assembly.operatorPrincipal(as: email)
      let value: Value
      do throws(UseCaseFailure) { value = try await call(assembly.useCases.apiKeys, caller) } catch {
        throw CommandFailure(error)
      }
      try show(value)
    }
  }
}

extension APIKeyScope: ExpressibleByArgument {}
