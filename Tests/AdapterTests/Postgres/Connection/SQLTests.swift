import Domain
import FoundationEssentials
import PostgresStorage
import Testing

@Suite("SQL text and its parameters")
struct SQLTests {
  private enum Role: String { case admin }

  @Test("an interpolated value becomes a parameter, whatever stands in it")
  func values() {
    let name = "Robert'); DROP TABLE users; --"
    let sql: SQL = "SELECT * FROM users WHERE name = \(name) AND age > \(7) AND id = \(UUID?.none)"
    #expect(sql.text == "SELECT * FROM users WHERE name = $1 AND age > $2 AND id = $3")
    #expect(sql.parameters == [name.postgres, 7.postgres, UUID?.none.postgres])
    #expect(sql.parameters[2].bytes == nil)
    #expect(sql.parameters[2].type == UUID().postgres.type)
  }

  @Test("a string literal in an interpolation is a value too")
  func literals() {
    let sql: SQL = "SELECT \("1; DROP TABLE users") || \(true ? "a" : "b")"
    #expect(sql.text == "SELECT $1 || $2")
    #expect(sql.parameters == ["1; DROP TABLE users".postgres, "a".postgres])
  }

  @Test("fragments are put in place and their parameters renumbered")
  func fragments() {
    let live: SQL = "deleted = \(false) AND kind = \(enumeration: Role.admin)"
    let sql: SQL = "SELECT \(raw: "id, '$1'") FROM t WHERE a = \("x") AND \(live) AND b = \(2)"
    #expect(sql.text == "SELECT id, '$1' FROM t WHERE a = $1 AND deleted = $2 AND kind = $3 AND b = $4")
    #expect(sql.parameters.count == 4)
    #expect(sql.parameters[2] == PostgresValue(type: 0, bytes: Array("admin".utf8)))
    #expect((live + " OR " + live).text == "deleted = $1 AND kind = $2 OR deleted = $3 AND kind = $4")
  }

  @Test("a list of fragments is joined, and an empty one is empty")
  func joining() {
    let rows: [SQL] = (1...3).map { "(\($0), \("v"))" }
    #expect(rows.joined(separator: ", ").text == "($1, $2), ($3, $4), ($5, $6)")
    let none: [SQL] = []
    #expect(none.joined(separator: ", ").text == "")
    #expect(none.joined(separator: ", ").parameters.isEmpty)
  }

  @Test("the same values give the same types, so that NULL does not make another statement")
  func typesOfNull() {
    let types = { (text: String?, time: Date?, ids: [UserID]?) -> [UInt32] in
      let sql: SQL = "SELECT \(text), \(time), \(ids)"
      return sql.parameters.map(\.type)
    }
    #expect(types(nil, nil, nil) == types("", Date(microseconds: 0), []))
  }
}
