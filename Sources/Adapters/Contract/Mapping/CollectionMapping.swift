import Domain
import SwiftProtobuf

extension SubmissionContent {
  /// What a request hands in.
  ///
  /// - Throws: `invalid_argument` when there is nothing.
  init(_ request: Opentier_V1_CreateSubmissionRequest) throws(ContractError) {
    switch request.content {
    case .text(let text): self = .text(text)
    case .url(let url): self = .url(url)
    case .file(let file):
      self = .file(
        name: file.name, mediaType: file.hasMediaType ? MediaType(file.mediaType) : .unknown, bytes: file.data)
    case .crawl(let crawl): self = .crawl(CrawlSpec(crawl))
    case .repository(let repository): self = .repository(RepositorySpec(repository))
    case .records(let file): self = .records(name: file.name, bytes: file.data)
    case nil: throw .invalid("text", "must be given, or url, file, crawl, repository or records")
    }
  }

  /// What it is called where nobody gave it a title.
  var ownName: String? {
    switch self {
    case .text, .url: nil
    case .file(let name, _, _), .records(let name, _): name
    case .crawl(let spec): spec.url
    case .repository(let spec): spec.location
    }
  }
}

extension CrawlSpec {
  /// What a request asks for.
  init(_ message: Opentier_V1_Crawl) {
    let usual = CrawlSpec(url: message.url)
    self.init(
      url: message.url, maximumDepth: message.hasDepth ? Int(message.depth) : usual.maximumDepth,
      maximumPages: message.hasLimit ? Int(message.limit) : usual.maximumPages)
  }
}

extension Opentier_V1_Crawl {
  /// A crawl.
  init(_ spec: CrawlSpec) {
    self.init()
    url = spec.url
    depth = UInt32(count: spec.maximumDepth)
    limit = UInt32(count: spec.maximumPages)
  }
}

extension RepositorySpec {
  /// What a request asks for.
  init(_ message: Opentier_V1_Repository) {
    self.init(location: message.url, reference: message.hasReference ? message.reference : nil)
  }
}

extension Opentier_V1_Repository {
  /// A repository.
  init(_ spec: RepositorySpec) {
    self.init()
    url = spec.location
    if let name = spec.reference { reference = name }
  }
}

extension Opentier_V1_CollectionReport {
  /// What became of a collection's items.
  init(_ report: CollectionReport) {
    self.init()
    func count(_ state: CollectionItem.State) -> UInt32 { UInt32(count: report.items[state] ?? 0) }
    found = UInt32(count: report.found)
    waiting = count(.waiting)
    handedOn = count(.handedOn)
    unchanged = count(.unchanged)
    skipped = count(.skipped)
    failed = count(.failed)
    gone = count(.gone)
    indexedJobs = UInt32(count: report.indexed)
    failedJobs = UInt32(count: report.failedJobs)
    cancelledJobs = UInt32(count: report.cancelledJobs)
    problems = report.problems.map { problem in
      var message = Opentier_V1_CollectionProblem()
      message.key = problem.key
      message.state = Opentier_V1_CollectionItemState(problem.state)
      message.reason = problem.reason
      return message
    }
  }
}

extension Opentier_V1_CollectionItemState {
  /// Where an item stands.
  init(_ state: CollectionItem.State) {
    switch state {
    case .waiting: self = .waiting
    case .handedOn: self = .handedOn
    case .unchanged: self = .unchanged
    case .skipped: self = .skipped
    case .failed: self = .failed
    case .gone: self = .gone
    }
  }
}
