package import Domain

/// Finds the documents and the other pending submissions that a pending submission is much like.
///
/// The index of words gives the documents that are candidates: one that is alike has the words of most passages of the
/// submission. So no text but a few candidates' is read, whatever the number of documents, and what is compared is what is
/// current. Pending submissions are in no index; of the newest ones sketches are made and kept, which give the candidates.
package struct FindSimilar: Sendable {
  /// Sizes that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// The least similarity that is told.
    package var threshold = 0.5
    /// The most documents that are told, and the most submissions.
    package var limit = 5
    /// How many other pending submissions, the newest, one is compared with; 0 for none.
    package var pending = 500
    /// For how long pending submissions that were not looked at before are read for one comparison.
    package var pendingTime: Duration = .seconds(2)
    /// When no further passage is looked for in the documents: those that were give the candidates.
    package var searchTime: Duration = .seconds(5)
    /// The most bytes of a text that are compared: of a longer one its beginning.
    package var maximumBytes = 4 << 20
    /// How many submissions are compared at once.
    package var concurrent = 2

    /// The standard sizes.
    package init() {}
  }

  /// How many passages of the submission are looked for, and how many words each has.
  private static let (probes, probeWords) = (8, 24)
  /// How many words of a passage are searched for. What a search costs goes with how often its words stand in all documents:
  /// all 24 cost some forty times as much.
  private static let searchedWords = 6
  /// How many chunks each gives, and how many documents of theirs, or submissions, are compared.
  private static let chunksPerProbe = 20
  static let candidates = 10
  /// The most bytes of a shared passage that are told.
  private static let maximumShared = 2_000

  let submissions: any SubmissionRepository
  let documents: any DocumentRepository
  let index: any PassageIndex
  let extractor: any TextExtractor
  let room: StageGate
  let sketches: PendingSketches
  let settings: Settings

  /// What there is of a submission to compare.
  enum Subject: Sendable {
    /// Its text, and the words of as much of it as is compared.
    case text(String, words: ComparedWords)
    /// The address, in its canonical form, that is read when it is approved.
    case address(String)
    /// Nothing: a file in which there is no text that can be read, or what becomes many documents.
    case nothing

    /// The words, if any.
    var words: ComparedWords? {
      if case .text(_, let words) = self { words } else { nil }
    }
  }

  /// What is alike. No documents for an address, which is not read before it is approved; nothing for a file in which
  /// there is no text that can be read.
  ///
  /// - Throws: `.forbidden` below admin; `.notFound`.
  package func callAsFunction(
    _ id: SubmissionID, _ caller: Principal
  ) async throws(UseCaseFailure) -> SimilarityReport {
    try caller.require(.admin, to: "compare submissions")
    let submission = try await found("submission") { () async throws(StorageFailure) in
      try await submissions.submission(id, in: caller.organizationID)
    }
    let report = try await room.pass { () async throws(UseCaseFailure) -> SimilarityReport in
      let subject = try await subject(of: submission)
      var documents: [SimilarDocument] = []
      if case .text(let text, let words) = subject { documents = try await compare(text, words, of: submission) }
      let (pending, compared) = try await pending(like: subject, submission)
      return SimilarityReport(documents: documents, submissions: pending, comparedSubmissions: compared)
    }
    guard let report else { throw .cancelled }
    return report
  }

  /// What there is to compare of a submission.
  func subject(of submission: KnowledgeSubmission) async throws(UseCaseFailure) -> Subject {
    let content = try await storing("submission") { () async throws(StorageFailure) in
      try await submissions.content(of: submission.id, in: submission.organizationID)
    }
    let payload: Payload
    switch content {
    case .url(let address): return .address(Self.canonical(address))
    // What becomes many documents is not there to compare.
    case nil, .crawl, .repository, .records: return .nothing
    case .text(let text): payload = Payload(bytes: Array(text.utf8), mediaType: .unknown, fileName: nil)
    case .file(let name, let mediaType, let bytes):
      payload = Payload(bytes: Array(bytes), mediaType: mediaType, fileName: name)
    }
    do throws(ExtractionFailure) {
      let text = try await extractor.extract(payload).text.text
      return .text(text, words: ComparedWords(text.prefix(bytes: settings.maximumBytes)))
    } catch {
      if error == .cancelled { throw .cancelled }
      // Its job would say why; there is nothing to compare.
      return .nothing
    }
  }

  @concurrent
  private func compare(
    _ text: String, _ words: ComparedWords, of submission: KnowledgeSubmission
  ) async throws(UseCaseFailure) -> [SimilarDocument] {
    var similar: [SimilarDocument] = []
    for candidate in try await candidates(words, text, for: submission) {
      let current: (revision: DocumentRevision, text: String)
      do throws(StorageFailure) {
        current = try await documents.text(of: candidate, revision: nil, in: submission.organizationID)
      } catch {
        if error == .notFound { continue }  // Deleted in this moment.
        throw UseCaseFailure(error, "document")
      }
      let theirs = ComparedWords(current.text.prefix(bytes: settings.maximumBytes))
      let similarity = words.similarity(to: theirs)
      guard similarity >= settings.threshold else { continue }
      let shared = shared(words, current.text, theirs)
      similar.append(
        SimilarDocument(
          documentID: candidate, revisionID: current.revision.id, title: current.revision.title,
          similarity: similarity, isIdentical: Self.areEqual(current.text, text), sharedText: shared.text,
          range: shared.range))
    }
    // The sort is stable: those as much alike stay in the order of the candidates.
    return Array(similar.sorted { $0.similarity > $1.similarity }.prefix(settings.limit))
  }

  /// The longest passage that is also in another text, as that has it.
  func shared(
    _ words: ComparedWords, _ text: String, _ theirs: ComparedWords
  ) -> (text: String, range: Range<Int>) {
    let range = SharedPassage.longest(of: words, in: theirs, maximumBytes: Self.maximumShared) ?? 0..<0
    return (String(decoding: Array(text.utf8.prefix(range.upperBound))[range], as: UTF8.self), range)
  }

  /// An address as others are compared with it; what is none is compared as it is written.
  static func canonical(_ address: String) -> String { (try? WebAddress(address))?.canonical.text ?? address }

  /// Whether two texts are the same, byte by byte.
  static func areEqual(_ first: String, _ second: String) -> Bool { first.utf8.elementsEqual(second.utf8) }

  /// The documents that most passages of the text are found in, but for the one that the submission revises.
  private func candidates(
    _ words: ComparedWords, _ text: String, for submission: KnowledgeSubmission
  ) async throws(UseCaseFailure) -> [DocumentID] {
    let bytes = Array(text.utf8.prefix(settings.maximumBytes))
    let scope = SearchScope(organizationID: submission.organizationID, asOf: nil, filters: SearchFilters())
    let frequencies = words.hashes.reduce(into: [UInt64: Int]()) { $0[$1, default: 0] += 1 }
    let end = ContinuousClock.now + settings.searchTime
    var counts: [DocumentID: Int] = [:]
    var order: [DocumentID] = []
    for start in Self.probeStarts(words.ranges.count) where ContinuousClock.now < end {
      let passage = start..<min(start + Self.probeWords, words.ranges.count)
      let query = Self.searched(passage, words, frequencies).map { String(decoding: bytes[$0], as: UTF8.self) }
        .joined(separator: " ")
      let passages = try await storing("passage") { () async throws(StorageFailure) in
        let chunks = try await index.lexical(query, in: scope, limit: Self.chunksPerProbe)
        return try await index.passages(chunks.map(\.id), in: submission.organizationID)
      }
      for document in Set(passages.map(\.documentID)) where document != submission.documentID {
        if counts[document] == nil { order.append(document) }
        counts[document, default: 0] += 1
      }
    }
    return Array(order.sorted { (counts[$0] ?? 0, $1) > (counts[$1] ?? 0, $0) }.prefix(Self.candidates))
  }

  /// Where the words lie that are searched for to find a passage: its rarest ones, by how often they stand in the text, and
  /// then by their length, since long words are rarer in every language. Where words follow each other without anything
  /// between, as East Asian ones do, it is the whole passage.
  private static func searched(
    _ passage: Range<Int>, _ words: ComparedWords, _ frequencies: [UInt64: Int]
  ) -> [Range<Int>] {
    let touching = passage.dropFirst().count { words.ranges[$0 - 1].upperBound == words.ranges[$0].lowerBound }
    if 2 * touching >= passage.count {
      return [words.ranges[passage.lowerBound].lowerBound..<words.ranges[passage.upperBound - 1].upperBound]
    }
    var seen: Set<UInt64> = []
    // The sort is stable: words that are as rare and as long stay in their order.
    return passage.filter { seen.insert(words.hashes[$0]).inserted }
      .sorted { left, right in
        let (first, second) = (frequencies[words.hashes[left]] ?? 0, frequencies[words.hashes[right]] ?? 0)
        return (first, words.ranges[right].count) < (second, words.ranges[left].count)
      }
      .prefix(searchedWords).map { words.ranges[$0] }
  }

  /// Where the passages that are looked for begin, spread evenly over so many words.
  private static func probeStarts(_ count: Int) -> [Int] {
    guard count > probeWords else { return count == 0 ? [] : [0] }
    let last = count - probeWords
    let number = min(probes, last / probeWords + 2)
    return (0..<number).map { $0 * last / (number - 1) }
  }
}

extension String {
  /// At most so many UTF-8 bytes of its beginning, cut between scalars.
  fileprivate func prefix(bytes maximum: Int) -> String {
    guard utf8.count > maximum else { return self }
    var end = utf8.index(startIndex, offsetBy: maximum)
    while end > startIndex, UTF8.isContinuation(utf8[end]) { end = utf8.index(before: end) }
    return String(self[..<end])
  }
}
