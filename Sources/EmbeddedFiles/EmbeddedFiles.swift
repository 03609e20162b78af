package import FoundationEssentials

/// The files of `web/` and `migrations/`, carried in the binary so that it needs nothing beside it.
package enum EmbeddedFiles {
  /// The bytes of every embedded file by its path in the repository, such as `web/index.html`.
  package static let all: [String: Data] = Dictionary(
    uniqueKeysWithValues: table.map { entry in
      (entry.path, entry.isBase64 ? Data(base64Encoded: entry.text) ?? Data() : Data(entry.text.utf8))
    })

  /// The bytes of one file, or `nil` where there is none at that path.
  package static func data(at path: String) -> Data? { all[path] }

  /// The files below a folder, sorted by path; `folder` ends without a slash.
  package static func files(in folder: String) -> [(path: String, data: Data)] {
    all.filter { $0.key.hasPrefix(folder + "/") }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
