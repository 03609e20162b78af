import Foundation

/// Finds the files below paths that a person named.
enum SourceFiles {
  /// The endings that are read when a folder is walked; a file that is named itself is read whatever it is called.
  static let endings: Set<String> = [
    "txt", "text", "md", "markdown", "rst", "html", "htm", "pdf", "docx", "csv", "tsv", "eml", "jsonl", "ndjson",
  ]
  /// The most files of one run.
  static let maximumCount = 1_000_000

  /// The files, each once: those named, and those below the named folders in the order of their paths. Hidden files and
  /// folders are left out, and links to folders are not followed.
  static func find(_ paths: [String]) throws(CommandFailure) -> [URL] {
    var found: [URL] = []
    var seen: Set<String> = []
    for path in paths {
      let url = URL(filePath: (path as NSString).expandingTildeInPath).standardizedFileURL
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: url.path(percentEncoded: false), isDirectory: &isFolder) else {
        throw CommandFailure(.notFound, "\(path): there is no such file or folder")
      }
      for file in isFolder.boolValue ? files(below: url) : [url]
      where seen.insert(file.path(percentEncoded: false)).inserted {
        found.append(file)
      }
      guard found.count <= maximumCount else {
        throw CommandFailure(.usage, "there are more than \(maximumCount) files; name fewer")
      }
    }
    return found
  }

  private static func files(below folder: URL) -> [URL] {
    let walk = FileManager.default.enumerator(
      at: folder, includingPropertiesForKeys: [.isRegularFileKey], options: [.skipsHiddenFiles])
    var files: [URL] = []
    while let url = walk?.nextObject() as? URL {
      let isRegular = (try? url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) ?? false
      if isRegular, endings.contains(url.pathExtension.lowercased()) { files.append(url.standardizedFileURL) }
    }
    return files.sorted { $0.path() < $1.path() }
  }
}
