import Foundation
import Settings

/// Reads the configuration for a command, and says its failure as one of usage.
enum ConfigurationReading {
  static func read(file: String?, flags: [String: String]) throws(CommandFailure) -> ServerConfiguration {
    do {
      let configuration = try ServerConfiguration.load(ConfigurationInputs(flags: flags, configurationFile: file))
      for warning in configuration.warnings { Terminal.standard.message("warning: \(warning)") }
      return configuration
    } catch {
      throw CommandFailure(.usage, error.description)
    }
  }
}
