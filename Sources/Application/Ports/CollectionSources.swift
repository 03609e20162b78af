package import Domain

/// What a web site answered to a request for one page.
package enum PageAnswer: Sendable {
  /// The page.
  case page(Payload, etag: String?, lastModified: String?, robots: PageDirectives)
  /// As it was when the validators were taken.
  case notModified
  /// It is elsewhere.
  case redirect(to: String)
  /// It is gone: 404 or 410.
  case gone(status: Int)
  /// The site's `robots.txt` does not allow it.
  case disallowed
}

/// What a page says of itself to crawlers.
package struct PageDirectives: Hashable, Sendable {
  /// Not to be found.
  package var isHidden: Bool
  /// Its links are not to be followed.
  package var hidesLinks: Bool

  /// Makes directives.
  package init(isHidden: Bool = false, hidesLinks: Bool = false) {
    self.isHidden = isHidden
    self.hidesLinks = hidesLinks
  }

  /// Reads `noindex`, `nofollow` and `none` from a list parted by commas, as `X-Robots-Tag` and
  /// `<meta name="robots">` have it.
  package init(list: String) {
    self.init()
    for part in list.lowercased().split(separator: ",") {
      switch part.trimmingWhitespace() {
      case "noindex": isHidden = true
      case "nofollow": hidesLinks = true
      case "none": (isHidden, hidesLinks) = (true, true)
      default: break
      }
    }
  }

  /// Both.
  package func union(_ other: PageDirectives) -> PageDirectives {
    PageDirectives(isHidden: isHidden || other.isHidden, hidesLinks: hidesLinks || other.hidesLinks)
  }
}

/// Reads web sites page by page, as slowly as they ask.
package protocol SiteReader: Sendable {
  /// Asks for one page, when it is its host's turn. Redirects are not followed.
  ///
  /// - Throws: `.refused` for an address that the operator does not allow, `.unavailable` for what may pass, such as a
  ///   `robots.txt` that cannot be read, `.invalid` for what will not.
  func page(_ url: String, unlike validators: ItemValidators) async throws(FetchFailure) -> PageAnswer
}

/// What an HTML page says that a crawler wants to know.
package struct PageOutline: Hashable, Sendable {
  /// Its title.
  package let title: String?
  /// The `href` of its links, as written, without those that are not to be followed.
  package let links: [String]
  /// The `href` of `<base>`, as written.
  package let base: String?
  /// What it asks of crawlers.
  package let directives: PageDirectives

  /// Makes an outline of its parts.
  package init(title: String?, links: [String], base: String?, directives: PageDirectives) {
    self.title = title
    self.links = links
    self.base = base
    self.directives = directives
  }
}

/// Finds the links of pages.
package protocol LinkReader: Sendable {
  /// The outline of a page; `nil` for what is no HTML.
  ///
  /// - Throws: `.unsupported` where this build reads no HTML.
  func outline(of payload: Payload) async throws(ExtractionFailure) -> PageOutline?
}

/// A file of a repository's commit.
package struct RepositoryFile: Hashable, Sendable {
  /// Its path, with slashes.
  package let path: String
  /// The id of its contents.
  package let blob: String
  /// Its size in bytes.
  package let size: Int

  /// Makes a file of its parts.
  package init(path: String, blob: String, size: Int) {
    self.path = path
    self.blob = blob
    self.size = size
  }
}

/// A commit with the files that it has.
package struct RepositorySnapshot: Hashable, Sendable {
  /// The commit's id.
  package let commit: String
  /// Its regular files.
  package let files: [RepositoryFile]

  /// Makes a snapshot of its parts.
  package init(commit: String, files: [RepositoryFile]) {
    self.commit = commit
    self.files = files
  }
}

/// Reads git repositories.
package protocol RepositoryReader: Sendable {
  /// Fetches the newest commit.
  ///
  /// - Parameter commit: one of which the contents are wanted, if they are still at hand.
  /// - Returns: `nil` when that commit is at hand, and nothing was fetched.
  /// - Throws: `.refused` for an address that the operator does not allow, `.unavailable` for what may pass, `.invalid`
  ///   for what will not, such as a branch that is not there.
  func snapshot(
    of spec: RepositorySpec, unlessAt commit: String?
  ) async throws(FetchFailure) -> RepositorySnapshot?

  /// The contents of blobs of the commit that was fetched last; what is missing is left out.
  func contents(of blobs: [String], in spec: RepositorySpec) async throws(FetchFailure) -> [String: [UInt8]]
}

/// Everything that collections are read with.
package struct CollectionSources: Sendable {
  /// Web sites.
  package let sites: any SiteReader
  /// The links of pages.
  package let links: any LinkReader
  /// Git repositories.
  package let repositories: any RepositoryReader
  /// Whether a file of a repository is one that is read, by its name.
  package let reads: @Sendable (String) -> Bool
  /// The most bytes of a file of a repository.
  package let maximumFileBytes: Int

  /// Puts them together.
  package init(
    sites: any SiteReader, links: any LinkReader, repositories: any RepositoryReader, maximumFileBytes: Int = 20 << 20,
    reads: @escaping @Sendable (String) -> Bool
  ) {
    self.sites = sites
    self.links = links
    self.repositories = repositories
    self.maximumFileBytes = maximumFileBytes
    self.reads = reads
  }
}
