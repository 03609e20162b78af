import Foundation

/// Writes a Swift source file that holds the bytes of every file below the named folders.
///
/// Usage: `embed-files ROOT OUTPUT FOLDER…`. The files become string literals (UTF-8 text) or Base64 (anything else),
/// which compile in no time; array literals of bytes take the type checker seconds.
@main
struct EmbedFilesTool {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count >= 4 else {
      FileHandle.standardError.write(Data("usage: embed-files ROOT OUTPUT FOLDER…\n".utf8))
      exit(2)
    }
    let root = URL(filePath: arguments[1], directoryHint: .isDirectory)
    var source = """
      // Made by embed-files from the repository's files; not committed.
      extension EmbeddedFiles {
        static let table: [(path: String, text: String, isBase64: Bool)] = [

      """
    for folder in arguments[3...] {
      let paths = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path()).sorted()
      for path in paths {
        let url = root.appending(path: folder).appending(path: path)
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path(), isDirectory: &isDirectory), !isDirectory.boolValue
        else { continue }
        let data = try Data(contentsOf: url)
        let text = String(data: data, encoding: .utf8)
        let literal = text.map { $0.debugDescription } ?? data.base64EncodedString().debugDescription
        source += "    (\"\(folder)/\(path)\", \(literal), \(text == nil)),\n"
      }
    }
    source += "  ]\n}\n"
    try Data(source.utf8).write(to: URL(filePath: arguments[2]))
  }
}
