import Domain
import FoundationEssentials
import GRDB

extension Page {
  /// Fetches a page of `SELECT columns FROM source WHERE …`, newest first.
  ///
  /// - Parameters:
  ///   - conditions: SQL that must hold, each with the arguments of its question marks; none is from a user.
  ///   - time: the column that the list is ordered by, before `id`.
  static func fetch(
    _ db: Database, select: String, where conditions: [(sql: String, arguments: [DatabaseValue])], time: String,
    id: String = "id", page: PageRequest, read: (Row) throws -> Item
  ) throws -> Page<Item> {
    var conditions = conditions
    if let after = page.after {
      conditions.append(("(\(time), \(id)) < (?, ?)", [after.microseconds.databaseValue, after.id.databaseValue]))
    }
    // One row more than asked for tells whether there is a next page.
    let sql = """
      \(select) WHERE \(conditions.map(\.sql).joined(separator: " AND "))
      ORDER BY \(time) DESC, \(id) DESC LIMIT \(page.size + 1)
      """
    let rows = try Row.fetchAll(db, sql: sql, arguments: StatementArguments(conditions.flatMap(\.arguments)))
    let shown = rows.prefix(page.size)
    var next: PageCursor?
    if rows.count > page.size, let last = shown.last {
      let bare = (time: Self.column(time), id: Self.column(id))
      next = PageCursor(microseconds: try last.value(bare.time), id: try last.value(bare.id))
    }
    return Page(items: try shown.map(read), next: next)
  }

  /// `d.id` is read back as `id`.
  private static func column(_ name: String) -> String { name.split(separator: ".").last.map(String.init) ?? name }
}
