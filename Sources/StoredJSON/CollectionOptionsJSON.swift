package import Domain

/// The columns of `knowledge_submissions` that hold what is asked of a collection, but for its address.
package struct CollectionOptionsJSON: Codable, Sendable {
  private var depth: Int?
  private var pages: Int?
  private var reference: String?

  /// Takes the options of a content; `nil` for one that has none.
  package init?(_ content: ContentSummary) {
    switch content {
    case .crawl(let spec): (depth, pages) = (spec.maximumDepth, spec.maximumPages)
    case .repository(let spec): reference = spec.reference
    case .text, .url, .file, .records: return nil
    }
  }

  /// The crawl of an address; `nil` when the options are not those of one.
  package func crawl(of url: String) -> CrawlSpec? {
    guard let depth, let pages else { return nil }
    return CrawlSpec(url: url, maximumDepth: depth, maximumPages: pages)
  }

  /// The repository at a location.
  package func repository(at location: String) -> RepositorySpec {
    RepositorySpec(location: location, reference: reference)
  }
}
