import Application
import Domain
import FoundationEssentials

extension PostgresDatabase {
  /// Reads the rows of one statement, in one round trip.
  func fetch<Value>(
    in organization: OrganizationID?, _ sql: SQL, _ read: (PostgresRow) throws -> Value
  ) async throws(StorageFailure) -> [Value] {
    let rows = try await query(in: organization, readOnly: true, sql)
    do { return try rows.map(read) } catch { throw StorageFailure(error) }
  }

  /// Reads the first row of one statement.
  func fetchFirst<Value>(
    in organization: OrganizationID?, _ sql: SQL, _ read: (PostgresRow) throws -> Value
  ) async throws(StorageFailure) -> Value? {
    try await fetch(in: organization, sql, read).first
  }

  /// Runs one statement that writes and reads what it gives back.
  func change<Value>(
    in organization: OrganizationID?, _ sql: SQL, _ read: (PostgresRow) throws -> Value
  ) async throws(StorageFailure) -> [Value] {
    let rows = try await query(in: organization, sql)
    do { return try rows.map(read) } catch { throw StorageFailure(error) }
  }

  /// Fetches a page of `SELECT columns FROM source WHERE …`, newest first.
  ///
  /// - Parameters:
  ///   - time: the column that the list is ordered by, before `id`.
  ///   - table: what the two columns have before them, such as `d.`.
  func page<Item: Sendable>(
    in organization: OrganizationID, _ select: SQL, where conditions: [SQL], time: String, table: String = "",
    _ page: PageRequest, _ read: (PostgresRow) throws -> Item
  ) async throws(StorageFailure) -> Page<Item> {
    let key = (time: SQL(raw: table + time), id: SQL(raw: table + "id"))
    var conditions = conditions
    if let after = page.after {
      conditions.append("(\(key.time), \(key.id)) < (\(Date(microseconds: after.microseconds)), \(after.id))")
    }
    // One row more than asked for tells whether there is a next page.
    let rows = try await query(
      in: organization, readOnly: true,
      """
      \(select) WHERE \(conditions.joined(separator: " AND "))
      ORDER BY \(key.time) DESC, \(key.id) DESC LIMIT \(page.size + 1)
      """)
    do {
      let shown = rows.prefix(page.size)
      var next: PageCursor?
      if rows.count > page.size, let last = shown.last {
        next = PageCursor(microseconds: try last.time(time).microseconds, id: try last.value("id"))
      }
      return Page(items: try shown.map(read), next: next)
    } catch {
      throw StorageFailure(error)
    }
  }
}
