import FoundationEssentials

/// All that a configuration is made from, so that tests decide it.
package struct ConfigurationInputs: Sendable {
  /// Values given by flags, by configuration key: `["grpcPort": "9090"]` for `--grpc-port 9090`. Only known
  /// keys: loading traps on others.
  package var flags: [String: String]
  /// What `--config` names.
  package var configurationFile: String?
  /// The environment.
  package var environment: [String: String]
  /// What relative paths are relative to.
  package var workingDirectory: String

  /// Gathers inputs; environment and working directory are the process's own unless given.
  package init(
    flags: [String: String] = [:],
    configurationFile: String? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment,
    workingDirectory: String = FileManager.default.currentDirectoryPath
  ) {
    self.flags = flags
    self.configurationFile = configurationFile
    self.environment = environment
    self.workingDirectory = workingDirectory
  }

  /// The user's home folder, or `/` where the environment names none.
  var home: String { environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/" }

  /// A path without `~/` and relative to nothing.
  func absolute(_ path: String) -> String {
    if path == "~" { return home }
    if path.hasPrefix("~/") { return joined(home, String(path.dropFirst(2))) }
    return path.hasPrefix("/") ? path : joined(workingDirectory, path)
  }

  /// A folder of the XDG base directory specification; a variable that is not an absolute path is ignored, as it asks.
  func baseDirectory(variable: String, fallback: String) -> String {
    environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? joined(home, fallback)
  }

  func joined(_ folder: String, _ path: String) -> String {
    let path = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    return folder.hasSuffix("/") ? folder + path : folder + "/" + path
  }
}
