import Application
import Domain

/// What the commands that list things share.
enum Listing {
  /// The first items of a list, read page after page.
  ///
  /// - Parameters:
  ///   - limit: how many at most.
  ///   - page: reads a page; its size is held to a page's own maximum.
  static func items<Item>(
    upTo limit: Int, _ page: (PageRequest) async throws(UseCaseFailure) -> Page<Item>
  ) async throws(CommandFailure) -> [Item] {
    var items: [Item] = []
    var after: PageCursor?
    do throws(UseCaseFailure) {
      repeat {
        let part = try await page(PageRequest(size: limit - items.count, after: after))
        items += part.items
        after = part.next
      } while after != nil && items.count < limit
    } catch {
      throw CommandFailure(error)
    }
    return items
  }

  /// A text without line ends, and with single spaces.
  static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
