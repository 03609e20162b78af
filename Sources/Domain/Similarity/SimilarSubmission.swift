/// A pending submission that is much like another, for whoever reviews that one.
package struct SimilarSubmission: Hashable, Sendable {
  /// The submission.
  package let submissionID: SubmissionID
  /// Its title.
  package let title: String
  /// How much the texts are alike, 0 to 1, as in ``SimilarDocument``; 1 for the same address.
  package let similarity: Double
  /// Whether the texts are the same, byte by byte, or the addresses are.
  package let isIdentical: Bool
  /// The longest passage that both have, or its beginning, in the words of this one; empty when there is none, and for an
  /// address.
  package let sharedText: String

  /// Makes a finding of its parts.
  package init(
    submissionID: SubmissionID, title: String, similarity: Double, isIdentical: Bool, sharedText: String
  ) {
    self.submissionID = submissionID
    self.title = title
    self.similarity = similarity
    self.isIdentical = isIdentical
    self.sharedText = sharedText
  }
}

/// What a submission was found to be like.
package struct SimilarityReport: Hashable, Sendable {
  /// The documents, most alike first.
  package let documents: [SimilarDocument]
  /// The other submissions that wait for a review, most alike first.
  package let submissions: [SimilarSubmission]
  /// How many of those it was compared with: the newest ones, as far as there was time.
  package let comparedSubmissions: Int

  /// Makes a report of its parts.
  package init(documents: [SimilarDocument], submissions: [SimilarSubmission], comparedSubmissions: Int) {
    self.documents = documents
    self.submissions = submissions
    self.comparedSubmissions = comparedSubmissions
  }
}
