package import Application
package import Domain
import FoundationEssentials

/// Reads git repositories by the program `git`: the newest commit of a branch, alone, in a bare copy of its own.
package struct GitRepositoryReader: RepositoryReader {
  /// What reading a repository may take.
  package struct Limits: Sendable {
    /// How long one command may take.
    package var time: Duration = .seconds(600)
    /// The most bytes of the copy's largest file, which holds nearly all of it.
    package var maximumBytes = 1 << 30
    /// The most bytes of a file that is read.
    package var maximumFileBytes = 20 << 20

    /// The standard limits.
    package init() {}
  }

  private let directory: String
  private let locate: @Sendable (String) async throws(FetchFailure) -> ResolvedAddress
  private let hash: @Sendable (String) -> String
  private let limits: Limits
  private let git: GitProgram

  /// Makes a reader.
  ///
  /// - Parameters:
  ///   - directory: where the copies are kept, made where it is missing.
  ///   - authorities: a file of certificates in PEM form that are trusted besides the system's.
  ///   - locate: refuses an https address whose host is not allowed, and tells where the others are.
  ///   - hash: names a copy by its repository.
  package init(
    directory: String, limits: Limits = Limits(), authorities: String? = nil,
    locate: @escaping @Sendable (String) async throws(FetchFailure) -> ResolvedAddress,
    hash: @escaping @Sendable (String) -> String
  ) {
    self.directory = directory
    self.limits = limits
    self.locate = locate
    self.hash = hash
    git = GitProgram(time: limits.time, maximumFileBytes: limits.maximumBytes, authorities: authorities)
  }

  package func snapshot(of spec: RepositorySpec, unlessAt commit: String?) async throws(FetchFailure)
    -> RepositorySnapshot?
  {
    let copy = place(of: spec)
    if let commit, try await hasCommit(commit, in: copy) { return nil }
    let isLocal = spec.location.hasPrefix("/")
    var pins: [String] = []
    if !isLocal {
      guard spec.location.hasPrefix("https://") else { throw .refused("a repository's address begins with https://") }
      pins = Self.pins(try await locate(spec.location))
    }
    try renew(copy)
    try await succeed(["init", "--quiet", "--bare", "--template=", "."], in: copy)
    if !pins.isEmpty { try await requirePinning(in: copy) }
    let source = isLocal ? "file://" + spec.location : spec.location
    try await succeed(
      [
        "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--", source,
        "+\(spec.reference ?? "HEAD"):refs/opentier/head",
      ], in: copy, protocols: isLocal ? "file" : "https", settings: pins)
    let head = try await succeed(["rev-parse", "--verify", "refs/opentier/head^{commit}"], in: copy)
    let id = String(decoding: head, as: UTF8.self).trimmingWhitespace()
    let tree = try await succeed(
      ["ls-tree", "-r", "-l", "-z", "--full-tree", id], in: copy, maximumOutput: 256 << 20)
    return RepositorySnapshot(commit: id, files: Self.files(tree))
  }

  package func contents(
    of blobs: [String], in spec: RepositorySpec
  ) async throws(FetchFailure) -> [String: [UInt8]] {
    let list = Array(blobs.map { $0 + "\n" }.joined().utf8)
    let output = try await succeed(
      ["cat-file", "--batch"], in: place(of: spec), input: list,
      maximumOutput: blobs.count * (limits.maximumFileBytes + 100))
    return Self.contents(output)
  }

  /// What keeps `git` from resolving the name anew, which may lead elsewhere by then.
  static func pins(_ place: ResolvedAddress) -> [String] {
    guard place.addresses != [place.host] else { return [] }
    let addresses = place.addresses.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",")
    return ["http.curloptResolve=\(place.host):\(place.port):\(addresses)"]
  }

  /// A `git` that does not know the setting would pass over it without a word.
  private func requirePinning(in copy: String) async throws(FetchFailure) {
    let words = String(decoding: try await succeed(["version"], in: copy), as: UTF8.self)
    guard Self.pins(version: words) else {
      throw .invalid("this server's git is too old for addresses: 2.37 or newer is needed, and there is \(words)")
    }
  }

  /// Whether a version, such as `git version 2.39.5`, has `http.curloptResolve`.
  static func pins(version words: String) -> Bool {
    let version = words.split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
    let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
    return numbers.count == 2 && (numbers[0] > 2 || (numbers[0] == 2 && numbers[1] >= 37))
  }

  private func place(of spec: RepositorySpec) -> String {
    directory + "/" + hash("\(spec.location) \(spec.reference ?? "")") + ".git"
  }

  /// An empty folder in place of what was there: a copy of one commit is fetched whole, and never grows.
  private func renew(_ copy: String) throws(FetchFailure) {
    do {
      if FileManager.default.fileExists(atPath: copy) { try FileManager.default.removeItem(atPath: copy) }
      try FileManager.default.createDirectory(
        atPath: copy, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .unavailable("the folder for copies of repositories cannot be written")
    }
  }

  private func hasCommit(_ commit: String, in copy: String) async throws(FetchFailure) -> Bool {
    guard FileManager.default.fileExists(atPath: copy + "/objects") else { return false }
    return try await git.run(["rev-parse", "--verify", "--quiet", "refs/opentier/head"], in: copy).bytes.starts(
      with: Array(commit.utf8))
  }

  @discardableResult
  private func succeed(
    _ arguments: [String], in copy: String, protocols: String = "", settings: [String] = [],
    input: [UInt8] = [], maximumOutput: Int = 1 << 20
  ) async throws(FetchFailure) -> [UInt8] {
    let output = try await git.run(
      arguments, in: copy, protocols: protocols, settings: settings, input: input, maximumOutput: maximumOutput)
    guard output.status == 0 else {
      let words = output.message.isEmpty ? "it ended with code \(output.status)" : output.message
      let reason = "git \(arguments[0]): \(words)"
      // What the network does may pass; a branch or a repository that is not there will not.
      let isFinal = ["couldn't find remote ref", "does not appear to be a git repository", "not found", "too large"]
        .contains { words.contains($0) }
      throw isFinal ? .invalid(reason) : .unavailable(reason)
    }
    return output.bytes
  }

  /// Reads `mode type id size<TAB>path<NUL>…`: the regular files.
  static func files(_ tree: [UInt8]) -> [RepositoryFile] {
    tree.split(separator: 0).compactMap { entry in
      guard let tab = entry.firstIndex(of: 0x09) else { return nil }
      let fields = entry[..<tab].split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
      guard fields.count == 4, fields[1] == "blob", fields[0].hasPrefix("100"), let size = Int(fields[3]) else {
        return nil
      }
      return RepositoryFile(
        path: String(decoding: entry[entry.index(after: tab)...], as: UTF8.self), blob: fields[2], size: size)
    }
  }

  /// Reads `id blob size<LF>bytes<LF>…`; what is missing is left out.
  static func contents(_ output: [UInt8]) -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    var rest = output[...]
    while let end = rest.firstIndex(of: 0x0A) {
      let fields = rest[..<end].split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
      rest = rest[rest.index(after: end)...]
      guard fields.count == 3, fields[1] == "blob", let size = Int(fields[2]), size >= 0, size <= rest.count else {
        continue
      }
      contents[fields[0]] = Array(rest.prefix(size))
      rest = rest.dropFirst(size + 1)
    }
    return contents
  }
}
