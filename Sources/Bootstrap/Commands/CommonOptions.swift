import ArgumentParser
import Settings

/// What every command takes.
struct CommonOptions: ParsableArguments {
  @Option(help: "The configuration file. Default: ./opentier.yaml, if it is there.")
  var config: String?

  @Option(help: "offline (a SQLite file), production (PostgreSQL) or memory (nothing is kept).")
  var profile: String?

  @Option(help: "The folder that holds everything, in the offline profile.")
  var data: String?

  @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.")
  var logLevel: String?

  @Flag(help: "Print JSON for scripts: an object, or one object a line.")
  var json = false

  /// The values that were given as flags, by configuration key.
  var flags: [String: String] {
    var flags: [String: String] = [:]
    flags["profile"] = profile
    flags["data"] = data
    flags["log.level"] = logLevel
    return flags
  }

  /// Reads the configuration, this command's own flags winning over the common ones.
  func configuration(_ own: [String: String] = [:]) throws -> ServerConfiguration {
    try ConfigurationReading.read(file: config, flags: flags.merging(own) { _, own in own })
  }
}

extension AsyncParsableCommand {
  /// The terminal to print to.
  var terminal: Terminal { .standard }
}
