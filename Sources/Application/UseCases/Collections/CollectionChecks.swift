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

  /// Checks what is asked of a repository. Over the contract only https addresses of allowed hosts are read: a path would
  /// let a contributor read this machine's disk.
  func check(_ spec: RepositorySpec, allowsPaths: Bool) throws(UseCaseFailure) {
    if allowsPaths, spec.location.hasPrefix("/") {
      try refuseNull(in: spec.location, of: "the repository's path")
    } else {
      guard spec.location.lowercased().hasPrefix("https://") else {
        throw .invalid("a repository's url must begin with https://")
      }
      try check(address: spec.location)
    }
    guard let reference = spec.reference else { return }
    let isName =
      !reference.hasPrefix("-") && !reference.contains("..")
      && reference.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "/"): true
        default: false
        }
      }
    guard isName, (1...RepositorySpec.maximumReferenceLength).contains(reference.utf8.count) else {
      throw .invalid("reference must be the name of a branch or a tag")
    }
  }
}
