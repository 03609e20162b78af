/// Removes headers, footers and page numbers from text that comes in pages, parted by form feeds, and the form feeds.
///
/// Conservative: only the first and last two lines of a page that hold anything are looked at, only in texts of at
/// least ``minimumPages`` pages, and only a line that stands there on at least three pages of five, the same on each.
/// Numbers in it may differ when it is a page number ("12", "- 12 -", "Page 3 of 9"), or where its first or last word
/// has one and it has at least three words, so that "Chapter 1", "Chapter 2" and rows of figures stay. Text without
/// form feeds is never changed.
package enum PageFurniture {
  /// The form feed.
  package static let pageBreak: UInt8 = 0x0C
  /// Pages below which nothing is removed.
  package static let minimumPages = 4
  /// Lines at each edge of a page that are looked at.
  private static let edgeLines = 2

  /// The bytes without page furniture, and with line feeds for form feeds.
  package static func removed(from bytes: [UInt8]) -> [UInt8] {
    Array(pages(of: bytes).joined(separator: [UInt8(ascii: "\n")]))
  }

  /// The pages without page furniture, one for each form feed and one more.
  package static func pages(of bytes: [UInt8]) -> [[UInt8]] {
    var pages = bytes.split(separator: pageBreak, omittingEmptySubsequences: false).map { page in
      page.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    }
    let furniture = repeatedKeys(pages)
    for index in pages.indices {
      for line in edges(of: pages[index]).sorted(by: >) where furniture.contains(key(pages[index][line])) {
        pages[index].remove(at: line)
      }
    }
    return pages.map { Array($0.joined(separator: [UInt8(ascii: "\n")])) }
  }

  private static func repeatedKeys(_ pages: [[ArraySlice<UInt8>]]) -> Set<[UInt8]> {
    let filled = pages.filter { !edges(of: $0).isEmpty }
    guard filled.count >= minimumPages else { return [] }
    var counts: [[UInt8]: Int] = [:]
    for page in filled {
      for key in Set(edges(of: page).map { key(page[$0]) }) { counts[key, default: 0] += 1 }
    }
    return Set(counts.filter { $0.value * 5 >= filled.count * 3 }.keys)
  }

  /// The indices of the first and last lines of a page that are not blank.
  private static func edges(of page: [ArraySlice<UInt8>]) -> Set<Int> {
    let isFilled = { (line: Int) in page[line].contains { $0 > 0x20 } }
    return Set(page.indices.lazy.filter(isFilled).prefix(edgeLines))
      .union(page.indices.reversed().lazy.filter(isFilled).prefix(edgeLines))
  }

  /// The line without white space at its ends, with `#` for its numbers where they may differ.
  private static func key(_ line: ArraySlice<UInt8>) -> [UInt8] {
    var words = line.split { $0 <= 0x20 }.map(Array.init)
    let pattern = words.map(masked)
    let letters = pattern.joined().filter { (0x61...0x7A).contains($0 | 0x20) || $0 >= 0x80 }
    let name = String(decoding: letters, as: UTF8.self).lowercased()
    let numbers = pattern.joined().count { $0 == UInt8(ascii: "#") }
    let isPageNumber =
      name.isEmpty ? numbers == 1 : ["p", "page", "pageof", "seite", "seitevon", "of", "von"].contains(name)
    if isPageNumber {
      words = pattern
    } else if words.count >= 3, !name.isEmpty {
      words[0] = pattern[0]
      words[words.count - 1] = pattern[pattern.count - 1]
    }
    return Array(words.joined(separator: [0x20]))
  }

  /// The word with `#` for each run of digits.
  private static func masked(_ word: [UInt8]) -> [UInt8] {
    word.reduce(into: []) { pattern, byte in
      if !(0x30...0x39).contains(byte) {
        pattern.append(byte)
      } else if pattern.last != UInt8(ascii: "#") {
        pattern.append(UInt8(ascii: "#"))
      }
    }
  }
}
