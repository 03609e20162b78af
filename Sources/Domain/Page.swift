package import FoundationEssentials

/// Which part of a list is wanted. Lists run from the newest to the oldest.
package struct PageRequest: Hashable, Sendable {
  /// The size when the client names none.
  package static let defaultSize = 50
  /// The most items of one page.
  package static let maximumSize = 200

  /// How many items at most, 1 to ``maximumSize``.
  package let size: Int
  /// Where the last page ended; `nil` for the first page.
  package let after: PageCursor?

  /// Makes a request; the size is clamped to 1…``maximumSize``.
  package init(size: Int = defaultSize, after: PageCursor? = nil) {
    self.size = min(max(size, 1), Self.maximumSize)
    self.after = after
  }
}

/// The last item of a page: lists are ordered by time, then by id, both descending.
package struct PageCursor: Hashable, Sendable {
  /// The item's time in the list's order, in microseconds since 1970.
  package let microseconds: Int64
  /// The item's id.
  package let id: UUID

  /// Makes a cursor.
  package init(microseconds: Int64, id: UUID) {
    self.microseconds = microseconds
    self.id = id
  }

  /// The opaque text form that clients pass back: base 36 of the time, `.`, the id without hyphens.
  package var token: String {
    String(microseconds, radix: 36) + "." + id.hexadecimal
  }

  /// Reads the text form; `nil` when it is none.
  package init?(token: String) {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let microseconds = Int64(parts[0], radix: 36), parts[1].utf8.count == 32 else { return nil }
    var text = String(parts[1])
    for offset in [20, 16, 12, 8] { text.insert("-", at: text.utf8.index(text.startIndex, offsetBy: offset)) }
    guard let id = UUID(uuidString: text) else { return nil }
    self.init(microseconds: microseconds, id: id)
  }
}

/// A part of a list.
package struct Page<Item: Sendable>: Sendable {
  /// The items, newest first.
  package let items: [Item]
  /// Where the next page starts, or `nil` when this is the last.
  package let next: PageCursor?

  /// Makes a page.
  package init(items: [Item], next: PageCursor?) {
    self.items = items
    self.next = next
  }
}

extension Page: Equatable where Item: Equatable {}

extension Date {
  /// Whole microseconds since 1970: the precision that storage keeps.
  package var microseconds: Int64 { Int64((timeIntervalSince1970 * 1_000_000).rounded()) }

  /// The time of whole microseconds since 1970.
  package init(microseconds: Int64) { self.init(timeIntervalSince1970: Double(microseconds) / 1_000_000) }
}
