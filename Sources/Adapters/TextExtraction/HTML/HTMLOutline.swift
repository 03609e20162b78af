package import Application
import Domain

#if HTML
import CGumbo
#endif

extension StandardTextExtractor: LinkReader {
  /// Finds title, links and directives of an HTML page, with the limits and the parser that its text is read with.
  @concurrent
  package func outline(of payload: Payload) async throws(ExtractionFailure) -> PageOutline? {
    guard payload.bytes.count <= limits.maximumPayloadBytes else {
      throw .invalid("the page has \(payload.bytes.count) bytes; the limit is \(limits.maximumPayloadBytes)")
    }
    guard !payload.bytes.isEmpty, case .html = try PayloadFormat(of: payload) else { return nil }
    #if HTML
    let bytes = Array(try PayloadDecoder.decode(payload.bytes).utf8)
    let scan = HTMLScan(bytes, maximumDepth: limits.maximumHTMLDepth)
    guard scan.depth <= limits.maximumHTMLDepth else { throw limits.tooDeep }
    guard scan.tags <= limits.maximumHTMLNodes else { throw limits.tooManyNodes }
    guard !scan.hasFrameset || scan.brackets <= limits.maximumHTMLDepth else { return nil }
    let limits = limits
    return try await HTMLParser.withTree(of: bytes, limits: limits) { root throws(ExtractionFailure) in
      try HTMLOutline(root, limits: limits).outline
    }
    #else
    throw .unsupported(
      "this server was built without HTML support, which crawling takes: build it with the package trait HTML")
    #endif
  }
}

#if HTML
/// Walks a parsed page without recursion and collects what a crawler wants to know.
private struct HTMLOutline {
  /// The most links of a page that are looked at.
  private static let maximumLinks = 10_000

  private var title: String?
  private var base: String?
  private var links: [String] = []
  private var directives = PageDirectives()

  var outline: PageOutline {
    PageOutline(title: title, links: links, base: base, directives: directives)
  }

  init(_ root: UnsafePointer<GumboNode>, limits: ExtractionLimits) throws(ExtractionFailure) {
    var stack = [root]
    var visited = 0
    while let node = stack.popLast() {
      visited += 1
      guard visited <= limits.maximumHTMLNodes else { throw limits.tooManyNodes }
      if visited.isMultiple(of: 1_024) { try checkCancellation() }
      guard node.pointee.type == GUMBO_NODE_ELEMENT else { continue }
      read(node)
      let children = gumbo_element(node).pointee.children
      for index in (0..<Int(children.length)).reversed() {
        if let child = children.data[index] {
          stack.append(UnsafePointer(child.assumingMemoryBound(to: GumboNode.self)))
        }
      }
    }
  }

  private mutating func read(_ node: UnsafePointer<GumboNode>) {
    let element = HTMLElement(node)
    switch element.tag {
    case GUMBO_TAG_A, GUMBO_TAG_AREA:
      let kinds = element.attribute("rel")?.lowercased().split(whereSeparator: \.isWhitespace) ?? []
      guard links.count < Self.maximumLinks, !kinds.contains("nofollow"), let link = element.attribute("href") else {
        return
      }
      links.append(link)
    case GUMBO_TAG_BASE: base = base ?? element.attribute("href")
    case GUMBO_TAG_META:
      let name = element.attribute("name")?.lowercased()
      guard name == "robots" || name == "opentier", let list = element.attribute("content") else { return }
      directives = directives.union(PageDirectives(list: list))
    case GUMBO_TAG_TITLE where title == nil: title = text(of: node)
    default: break
    }
  }

  private func text(of node: UnsafePointer<GumboNode>) -> String? {
    let children = gumbo_element(node).pointee.children
    let text = (0..<Int(children.length)).compactMap { children.data[$0] }
      .map { UnsafePointer($0.assumingMemoryBound(to: GumboNode.self)) }
      .filter { $0.pointee.type != GUMBO_NODE_ELEMENT }.compactMap { gumbo_text($0) }.map { String(cString: $0) }
      .joined()
    let title = TextCleaner.cleanLine(text)
    return title.isEmpty ? nil : title
  }
}
#endif
