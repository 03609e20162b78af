import ArgumentParser
import Foundation

/// The command `opentier`.
struct OpenTier: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "opentier",
    abstract: "A self-hosted knowledge platform: curate knowledge, ask questions, check every citation.",
    discussion: """
      Start the server and open http://127.0.0.1:8080 in a browser:

        opentier serve

      Everything is kept in one folder (see: opentier config show), and nothing else has to run. \
      The other commands work on the same folder, whether the server runs or not.

      Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 not authorised, 5 unavailable.
      """,
    version: Version.current,
    subcommands: [
      ServeCommand.self, IngestCommand.self, SearchCommand.self, AskCommand.self, UsersCommand.self,
      KeysCommand.self, UsageCommand.self, BudgetsCommand.self, SubmissionsCommand.self, JobsCommand.self,
      EventsCommand.self, ModelsCommand.self,
      EmbeddingsCommand.self, MigrateCommand.self, BackupCommand.self, RestoreCommand.self, ConfigCommand.self,
      EvalCommand.self, DoctorCommand.self,
    ])
}

/// The version of this build.
enum Version {
  static let current = "0.1.0"
}

/// Runs the command and turns whatever happens into the documented exit status.
@main
enum Entry {
  static func main() async {
    do {
      var command = try OpenTier.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure as CommandFailure {
      Terminal.standard.message("opentier: \(failure.description)")
      exit(failure.status.rawValue)
    } catch {
      let status = OpenTier.exitCode(for: error)
      let message = OpenTier.fullMessage(for: error)
      if status == .success {
        if !message.isEmpty { Terminal.standard.line(message) }
        exit(ExitStatus.success.rawValue)
      }
      Terminal.standard.message(message.isEmpty ? "opentier: \(error)" : message)
      exit(status == .validationFailure ? ExitStatus.usage.rawValue : ExitStatus.failure.rawValue)
    }
  }
}
