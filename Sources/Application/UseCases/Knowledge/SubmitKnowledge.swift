package import Domain

/// Offers knowledge for review.
package struct SubmitKnowledge: Sendable {
  /// What is offered.
  package struct Command: Sendable {
    /// What lists show, 1 to 500 characters.
    package let title: String
    /// The content.
    package let content: SubmissionContent
    /// What the submitter says about it.
    package let metadata: Metadata
    /// The document that it revises, if any.
    package let documentID: DocumentID?
    /// Where it comes from; for a URL the URL is taken when this is `nil`.
    package let sourceURI: String?
    /// Whether a repository may be a path of this machine: for its operator alone.
    package let allowsPaths: Bool

    /// Makes a command.
    package init(
      title: String, content: SubmissionContent, metadata: Metadata = [:], documentID: DocumentID? = nil,
      sourceURI: String? = nil, allowsPaths: Bool = false
    ) {
      self.allowsPaths = allowsPaths
      self.title = title
      self.content = content
      self.metadata = metadata
      self.documentID = documentID
      self.sourceURI = sourceURI
    }
  }

  /// The most bytes of a submitted content, unless configuration says otherwise: 100 MiB.
  package static let defaultMaximumBytes = 100 << 20
  /// The most bytes that are handed to storage at once, unless one submission alone has more: 128 MiB.
  package static let maximumBytesInStorage = 128 << 20
  /// The most characters of a source address.
  package static let maximumSourceLength = 2_000
  /// How deep metadata nests at most, and how many values it holds.
  package static let maximumMetadataDepth = 16
  /// The most values in metadata, counted through all levels.
  package static let maximumMetadataValues = 1_000

  let submissions: any SubmissionRepository
  let documents: any DocumentRepository
  let fetcher: any ContentFetcher
  let maximumBytes: Int
  /// Room for the contents that are handed to storage, which may copy them whole.
  let room: StageGate
  let makeID: IDGenerator
  let clock: WallClock

  /// Checks and stores a submission, which then waits for review.
  ///
  /// - Throws: `.forbidden` below contributor; `.invalid`; `.notFound` for a document that is not the tenant's;
  ///   `.precondition` for a URL whose host is not allowed.
  package func callAsFunction(
    _ command: Command, _ caller: Principal
  ) async throws(UseCaseFailure) -> KnowledgeSubmission {
    try caller.require(.contributor, to: "submit knowledge")
    let title = command.title.trimmingWhitespace()
    guard !title.isEmpty, title.count <= KnowledgeSubmission.maximumTitleLength else {
      throw .invalid("title must have 1 to \(KnowledgeSubmission.maximumTitleLength) characters")
    }
    try refuseNull(in: title, of: "title")
    let size = try checkContent(of: command)
    try check(command.metadata)
    if let source = command.sourceURI, source.isEmpty || source.count > Self.maximumSourceLength {
      throw .invalid("sourceUri must have 1 to \(Self.maximumSourceLength) characters")
    }
    try refuseNull(in: command.sourceURI ?? "", of: "sourceUri")
    if let id = command.documentID {
      _ = try await found("document") { () async throws(StorageFailure) in
        try await documents.document(id, in: caller.organizationID)
      }
    }
    var source = command.sourceURI
    if source == nil {
      switch command.content {
      case .url(let url): source = url
      case .crawl(let spec): source = spec.url
      case .repository(let spec): source = spec.location
      case .text, .file, .records: break
      }
    }
    let submission = KnowledgeSubmission(
      id: makeID(), organizationID: caller.organizationID, contributorID: caller.userID, title: title,
      content: ContentSummary(command.content), metadata: command.metadata, documentID: command.documentID,
      sourceURI: source, createdAt: clock.now())
    let stored: Void? = try await room.pass(weight: size) { () async throws(UseCaseFailure) -> Void in
      try await storing("submission") { () async throws(StorageFailure) in
        try await submissions.insert(submission, content: command.content)
      }
    }
    guard stored != nil else { throw .cancelled }
    return submission
  }

  /// The size of the content in bytes, once it may be submitted.
  private func checkContent(of command: Command) throws(UseCaseFailure) -> Int {
    let size: Int
    switch command.content {
    case .text(let text):
      guard !text.trimmingWhitespace().isEmpty else { throw .invalid("text must not be empty") }
      try refuseNull(in: text, of: "text")
      size = text.utf8.count
    case .url(let url):
      try check(address: url)
      size = 0
    case .crawl(let spec):
      try check(spec)
      size = 0
    case .repository(let spec):
      try check(spec, allowsPaths: command.allowsPaths)
      size = 0
    case .records(let name, let bytes):
      try check(fileName: name, isEmpty: bytes.isEmpty)
      size = bytes.count
    case .file(let name, let mediaType, let bytes):
      try check(fileName: name, isEmpty: bytes.isEmpty)
      try refuseNull(in: mediaType.name, of: "the file's media type")
      size = bytes.count
    }
    guard size <= maximumBytes else { throw .exhausted("a submission has at most \(maximumBytes) bytes") }
    return size
  }

  func check(address url: String) throws(UseCaseFailure) {
    guard url.count <= Self.maximumSourceLength else {
      throw .invalid("url must have at most \(Self.maximumSourceLength) characters")
    }
    try refuseNull(in: url, of: "url")
    do { try fetcher.check(url) } catch { throw UseCaseFailure(error) }
  }

  private func check(fileName name: String, isEmpty: Bool) throws(UseCaseFailure) {
    guard !isEmpty else { throw .invalid("the file is empty") }
    guard name.count <= 255 else { throw .invalid("the file's name must have at most 255 characters") }
    try refuseNull(in: name, of: "the file's name")
  }

  private func check(_ metadata: Metadata) throws(UseCaseFailure) {
    // Each value with the name of the entry that it lies in.
    var level: [(entry: String, value: MetadataValue)] = []
    for (key, value) in metadata {
      try refuseNull(in: key, of: "a key of metadata")
      level.append(("metadata.\(key.prefix(100))", value))
    }
    var count = 0
    var depth = 0
    while !level.isEmpty {
      depth += 1
      count += level.count
      guard depth <= Self.maximumMetadataDepth, count <= Self.maximumMetadataValues else {
        throw .invalid(
          "metadata has at most \(Self.maximumMetadataValues) values in \(Self.maximumMetadataDepth) levels")
      }
      var below: [(entry: String, value: MetadataValue)] = []
      for (entry, value) in level {
        switch value {
        case .list(let values): below += values.map { (entry, $0) }
        case .object(let values):
          for key in values.keys { try refuseNull(in: key, of: "a key in \(entry)") }
          below += values.values.map { (entry, $0) }
        case .string(let text): try refuseNull(in: text, of: entry)
        case .null, .bool, .number: break
        }
      }
      level = below
    }
  }
}

extension UseCaseFailure {
  /// What a fetch failure means to whoever submits the address.
  init(_ failure: FetchFailure) {
    switch failure {
    case .refused(let why): self = .precondition(why)
    case .unavailable(let why): self = .unavailable(why)
    case .invalid(let why): self = .invalid(why)
    case .cancelled: self = .cancelled
    }
  }
}
