import Domain
import SwiftProtobuf

extension SearchMode {
  /// How to search; hybrid where nothing is said.
  ///
  /// - Throws: `invalid_argument` for a number that is no mode.
  init(_ mode: Opentier_V1_SearchMode) throws(ContractError) {
    switch mode {
    case .unspecified, .hybrid: self = .hybrid
    case .lexical: self = .lexical
    case .semantic: self = .semantic
    case .UNRECOGNIZED: throw .invalid("mode", "must be a SearchMode")
    }
  }
}

extension SearchFilters {
  /// The most values of a list.
  static let maximumValues = 100

  /// What narrows a search.
  ///
  /// - Throws: `invalid_argument` for ids that are none and lists that are too long.
  init(_ message: Opentier_V1_SearchFilters) throws(ContractError) {
    self.init()
    guard message.documentIds.count <= Self.maximumValues else {
      throw .invalid("filters.documentIds", "must have at most \(Self.maximumValues) ids")
    }
    guard message.tags.count <= Self.maximumValues else {
      throw .invalid("filters.tags", "must have at most \(Self.maximumValues) tags")
    }
    for id in message.documentIds { documentIDs.insert(try DocumentID(field: "filters.documentIds", id)) }
    tags = Set(message.tags)
    if message.hasContributorID {
      contributorID = try UserID(field: "filters.contributorId", message.contributorID)
    }
    if message.hasSourceUriPrefix { sourcePrefix = message.sourceUriPrefix }
    if message.hasPublishedAfter { publishedAfter = try message.publishedAfter.date("filters.publishedAfter") }
    if message.hasPublishedBefore { publishedBefore = try message.publishedBefore.date("filters.publishedBefore") }
  }
}

extension Opentier_V1_SearchHit {
  /// A passage found.
  init(_ hit: SearchHit) {
    self.init()
    let passage = hit.passage
    documentID = passage.documentID.description
    revisionID = passage.revisionID.description
    chunkID = passage.chunk.id.description
    title = passage.title
    text = passage.chunk.text
    score = hit.score
    startOffset = UInt32(count: passage.chunk.startOffset)
    endOffset = UInt32(count: passage.chunk.endOffset)
    submittedBy = passage.submittedBy
    approvedBy = passage.approvedBy
    if let pages = passage.chunk.pages {
      startPage = UInt32(count: pages.first)
      endPage = UInt32(count: pages.last)
    }
  }
}
