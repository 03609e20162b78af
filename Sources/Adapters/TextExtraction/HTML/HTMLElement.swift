#if HTML
import CGumbo
import Domain

/// What the walk needs to know of an element.
struct HTMLElement {
  let tag: GumboTag
  private let attributes: GumboVector

  init(_ node: UnsafePointer<GumboNode>) {
    let element = gumbo_element(node).pointee
    tag = element.tag
    attributes = element.attributes
  }

  /// An attribute's value.
  func attribute(_ name: String) -> String? {
    var attributes = attributes
    guard let found = gumbo_get_attribute(&attributes, name) else { return nil }
    return String(cString: found.pointee.value)
  }

  /// An attribute's value in lower case.
  private func keyword(_ name: String) -> String? { attribute(name)?.lowercased() }

  /// Whether it never holds text of the page: code, controls, pictures, navigation.
  var isLeftOut: Bool {
    switch tag {
    case GUMBO_TAG_SCRIPT, GUMBO_TAG_STYLE, GUMBO_TAG_NOSCRIPT, GUMBO_TAG_TEMPLATE, GUMBO_TAG_NAV, GUMBO_TAG_FOOTER,
      GUMBO_TAG_ASIDE, GUMBO_TAG_IFRAME, GUMBO_TAG_OBJECT, GUMBO_TAG_EMBED, GUMBO_TAG_APPLET, GUMBO_TAG_SVG,
      GUMBO_TAG_CANVAS, GUMBO_TAG_AUDIO, GUMBO_TAG_VIDEO, GUMBO_TAG_BUTTON, GUMBO_TAG_SELECT, GUMBO_TAG_TEXTAREA,
      GUMBO_TAG_INPUT, GUMBO_TAG_DATALIST, GUMBO_TAG_NOFRAMES, GUMBO_TAG_NOEMBED, GUMBO_TAG_HEAD:
      return true
    default: break
    }
    switch keyword("role") {
    case "navigation", "banner", "contentinfo", "complementary", "search": return true
    default: return isHidden
    }
  }

  /// Whether a reader does not see it: hidden text is where pages keep instructions for models.
  private var isHidden: Bool {
    if keyword("hidden") != nil || keyword("aria-hidden") == "true" { return true }
    guard let style = keyword("style") else { return false }
    let declarations = style.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
    return declarations.contains { declaration in
      ["display:none", "visibility:hidden", "visibility:collapse"].contains { declaration.hasPrefix($0) }
        || ["opacity:0", "font-size:0", "font-size:0px"].contains(declaration)
    }
  }

  /// Whether it parts the text before it from the text after it.
  var isBlock: Bool {
    switch tag {
    case GUMBO_TAG_ADDRESS, GUMBO_TAG_ARTICLE, GUMBO_TAG_BLOCKQUOTE, GUMBO_TAG_BODY, GUMBO_TAG_CAPTION,
      GUMBO_TAG_CENTER,
      GUMBO_TAG_DD, GUMBO_TAG_DETAILS, GUMBO_TAG_DIR, GUMBO_TAG_DIV, GUMBO_TAG_DL, GUMBO_TAG_DT, GUMBO_TAG_FIELDSET,
      GUMBO_TAG_FIGCAPTION, GUMBO_TAG_FIGURE, GUMBO_TAG_FORM, GUMBO_TAG_H1, GUMBO_TAG_H2, GUMBO_TAG_H3, GUMBO_TAG_H4,
      GUMBO_TAG_H5, GUMBO_TAG_H6, GUMBO_TAG_HEADER, GUMBO_TAG_HGROUP, GUMBO_TAG_HR, GUMBO_TAG_LEGEND, GUMBO_TAG_LI,
      GUMBO_TAG_LISTING, GUMBO_TAG_MAIN, GUMBO_TAG_MENU, GUMBO_TAG_OL, GUMBO_TAG_P, GUMBO_TAG_PLAINTEXT, GUMBO_TAG_PRE,
      GUMBO_TAG_SECTION, GUMBO_TAG_SUMMARY, GUMBO_TAG_TABLE, GUMBO_TAG_TBODY, GUMBO_TAG_TFOOT, GUMBO_TAG_THEAD,
      GUMBO_TAG_TR, GUMBO_TAG_UL, GUMBO_TAG_XMP:
      return true
    default: return false
    }
  }

  /// The style of what is within.
  func style(within outer: HTMLStyle) -> HTMLStyle {
    var style = outer
    switch tag {
    case GUMBO_TAG_H1: style.kind = .heading(level: 1)
    case GUMBO_TAG_H2: style.kind = .heading(level: 2)
    case GUMBO_TAG_H3: style.kind = .heading(level: 3)
    case GUMBO_TAG_H4: style.kind = .heading(level: 4)
    case GUMBO_TAG_H5: style.kind = .heading(level: 5)
    case GUMBO_TAG_H6: style.kind = .heading(level: 6)
    case GUMBO_TAG_PRE, GUMBO_TAG_LISTING, GUMBO_TAG_XMP, GUMBO_TAG_PLAINTEXT:
      style.kind = .code
      style.keepsSpace = true
    case GUMBO_TAG_LI, GUMBO_TAG_DT, GUMBO_TAG_DD: style.kind = .listItem
    case GUMBO_TAG_BLOCKQUOTE: style.kind = .quote
    case GUMBO_TAG_TR: style.kind = .table
    case GUMBO_TAG_TABLE, GUMBO_TAG_CAPTION: style.kind = .paragraph
    // Old pages lay text out in tables: what is a paragraph in a cell is one.
    case GUMBO_TAG_P, GUMBO_TAG_DIV, GUMBO_TAG_SECTION, GUMBO_TAG_UL, GUMBO_TAG_OL:
      if style.kind == .table { style.kind = .paragraph }
    case GUMBO_TAG_MAIN: style.place.insert(.main)
    case GUMBO_TAG_ARTICLE: style.place.insert(.article)
    case GUMBO_TAG_HEADER: style.place.insert(.header)
    case GUMBO_TAG_FORM: style.place.insert(.form)
    default: break
    }
    if keyword("role") == "main" { style.place.insert(.main) }
    return style
  }
}

/// What an element's text inherits from the elements around it.
struct HTMLStyle {
  var kind = TextBlock.Kind.paragraph
  var keepsSpace = false
  var place: HTMLPlace = []
}
#endif
