/// A cheap look over HTML before it is parsed: how many tags there are, and how deep they seem to be nested.
///
/// An estimate that refuses hopeless pages early; the parser's own budgets hold whatever it says. Elements whose end
/// tag may be left out are not counted in the depth, so that old pages without a `</p>` pass.
struct HTMLScan {
  /// Start tags in all.
  private(set) var tags = 0
  /// The most elements that were open at once.
  private(set) var depth = 0
  /// How many `<` there are: no fewer than tags, whatever the parser makes of them.
  private(set) var brackets = 0
  /// Whether `<frameset` stands anywhere, for which gumbo frees the body recursively.
  private(set) var hasFrameset = false

  private static let uncounted: Set<TagName> = Set(
    [
      "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "caption", "colgroup",
      "option", "optgroup", "rp", "rt", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta",
      "param", "source", "track", "wbr", "path", "circle", "rect", "line", "use", "g",
    ].map { TagName(Array($0.utf8), from: 0) }
  )
  private static let rawText: Set<TagName> = Set(
    ["script", "style", "textarea", "title"].map { TagName(Array($0.utf8), from: 0) }
  )

  /// Scans in time linear in the length, and stops when the depth exceeds `maximumDepth`.
  init(_ bytes: [UInt8], maximumDepth: Int) {
    countBrackets(bytes)
    var openTags: [TagName: Int] = [:]
    var opened = 0
    var index = 0
    while index < bytes.count, depth <= maximumDepth {
      guard bytes[index] == UInt8(ascii: "<") else {
        index += 1
        continue
      }
      let isEnd = index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "/")
      let name = TagName(bytes, from: index + (isEnd ? 2 : 1))
      index += (isEnd ? 2 : 1) + name.length
      guard name.length > 0 else {
        if bytes[index...].starts(with: [0x21, 0x2D, 0x2D]) { index = Self.commentEnd(bytes, from: index + 3) }
        continue
      }
      if !isEnd { tags += 1 }
      if Self.rawText.contains(name) {
        if !isEnd { index = Self.rawTextEnd(bytes, from: index, name: name) }
        continue
      }
      if Self.uncounted.contains(name) { continue }
      let count = openTags[name, default: 0]
      if !isEnd {
        openTags[name] = count + 1
        opened += 1
        depth = max(depth, opened)
      } else if count > 0 {
        openTags[name] = count - 1
        opened -= 1
      }
    }
  }

  private mutating func countBrackets(_ bytes: [UInt8]) {
    let frameset = TagName(Array("frameset".utf8), from: 0)
    var index = 0
    for byte in bytes {
      index += 1
      guard byte == UInt8(ascii: "<") else { continue }
      brackets += 1
      if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "f") {
        hasFrameset = hasFrameset || TagName(bytes, from: index).letters == frameset.letters
      }
    }
  }

  /// Where a comment's `-->` ends, or the bytes.
  private static func commentEnd(_ bytes: [UInt8], from start: Int) -> Int {
    var index = start
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: ">"), bytes[index - 1] == 0x2D, bytes[index - 2] == 0x2D { return index + 1 }
      index += 1
    }
    return bytes.count
  }

  /// Where the end tag of a raw text element begins, or the bytes end.
  private static func rawTextEnd(_ bytes: [UInt8], from start: Int, name: TagName) -> Int {
    var index = start
    while index + 2 < bytes.count {
      if bytes[index] == UInt8(ascii: "<"), bytes[index + 1] == UInt8(ascii: "/"),
        TagName(bytes, from: index + 2) == name
      {
        return index
      }
      index += 1
    }
    return bytes.count
  }
}

/// The letters and digits of a tag's name: the first eight, in lower case, which tell apart all that matter here.
private struct TagName: Hashable {
  /// The bytes from the highest to the lowest.
  private(set) var letters: UInt64 = 0
  /// How many letters and digits the name has.
  private(set) var length = 0

  /// Reads the name at `start`; empty when none is there.
  init(_ bytes: [UInt8], from start: Int) {
    while start + length < bytes.count {
      let byte = bytes[start + length]
      let isLetter = (0x61...0x7A).contains(byte | 0x20)
      guard isLetter || (length > 0 && (0x30...0x39).contains(byte)) else { return }
      if length < 8 { letters = letters << 8 | UInt64(byte | 0x20) }
      length += 1
    }
  }
}
