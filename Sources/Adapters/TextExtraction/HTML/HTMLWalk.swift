#if HTML
import Application
import CGumbo
import Domain

/// Walks a parsed page without recursion and collects its visible text.
struct HTMLWalk {
  private let limits: ExtractionLimits
  private var builder = HTMLTextBuilder()
  private var stack: [Frame] = []
  private var visited = 0

  /// An element whose children are being visited.
  private struct Frame {
    let element: HTMLElement
    let children: GumboVector
    let style: HTMLStyle
    var next: UInt32 = 0
    /// The items of a list so far.
    var items = 0
    /// The cells of a row so far.
    var cells = 0
  }

  init(limits: ExtractionLimits) {
    self.limits = limits
  }

  /// The text below `root`.
  ///
  /// - Throws: `.invalid` beyond a limit, `.cancelled`.
  mutating func page(at root: UnsafePointer<GumboNode>) throws(ExtractionFailure) -> HTMLPage {
    let title = title(at: root)
    try enter(root, within: HTMLStyle())
    while let top = stack.indices.last {
      let frame = stack[top]
      guard frame.next < frame.children.length, let child = frame.children.data[Int(frame.next)] else {
        leave(frame)
        continue
      }
      stack[top].next += 1
      try visit(UnsafePointer(child.assumingMemoryBound(to: GumboNode.self)), within: frame.style)
    }
    builder.endBlock()
    return HTMLPage(title: title, blocks: builder.blocks)
  }

  private mutating func visit(
    _ node: UnsafePointer<GumboNode>,
    within style: HTMLStyle
  ) throws(ExtractionFailure) {
    visited += 1
    guard visited <= limits.maximumHTMLNodes else { throw limits.tooManyNodes }
    if visited.isMultiple(of: 1_024) { try checkCancellation() }
    switch node.pointee.type {
    case GUMBO_NODE_ELEMENT: try enter(node, within: style)
    case GUMBO_NODE_TEXT, GUMBO_NODE_CDATA, GUMBO_NODE_WHITESPACE:
      guard let text = gumbo_text(node) else { return }
      let start = UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
      builder.add(UnsafeBufferPointer(start: start, count: gumbo_text_length(node)), style: style)
    default: break
    }
  }

  private mutating func enter(_ node: UnsafePointer<GumboNode>, within outer: HTMLStyle) throws(ExtractionFailure) {
    let element = HTMLElement(node)
    guard !element.isLeftOut else { return }
    guard stack.count < limits.maximumHTMLDepth else { throw limits.tooDeep }
    let style = element.style(within: outer)
    if element.isBlock { builder.endBlock() }
    switch element.tag {
    case GUMBO_TAG_BR: builder.addLineEnd()
    case GUMBO_TAG_TD, GUMBO_TAG_TH: addCell()
    case GUMBO_TAG_LI: addItem()
    default: break
    }
    stack.append(Frame(element: element, children: gumbo_element(node).pointee.children, style: style))
  }

  private mutating func leave(_ frame: Frame) {
    if frame.element.isBlock { builder.endBlock() }
    stack.removeLast()
  }

  private mutating func addCell() {
    guard let row = stack.indices.last else { return }
    if stack[row].cells > 0 { builder.addCellBorder() }
    stack[row].cells += 1
  }

  private mutating func addItem() {
    guard let list = stack.indices.last else { return }
    stack[list].items += 1
    builder.setMarker(stack[list].element.tag == GUMBO_TAG_OL ? "\(stack[list].items). " : "- ")
  }

  /// The text of the head's `<title>`.
  private func title(at root: UnsafePointer<GumboNode>) -> String? {
    for head in Self.children(of: root) where Self.tag(of: head) == GUMBO_TAG_HEAD {
      for element in Self.children(of: head) where Self.tag(of: element) == GUMBO_TAG_TITLE {
        let text = Self.children(of: element).filter { $0.pointee.type != GUMBO_NODE_ELEMENT }
          .compactMap { gumbo_text($0) }.map { String(cString: $0) }.joined()
        let title = TextCleaner.cleanLine(text)
        if !title.isEmpty { return title }
      }
    }
    return nil
  }

  private static func tag(of node: UnsafePointer<GumboNode>) -> GumboTag? {
    node.pointee.type == GUMBO_NODE_ELEMENT ? gumbo_element(node).pointee.tag : nil
  }

  private static func children(of node: UnsafePointer<GumboNode>) -> [UnsafePointer<GumboNode>] {
    guard node.pointee.type == GUMBO_NODE_ELEMENT else { return [] }
    let children = gumbo_element(node).pointee.children
    return (0..<Int(children.length)).compactMap { index in
      children.data[index].map { UnsafePointer($0.assumingMemoryBound(to: GumboNode.self)) }
    }
  }
}
#endif
