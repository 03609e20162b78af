import Domain

extension SubmitKnowledge {
  /// Checks what is asked of a crawl.
  func check(_ spec: CrawlSpec) throws(UseCaseFailure) {
    try check(address: spec.url)
    guard CrawlSpec.depths.contains(spec.maximumDepth) else {
      throw .invalid("depth must be \(CrawlSpec.depths.lowerBound) to \(CrawlSpec.depths.upperBound)")
    }
    guard CrawlSpec.pageCounts.contains(spec.maximumPages) else {
      throw .invalid("limit must be \(CrawlSpec.pageCounts.lowerBound) to \(CrawlSpec.pageCounts.upperBound)")
    }
  }

  /// Checks what is asked of a repository: over the contract only https addresses of allowed hosts are read.
  func check(_ spec: RepositorySpec) throws(UseCaseFailure) {
    throw .invalid("git repositories are not read yet")
  }
}
