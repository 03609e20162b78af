import Foundation

/// The package's own sources.
enum SourceTree {
  /// The package's folder, found from this file's place in it.
  static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The names of the folders directly in a folder, sorted; empty when it is not there.
  static func folders(in folder: String) throws -> [String] {
    let url = root.appending(path: folder)
    guard FileManager.default.fileExists(atPath: url.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: [.isDirectoryKey])
      .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
      .map(\.lastPathComponent).sorted()
  }

  /// The Swift files in a folder and below it, as paths from the package's folder, sorted.
  static func swiftFiles(in folder: String, except excluded: [String] = []) -> [String] {
    let paths = FileManager.default.enumerator(atPath: root.appending(path: folder).path)?.compactMap { $0 as? String }
    return (paths ?? []).filter { path in
      path.hasSuffix(".swift") && !excluded.contains { path.hasPrefix($0 + "/") }
    }.map { folder + "/" + $0 }.sorted()
  }

  /// A file's text.
  static func text(of path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
}

/// The modules that a source text imports, however the import is written.
func importedModules(in source: String) -> Set<String> {
  let modifiers: Set<Substring> = ["package", "public", "internal", "fileprivate", "private"]
  let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
  var modules: Set<String> = []
  for line in source.split(whereSeparator: \.isNewline) {
    // Several statements may stand on one line.
    for statement in line.split(separator: ";") {
      var words = statement.split { $0 == " " || $0 == "\t" }[...]
      while let word = words.first, word.hasPrefix("@") || modifiers.contains(word) { words.removeFirst() }
      guard words.popFirst() == "import" else { continue }
      if let word = words.first, kinds.contains(word) { words.removeFirst() }
      if let module = words.first?.split(separator: ".").first { modules.insert(String(module)) }
    }
  }
  return modules
}
