import Domain

extension FindSimilar {
  /// A pending submission that may be alike.
  private struct Candidate {
    let submission: KnowledgeSubmission
    let estimate: Double
  }

  /// What an estimate may be below the threshold: three times its standard error.
  private static let tolerance = 0.1

  /// The other pending submissions that are alike, most alike first, and how many were looked at.
  ///
  /// The newest ones are looked at, and within the time that there is. Each is read once and sketched; the next look at
  /// any submission has the sketches already, and gets further.
  @concurrent
  func pending(
    like subject: Subject, _ submission: KnowledgeSubmission
  ) async throws(UseCaseFailure) -> (found: [SimilarSubmission], compared: Int) {
    let end = ContinuousClock.now + settings.pendingTime
    let sketch = subject.words.map(TextSketch.init)
    var (candidates, same, compared): ([Candidate], [SimilarSubmission], Int) = ([], [], 0)
    for other in try await others(than: submission) {
      switch (subject, other.content) {
      case (.address(let address), .url(let theirs)):
        compared += 1
        guard address == Self.canonical(theirs) else { continue }
        same.append(
          SimilarSubmission(
            submissionID: other.id, title: other.title, similarity: 1, isIdentical: true, sharedText: ""))
      case (.text, .text), (.text, .file):
        guard let sketch else { continue }
        guard sketches[other.id] != nil || ContinuousClock.now < end else { continue }
        compared += 1
        guard case .text(let theirs) = try await self.sketch(of: other) else { continue }
        let estimate = sketch.similarity(to: theirs)
        guard estimate >= settings.threshold - Self.tolerance else { continue }
        candidates.append(Candidate(submission: other, estimate: estimate))
      default: continue
      }
    }
    // The sorts are stable: those as much alike stay in their order, newest first.
    let likeliest = candidates.sorted { $0.estimate > $1.estimate }.prefix(Self.candidates)
    var found = same
    for candidate in likeliest {
      if let similar = try await exact(subject, candidate.submission) { found.append(similar) }
    }
    return (Array(found.sorted { $0.similarity > $1.similarity }.prefix(settings.limit)), compared)
  }

  /// The newest pending submissions but this one.
  private func others(
    than submission: KnowledgeSubmission
  ) async throws(UseCaseFailure) -> [KnowledgeSubmission] {
    var others: [KnowledgeSubmission] = []
    var after: PageCursor?
    while others.count < settings.pending {
      // One more than are missing: this one may be among them.
      let request = PageRequest(size: settings.pending - others.count + 1, after: after)
      let page = try await storing("submission") { () async throws(StorageFailure) in
        try await submissions.submissions(
          in: submission.organizationID, status: .pending, contributor: nil, page: request)
      }
      others += page.items.filter { $0.id != submission.id }
      guard let next = page.next else { break }
      after = next
    }
    return Array(others.prefix(settings.pending))
  }

  private func sketch(of submission: KnowledgeSubmission) async throws(UseCaseFailure) -> PendingSketches.Sketch {
    if let known = sketches[submission.id] { return known }
    let sketch: PendingSketches.Sketch
    if case .text(_, let words) = try await subject(of: submission) {
      sketch = .text(TextSketch(words))
    } else {
      sketch = .none
    }
    sketches.remember(sketch, of: submission.id)
    return sketch
  }

  /// Compares two texts word by word; `nil` when they are less alike than was estimated, or the other has gone.
  private func exact(
    _ subject: Subject, _ other: KnowledgeSubmission
  ) async throws(UseCaseFailure) -> SimilarSubmission? {
    guard case .text(let text, let words) = subject,
      case .text(let theirs, let theirWords) = try await self.subject(of: other)
    else { return nil }
    let similarity = words.similarity(to: theirWords)
    guard similarity >= settings.threshold else { return nil }
    return SimilarSubmission(
      submissionID: other.id, title: other.title, similarity: similarity, isIdentical: Self.areEqual(theirs, text),
      sharedText: shared(words, theirs, theirWords).text)
  }
}
