import Foundation
import PackagePlugin

/// Writes `EmbeddedFileTable.swift` from the files of `web/` and `migrations/`, so that the binary carries them.
@main
struct EmbedFiles: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let root = context.package.directoryURL
    let folders = ["web", "migrations"]
    var inputs: [URL] = []
    for folder in folders {
      let found = FileManager.default.enumerator(at: root.appending(path: folder), includingPropertiesForKeys: nil)
      while let url = found?.nextObject() as? URL {
        if !url.hasDirectoryPath { inputs.append(url) }
      }
    }
    let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedFileTable.swift")
    return [
      .buildCommand(
        displayName: "Embedding web client and migrations",
        executable: try context.tool(named: "embed-files").url,
        arguments: [root.path(), output.path()] + folders,
        inputFiles: inputs.sorted { $0.path() < $1.path() },
        outputFiles: [output])
    ]
  }
}
