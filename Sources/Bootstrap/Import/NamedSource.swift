import Domain
import Foundation

/// What a person named to be ingested, as what it was recognised.
enum NamedSource: Hashable, Sendable {
  /// A file, or a folder whose files are taken; the lines of a JSON Lines file one by one.
  case files(String)
  /// A git repository: an absolute path, or an address.
  case repository(String)
  /// A JSON Lines file that one job takes: its absolute path.
  case records(String)
  /// The address of one page.
  case page(String)
  /// The address of a site, whose links are followed.
  case site(String)

  /// Recognises a source: an address that ends in `.git`, and a folder that holds a repository, are repositories; any other
  /// address is a page.
  ///
  /// - Throws: `.usage` for an address of another scheme; `.notFound` for a path at which there is nothing.
  init(recognising text: String) throws(CommandFailure) {
    if let scheme = Self.scheme(of: text) {
      guard ["http", "https"].contains(scheme) else {
        throw CommandFailure(
          .usage, "\(text): only http and https addresses are read; of a repository elsewhere give a clone's path")
      }
      let path = text.prefix { $0 != "?" && $0 != "#" }
      let isRepository = (path.hasSuffix("/") ? path.dropLast() : path).hasSuffix(".git")
      self = isRepository ? .repository(text) : .page(text)
      return
    }
    let path = Self.absolute(text)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CommandFailure(
        .notFound, "\(text): there is no such file or folder; an address begins with https:// or http://")
    }
    self = isFolder.boolValue && Self.isRepository(path) ? .repository(path) : .files(text)
  }

  /// An absolute path without `~` and `..`.
  static func absolute(_ path: String) -> String {
    let url = URL(filePath: (path as NSString).expandingTildeInPath).standardizedFileURL
    let absolute = url.path(percentEncoded: false)
    return absolute.count > 1 && absolute.hasSuffix("/") ? String(absolute.dropLast()) : absolute
  }

  /// Whether a text is an address, of whatever scheme.
  static func isAddress(_ text: String) -> Bool { scheme(of: text) != nil }

  private static func scheme(of text: String) -> String? {
    guard let end = text.range(of: "://")?.lowerBound, end > text.startIndex else { return nil }
    let scheme = text[..<end]
    return scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
      ? scheme.lowercased() : nil
  }

  /// Whether a folder is a repository: with a working tree, whose `.git` may be a file, or bare.
  private static func isRepository(_ folder: String) -> Bool {
    let files = FileManager.default
    return files.fileExists(atPath: folder + "/.git")
      || ["HEAD", "objects", "refs"].allSatisfy { files.fileExists(atPath: "\(folder)/\($0)") }
  }
}
