import Domain
import FoundationEssentials

extension Page {
  /// A page of `items`, which come in any order: sorted by time, then id, both descending.
  static func newestFirst<Entity>(
    _ items: some Sequence<Item>, page: PageRequest, time: (Item) -> Date, id: (Item) -> Identifier<Entity>
  ) -> Page<Item> {
    let keyed = items.map { (cursor: PageCursor(microseconds: time($0).microseconds, id: id($0).uuid), item: $0) }
    let sorted = keyed.sorted { precedes($0.cursor, $1.cursor) }
    let rest = page.after.map { after in sorted.filter { precedes(after, $0.cursor) } } ?? sorted
    let shown = rest.prefix(page.size)
    return Page(items: shown.map(\.item), next: rest.count > page.size ? shown.last?.cursor : nil)
  }

  private static func precedes(_ left: PageCursor, _ right: PageCursor) -> Bool {
    (right.microseconds, right.id) < (left.microseconds, left.id)
  }
}
