package import Domain
import FoundationEssentials

/// A source as the columns `sources` and `citations` hold it.
package struct SourceJSON: Codable {
  private let marker: Int
  private let documentID: UUID
  private let revisionID: UUID
  private let chunkID: UUID
  private let title: String
  private let text: String
  private let startOffset: Int
  private let endOffset: Int
  private let submittedBy: String
  private let approvedBy: String
  // Not there for formats without pages, nor in what was stored before pages were known.
  private let startPage: Int?
  private let endPage: Int?

  /// Takes a source apart.
  package init(_ source: Source) {
    marker = source.marker
    documentID = source.documentID.uuid
    revisionID = source.revisionID.uuid
    chunkID = source.chunkID.uuid
    title = source.title
    text = source.text
    startOffset = source.startOffset
    endOffset = source.endOffset
    submittedBy = source.submittedBy
    approvedBy = source.approvedBy
    startPage = source.pages?.first
    endPage = source.pages?.last
  }

  /// The source.
  package var source: Source {
    Source(
      marker: marker, documentID: DocumentID(documentID), revisionID: RevisionID(revisionID),
      chunkID: ChunkID(chunkID), title: title, text: text, startOffset: startOffset, endOffset: endOffset,
      submittedBy: submittedBy, approvedBy: approvedBy, pages: PageSpan(first: startPage, last: endPage))
  }
}
