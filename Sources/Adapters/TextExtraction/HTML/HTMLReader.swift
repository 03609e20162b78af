import Application
import Domain

/// Reads the main content of an HTML page.
struct HTMLReader {
  let limits: ExtractionLimits

  #if HTML
  /// The page's text with its structure; the title is that of `<title>`.
  ///
  /// - Throws: `.invalid` beyond a limit, `.cancelled`.
  func read(_ source: String) async throws(ExtractionFailure) -> ExtractedText {
    let bytes = Array(source.utf8)
    let scan = HTMLScan(bytes, maximumDepth: limits.maximumHTMLDepth)
    try checkCancellation()
    guard scan.depth <= limits.maximumHTMLDepth else { throw limits.tooDeep }
    guard scan.tags <= limits.maximumHTMLNodes else { throw limits.tooManyNodes }
    guard !scan.hasFrameset || scan.brackets <= limits.maximumHTMLDepth else {
      throw .invalid("the page has a <frameset> and too many tags for one: submit the pages in its frames instead")
    }
    let page = try await HTMLParser.withTree(of: bytes, limits: limits) { root throws(ExtractionFailure) in
      var walk = HTMLWalk(limits: limits)
      return try walk.page(at: root)
    }
    return page.text(title: page.title)
  }
  #else
  func read(_ source: String) async throws(ExtractionFailure) -> ExtractedText {
    throw .unsupported(
      "this server was built without HTML support: build it with the package trait HTML and libgumbo-dev installed"
    )
  }
  #endif
}

extension ExtractionLimits {
  var tooDeep: ExtractionFailure {
    .invalid("the page nests its elements deeper than \(maximumHTMLDepth) levels")
  }

  var tooManyNodes: ExtractionFailure {
    .invalid("the page has more than \(maximumHTMLNodes) elements and texts")
  }
}
