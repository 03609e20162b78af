#if DOCX
import Application
import Domain

/// Collects the text of `word/document.xml`: paragraphs, headings, items of lists, rows of tables. Text that was struck
/// out with changes tracked, and the codes of fields, are not part of it.
struct DOCXBody {
  private let styles: DOCXStyles
  private let limits: ExtractionLimits
  private(set) var assembly = TextAssembly()
  private(set) var title: String?
  private var text = ""
  private var style = ""
  private var outline: Int?
  private var isItem = false
  /// The elements around that are passed over with all that is in them.
  private var silent = 0
  private var isText = false
  private var tables = 0
  private var cells: [String] = []
  private var cell = ""

  init(styles: DOCXStyles, limits: ExtractionLimits) {
    self.styles = styles
    self.limits = limits
  }

  /// Takes the next event.
  mutating func take(_ event: XMLEvents.Event) throws(ExtractionFailure) {
    switch event {
    // What older programs shall show instead is there twice.
    case .start("Fallback", _, _), .start("del", _, _), .start("moveFrom", _, _): silent += 1
    case .end("Fallback"), .end("del"), .end("moveFrom"): silent -= 1
    case _ where silent > 0: break
    case .start(let name, let value, _): start(name, value)
    case .text(let part): if isText { text += part }
    case .end(let name): try end(name)
    }
  }

  private mutating func start(_ name: String, _ value: String?) {
    switch name {
    case "p": if tables == 0 { (text, style, outline, isItem) = ("", "", nil, false) }
    case "pStyle": style = value ?? ""
    case "outlineLvl": outline = value.flatMap { Int($0) }
    case "numPr": isItem = true
    case "t": isText = true
    case "tab": text += "\t"
    case "br", "cr": text += "\n"
    case "noBreakHyphen": text += "-"
    case "tbl": tables += 1
    case "tr": if tables == 1 { cells = [] }
    case "tc": if tables == 1 { (cell, text) = ("", "") }
    default: break
    }
  }

  private mutating func end(_ name: String) throws(ExtractionFailure) {
    switch name {
    case "t": isText = false
    case "p" where tables > 0:
      // The paragraphs of a cell stand behind each other in its row.
      let line = TextCleaner.cleanLine(text)
      if !line.isEmpty { cell += cell.isEmpty ? line : " \(line)" }
      text = ""
    case "p":
      addParagraph()
      try limits.checkText(assembly.byteCount)
    case "tc" where tables == 1: cells.append(cell)
    case "tr" where tables == 1:
      if cells.contains(where: { !$0.isEmpty }) { assembly.add(.table, cells.joined(separator: " | ")) }
      try limits.checkText(assembly.byteCount)
    case "tbl": tables -= 1
    default: break
    }
  }

  private mutating func addParagraph() {
    let level = outline.flatMap { 0...8 ~= $0 ? min($0 + 1, 6) : nil } ?? styles.headingLevel(style)
    if let level {
      let line = TextCleaner.cleanLine(text)
      if styles.isTitle(style), title == nil, !line.isEmpty { title = line }
      assembly.add(.heading(level: level), line)
    } else if isItem {
      assembly.add(.listItem, text, marker: "- ")
    } else {
      assembly.add(.paragraph, text)
    }
  }
}
#endif
