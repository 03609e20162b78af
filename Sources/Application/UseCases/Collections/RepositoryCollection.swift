import Domain
import FoundationEssentials

/// Reads the files of a repository's commit: those that are new or have changed since the last run, by their blobs.
struct RepositoryCollection: CollectionReader {
  let spec: RepositorySpec
  let sources: CollectionSources
  let maximumItems: Int

  var identity: String { "git \(spec.reference ?? "") \(spec.location)" }
  // Few, for all of them are in memory at once.
  var batchSize: Int { 8 }

  func list(resuming version: String?) async throws(CollectionFailure) -> CollectionListing? {
    let snapshot: RepositorySnapshot?
    do throws(FetchFailure) {
      snapshot = try await sources.repositories.snapshot(of: spec, unlessAt: version)
    } catch {
      throw CollectionFailure(error)
    }
    guard let snapshot else { return nil }
    var items: [ListedItem] = []
    var keys: Set<String> = []
    for file in snapshot.files {
      // Names that are not UTF-8 may look the same here; their contents tell them apart.
      let key = keys.insert(file.path).inserted ? file.path : "\(file.path) \(file.blob)"
      guard key.utf8.count <= CollectionItem.maximumKeyLength, !NullCharacter.isIn(key) else {
        throw .permanent("a path in it is longer than \(CollectionItem.maximumKeyLength) bytes")
      }
      items.append(listed(file, as: key))
    }
    return CollectionListing(version: snapshot.commit, items: items, isComplete: true)
  }

  private func listed(_ file: RepositoryFile, as key: String) -> ListedItem {
    if !sources.reads(file.path) {
      return ListedItem(key: key, failure: "files with such an ending are not read", isSkipped: true)
    }
    if file.size == 0 { return ListedItem(key: key, failure: "it is empty", isSkipped: true) }
    if file.size > sources.maximumFileBytes {
      return ListedItem(key: key, failure: "it has \(file.size) bytes; at most \(sources.maximumFileBytes) are taken")
    }
    return ListedItem(key: key, version: file.blob)
  }

  func read(_ items: [CollectionItem]) async throws(CollectionFailure) -> [ReadItem] {
    let contents: [String: [UInt8]]
    do throws(FetchFailure) {
      contents = try await sources.repositories.contents(of: items.compactMap(\.offered), in: spec)
    } catch {
      throw CollectionFailure(error)
    }
    return items.map { item in
      guard let blob = item.offered, let bytes = contents[blob] else {
        return .left(item.key, .failed, "its blob is not in the repository")
      }
      let name = item.key.split(separator: "/").last.map(String.init) ?? item.key
      if bytes.prefix(8_000).contains(0), !["pdf", "docx"].contains(name.split(separator: ".").last?.lowercased()) {
        return .left(item.key, .skipped, "it is binary")
      }
      return ReadItem(
        key: item.key, state: .handedOn, validators: ItemValidators(version: blob),
        document: ReadItem.Document(
          title: item.key, content: .file(name: String(name.suffix(255)), mediaType: .unknown, bytes: Data(bytes)),
          sourceURI: "git:\(spec.location)#\(item.key)", byteCount: bytes.count,
          metadata: ["path": .string(item.key), "repository": .string(spec.location)]))
    }
  }
}

extension CollectionFailure {
  /// What a fetch failure means to a run.
  init(_ failure: FetchFailure) {
    switch failure {
    case .refused(let why), .invalid(let why): self = .permanent(why)
    case .unavailable(let why): self = .transient(why)
    case .cancelled: self = .cancelled
    }
  }
}
