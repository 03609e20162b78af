/// Which pages of a web site are wanted.
package struct CrawlSpec: Hashable, Sendable {
  /// How many links a page may be away from the first.
  package static let depths = 0...20
  /// How many addresses of one site are looked at.
  package static let pageCounts = 1...100_000

  /// Where to begin; only pages of its host are read.
  package let url: String
  /// How many links a page may be away from the first; 0 is the first page alone.
  package let maximumDepth: Int
  /// How many addresses are looked at.
  package let maximumPages: Int

  /// Makes a specification.
  package init(url: String, maximumDepth: Int = 3, maximumPages: Int = 500) {
    self.url = url
    self.maximumDepth = maximumDepth
    self.maximumPages = maximumPages
  }
}

/// Which git repository is wanted, and what of it.
package struct RepositorySpec: Hashable, Sendable {
  /// The most characters of a branch's or a tag's name.
  package static let maximumReferenceLength = 200

  /// An https address, or the path of a local repository.
  package let location: String
  /// A branch or a tag; `nil` is what the repository shows first.
  package let reference: String?

  /// Makes a specification.
  package init(location: String, reference: String? = nil) {
    self.location = location
    self.reference = reference
  }
}
