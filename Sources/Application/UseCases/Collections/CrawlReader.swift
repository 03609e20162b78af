import Domain
import FoundationEssentials

/// Reads a web site: page after page, each as soon as the site's pace allows, along the links from the first.
struct CrawlReader: CollectionReader {
  private let spec: CrawlSpec
  private let start: WebAddress
  private let sources: CollectionSources
  private let hash: @Sendable ([UInt8]) -> String
  private let maximumAttempts: Int

  /// - Throws: `.permanent` when the crawl's address is none.
  init(
    _ spec: CrawlSpec, sources: CollectionSources, maximumAttempts: Int, hash: @escaping @Sendable ([UInt8]) -> String
  ) throws(CollectionFailure) {
    self.spec = spec
    do { start = try WebAddress(spec.url).canonical } catch { throw .permanent(error.reason) }
    self.sources = sources
    self.maximumAttempts = maximumAttempts
    self.hash = hash
  }

  // With another depth other links count, so what was seen then does not tell which pages there are now.
  var identity: String { "crawl \(spec.maximumDepth) \(start.text)" }
  // One by one: each is stored before the next is asked for.
  var batchSize: Int { 1 }
  var maximumItems: Int { spec.maximumPages }

  func list(resuming version: String?) async throws(CollectionFailure) -> CollectionListing? {
    guard version == nil else { return nil }
    return CollectionListing(version: "", items: [ListedItem(key: start.text)], isComplete: false)
  }

  func read(_ items: [CollectionItem]) async throws(CollectionFailure) -> [ReadItem] {
    var read: [ReadItem] = []
    for item in items { read.append(try await self.read(item)) }
    return read
  }

  private func read(_ item: CollectionItem) async throws(CollectionFailure) -> ReadItem {
    do {
      switch try await sources.sites.page(item.key, unlike: item.validators) {
      case .page(let payload, let etag, let lastModified, let directives):
        let validators = ItemValidators(version: hash(payload.bytes), etag: etag, lastModified: lastModified)
        return try await taken(item, payload, validators, directives)
      case .notModified: return ReadItem(key: item.key, state: .unchanged, validators: item.validators)
      case .redirect(let target): return redirected(item, to: target)
      case .gone(let status):
        // A link that led nowhere from the start is broken; what was a document once is gone.
        return item.validators.version == nil
          ? .left(item.key, .failed, "the site answers \(status)")
          : .left(item.key, .gone, "the site answers \(status); its document stays until an admin deletes it")
      case .disallowed: return .left(item.key, .skipped, "the site's robots.txt does not allow it")
      }
    } catch let failure as FetchFailure {
      switch failure {
      case .refused(let why), .invalid(let why): return .left(item.key, .failed, why)
      case .unavailable(let why):
        return .left(item.key, item.attempts + 1 < maximumAttempts ? .waiting : .failed, why)
      case .cancelled: throw .cancelled
      }
    } catch let failure as CollectionFailure {
      throw failure
    } catch {
      throw .transient("\(error)")
    }
  }

  private func taken(
    _ item: CollectionItem, _ payload: Payload, _ validators: ItemValidators, _ robots: PageDirectives
  ) async throws(CollectionFailure) -> ReadItem {
    if let reason = payload.mediaType.withoutText { return .left(item.key, .skipped, reason) }
    let outline: PageOutline?
    do { outline = try await sources.links.outline(of: payload) } catch {
      switch error {
      case .unsupported(let why): throw .permanent(why)
      case .invalid(let why): return .left(item.key, .failed, why)
      case .empty: outline = nil
      case .cancelled: throw .cancelled
      }
    }
    var read = ReadItem(key: item.key, state: .handedOn, validators: validators)
    let directives = robots.union(outline?.directives ?? PageDirectives())
    if !directives.hidesLinks, item.depth < spec.maximumDepth, let outline {
      read.found = addresses(outline, on: item.key)
      read.foundDepth = item.depth + 1
    }
    if directives.isHidden {
      (read.state, read.reason) = (.skipped, "the page asks not to be found (noindex)")
    } else if validators.version == item.validators.version {
      read.state = .unchanged
    } else {
      let name = item.key.split(separator: "/").last.map(String.init) ?? item.key
      read.document = ReadItem.Document(
        title: outline?.title ?? item.key,
        content: .file(
          name: payload.fileName ?? String(name.prefix(255)), mediaType: payload.mediaType, bytes: Data(payload.bytes)),
        sourceURI: item.key, byteCount: payload.bytes.count)
    }
    return read
  }

  private func redirected(_ item: CollectionItem, to target: String) -> ReadItem {
    guard let page = try? WebAddress(item.key), let address = try? page.linked(target) else {
      return .left(item.key, .failed, "it redirects to what is no address")
    }
    guard address.hasSameHost(as: start) else {
      return .left(item.key, .skipped, "it redirects to another host, \(address.host)")
    }
    var read = ReadItem.left(item.key, .skipped, "it redirects to \(address.text)")
    if address.text != item.key, address.text.utf8.count <= CollectionItem.maximumKeyLength {
      (read.found, read.foundDepth) = ([address.text], item.depth)
    }
    return read
  }

  /// The pages of the same host that a page links to, each once, in their order.
  private func addresses(_ outline: PageOutline, on page: String) -> [String] {
    guard var base = try? WebAddress(page) else { return [] }
    if let written = outline.base, let other = try? base.linked(written) { base = other }
    var seen: Set<String> = []
    return outline.links.compactMap { link in
      // What is no http address (mail, scripts) is no page.
      guard let address = try? base.linked(link), address.hasSameHost(as: start),
        address.text.utf8.count <= CollectionItem.maximumKeyLength, seen.insert(address.text).inserted
      else { return nil }
      return address.text
    }
  }
}

extension MediaType {
  /// Why nothing of this type is a document, for what pages are made of besides text.
  fileprivate var withoutText: String? {
    let kind = name.prefix { $0 != "/" }
    let isCode = ["text/css", "text/javascript", "application/javascript", "application/json"].contains(name)
    return isCode || ["image", "video", "audio", "font"].contains(kind) ? "\(name) is no document" : nil
  }
}
