#if DOCX
import Application

/// Which paragraph styles are headings: by their outline level, or by the name `heading 1`, which they have in every
/// language while their ids differ.
struct DOCXStyles {
  private struct Style {
    var level: Int?
    var parent: String?
    var isTitle = false
  }

  private var styles: [String: Style] = [:]

  /// Reads `word/styles.xml`.
  init(_ bytes: [UInt8]) throws(ExtractionFailure) {
    var (id, style): (String?, Style) = (nil, Style())
    var found: [String: Style] = [:]
    try XMLEvents.read(bytes, name: "word/styles.xml") { event throws(ExtractionFailure) in
      switch event {
      case .start("style", _, let styleID): (id, style) = (styleID, Style())
      case .start("name", let name?, _):
        let name = name.lowercased()
        if name.hasPrefix("heading "), let level = Int(name.dropFirst("heading ".count)) { style.level = level }
        if name == "title" { style.isTitle = true }
      case .start("basedOn", let parent, _): style.parent = parent
      case .start("outlineLvl", let level, _):
        if let level = level.flatMap({ Int($0) }), 0...8 ~= level { style.level = level + 1 }
      case .end("style"): if let id { found[id] = style }
      default: break
      }
    }
    styles = found
  }

  /// No styles.
  init() {}

  /// The level of a heading in a style, 1 to 6; `nil` when it is none.
  func headingLevel(_ id: String) -> Int? {
    var next: String? = id
    // A style may be based on another; a circle of them ends.
    for _ in 0..<16 {
      guard let name = next, let style = styles[name] else { break }
      if style.isTitle { return 1 }
      if let level = style.level { return min(level, 6) }
      next = style.parent
    }
    // Files without styles of their own go by the ids.
    guard styles[id] == nil, id.lowercased().hasPrefix("heading") else { return nil }
    return Int(id.dropFirst("heading".count)).map { min(max($0, 1), 6) }
  }

  /// Whether a style is that of the document's title.
  func isTitle(_ id: String) -> Bool { styles[id]?.isTitle ?? (id == "Title") }
}
#endif
