import Domain

/// Where in a page a text stands.
struct HTMLPlace: OptionSet, Hashable {
  let rawValue: UInt8

  /// In `<main>`.
  static let main = HTMLPlace(rawValue: 1)
  /// In `<article>`.
  static let article = HTMLPlace(rawValue: 2)
  /// In `<form>`.
  static let form = HTMLPlace(rawValue: 4)
  /// In `<header>`.
  static let header = HTMLPlace(rawValue: 8)
}

/// The visible text of a page, block by block, before the main content is chosen.
struct HTMLPage: Sendable {
  /// A block of text.
  struct Block: Sendable {
    let kind: TextBlock.Kind
    let place: HTMLPlace
    /// What stands before the text but is not part of the block, such as `- `.
    let marker: String
    /// Clean and without white space at its ends, not empty.
    let text: String
  }

  var title: String?
  var blocks: [Block] = []

  /// The main content, with blocks parted by a blank line, and items of a list and rows of a table by a line end.
  func text(title: String?) -> ExtractedText {
    var assembly = TextAssembly()
    for block in mainContent { assembly.append(block.kind, block.text, marker: block.marker) }
    return assembly.extracted(title: title)
  }

  /// What is in `<main>`; without one what is in articles, if that is at least half of all; else everything. Forms and
  /// the page's own header count only where there is nothing else: some frameworks wrap the whole page in a form.
  private var mainContent: [Block] {
    let usual = blocks.filter {
      !$0.place.contains(.form)
        && (!$0.place.contains(.header) || !$0.place.isDisjoint(with: [.main, .article]))
    }
    let candidates = usual.isEmpty ? blocks : usual
    let main = candidates.filter { $0.place.contains(.main) }
    if !main.isEmpty { return main }
    let articles = candidates.filter { $0.place.contains(.article) }
    return Self.size(articles) * 2 >= Self.size(candidates) && !articles.isEmpty ? articles : candidates
  }

  private static func size(_ blocks: [Block]) -> Int { blocks.reduce(0) { $0 + $1.text.utf8.count } }
}
