/// A document that is much like a submission, for whoever reviews it.
package struct SimilarDocument: Hashable, Sendable {
  /// The document.
  package let documentID: DocumentID
  /// Its current revision, which the submission was compared with.
  package let revisionID: RevisionID
  /// The title of that revision.
  package let title: String
  /// How much the texts are alike, 0 to 1; 1 also for texts that differ in nothing but white space, punctuation and
  /// capitals.
  package let similarity: Double
  /// Whether the revision's text is the submission's, byte by byte: then approving it makes no other document.
  package let isIdentical: Bool
  /// The longest passage that both have, or its beginning, in the words of the revision; empty when there is none.
  package let sharedText: String
  /// Where that lies in the revision's text, in UTF-8 bytes.
  package let range: Range<Int>

  /// Makes a finding of its parts.
  package init(
    documentID: DocumentID, revisionID: RevisionID, title: String, similarity: Double, isIdentical: Bool,
    sharedText: String, range: Range<Int>
  ) {
    self.documentID = documentID
    self.revisionID = revisionID
    self.title = title
    self.similarity = similarity
    self.isIdentical = isIdentical
    self.sharedText = sharedText
    self.range = range
  }
}
