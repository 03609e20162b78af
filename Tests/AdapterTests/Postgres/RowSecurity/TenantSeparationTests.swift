import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

/// Two organisations with random rows in every table that the catalog knows, and statements that forget their `WHERE`.
@Suite("PostgreSQL: one tenant never reaches another's rows", .needsPostgres)
struct TenantSeparationTests {
  /// Who the application logs in as.
  enum Login: CaseIterable, CustomTestStringConvertible {
    case superuser
    case member

    var testDescription: String {
      switch self {
      case .superuser: "logged in as a superuser"
      case .member: "logged in as a member of the application's role"
      }
    }
  }

  @Test("reading a whole table gives the tenant's own rows, and none without a tenant", arguments: Login.allCases)
  func reads(_ login: Login) async throws {
    try await withTwoTenants(login) { tenants in
      for table in tenants.tables {
        for own in tenants.organizations {
          let rows = try await tenants.database.read(in: own) { transaction in
            try await transaction.rows(
              "SELECT \(raw: table.tenantColumn) AS tenant, t::text AS content FROM \(raw: table.name) AS t"
            ).map { row in (try row.id("tenant", of: Organization.self), try row.value("content", as: String.self)) }
          }
          #expect(rows.count == tenants.count(table), "\(table.name)")
          #expect(rows.allSatisfy { $0.0 == own }, "\(table.name)")
          for other in tenants.organizations where other != own {
            #expect(!rows.contains { $0.1.contains(other.description) }, "\(table.name)")
          }
        }
        for nobody in tenants.nobody {
          let rows = try await tenants.database.query(in: nobody, "SELECT * FROM \(raw: table.name)")
          #expect(rows.isEmpty, "\(table.name)")
        }
      }
    }
  }

  @Test("each transaction runs as the application's role, and nothing of it stays", arguments: Login.allCases)
  func role(_ login: Login) async throws {
    try await withTwoTenants(login) { tenants in
      let own = tenants.organizations[0]
      let question: SQL = "SELECT current_user::text AS role, current_organization() AS tenant"
      let answers = [
        try await tenants.database.read(in: own) { try await $0.rows(question) },
        try await tenants.database.write(in: own) { try await $0.rows(question) },
        try await tenants.database.query(in: own, question),
      ]
      for rows in answers {
        #expect(try rows[0].value("role", as: String.self) == PostgresDatabase.applicationRole)
        #expect(try rows[0].id("tenant", of: Organization.self) == own)
      }
      let after = try await tenants.database.query(in: nil, question)
      #expect(try after[0].optionalID("tenant", of: Organization.self) == nil)
    }
  }

  @Test("an update without a condition changes the tenant's own rows alone, or is refused", arguments: Login.allCases)
  func updates(_ login: Login) async throws {
    try await withTwoTenants(login) { tenants in
      let own = tenants.organizations[0]
      let before = try await tenants.contents(of: tenants.organizations[1])
      for table in tenants.tables {
        var changeable = 0
        for column in table.writable where !column.isIdentity {
          let update: SQL = "UPDATE \(raw: table.name) SET \(raw: column.name) = \(raw: column.name)"
          switch await tenants.attempt(update, in: own) {
          case .touched(let count):
            #expect(count == tenants.count(table), "\(table.name).\(column.name)")
            changeable += 1
          case .refused(let state):
            // No right to, or what is immutable.
            #expect(["42501", "23000"].contains(state), "\(table.name).\(column.name)")
          }
          for nobody in tenants.nobody {
            let outcome = await tenants.attempt(update, in: nobody)
            #expect(outcome == .touched(0) || outcome == .refused("42501"), "\(table.name).\(column.name)")
          }
        }
        #expect(changeable > 0 || table.name == "audit_log", "\(table.name)")
      }
      #expect(try await tenants.contents(of: tenants.organizations[1]) == before)
    }
  }

  @Test("no row can be given to another tenant, or be written in its name", arguments: Login.allCases)
  func writes(_ login: Login) async throws {
    try await withTwoTenants(login) { tenants in
      let (own, other) = (tenants.organizations[0], tenants.organizations[1])
      for table in tenants.tables {
        let gift = await tenants.attempt(
          "UPDATE \(raw: table.name) SET \(raw: table.tenantColumn) = \(other)", in: own)
        #expect(gift == .refused("42501") || gift == .refused("23000"), "\(table.name)")
        let names = table.writable.map(\.name).joined(separator: ", ")
        let row = try await tenants.row(of: table, of: other)
        let insertion: SQL = """
          INSERT INTO \(raw: table.name) (\(raw: names)) OVERRIDING SYSTEM VALUE
          SELECT \(raw: names) FROM jsonb_populate_record(NULL::\(raw: table.name), \(row)::jsonb)
          """
        for tenant in [own] + tenants.nobody {
          #expect(await tenants.attempt(insertion, in: tenant) == .refused("42501"), "\(table.name)")
        }
      }
    }
  }

  @Test("no row can be made to refer to another tenant's", arguments: Login.allCases)
  func references(_ login: Login) async throws {
    try await withTwoTenants(login) { tenants in
      let (own, other) = (tenants.organizations[0], tenants.organizations[1])
      var tried = 0
      for table in tenants.tables {
        for key in table.foreignKeys {
          for (column, parentColumn) in zip(key.columns, key.parentColumns) where column != table.tenantColumn {
            let foreign = try await PostgresTestServer.execute(
              "SELECT \(parentColumn) FROM \(key.parent) WHERE organization_id = '\(other)' LIMIT 1", at: tenants.url)
            let value = try #require(foreign.first?[0])
            let outcome = await tenants.attempt(
              """
              UPDATE \(raw: table.name)
              SET \(raw: column) = (jsonb_populate_record(
                NULL::\(raw: table.name), jsonb_build_object(\(column), \(value)))).\(raw: column)
              WHERE ctid = (SELECT ctid FROM \(raw: table.name) LIMIT 1)
              """, in: own)
            guard case .refused = outcome else {
              Issue.record("\(table.name).\(column) took another tenant's \(key.parent)")
              continue
            }
            tried += 1
          }
        }
      }
      #expect(tried >= 12)
    }
  }

  @Test("deleting all rows of all tables leaves the other tenant's as they were", arguments: Login.allCases)
  func deletions(_ login: Login) async throws {
    try await withTwoTenants(login) { tenants in
      let (own, other) = (tenants.organizations[0], tenants.organizations[1])
      let before = try await tenants.contents(of: other)
      for nobody in tenants.nobody {
        for table in tenants.tables {
          let outcome = await tenants.attempt("DELETE FROM \(raw: table.name)", in: nobody)
          #expect(outcome == .touched(0) || outcome == .refused("42501"), "\(table.name)")
        }
      }
      let kept = ["audit_log", "organizations"]
      for name in kept {
        #expect(await tenants.attempt("DELETE FROM \(raw: name)", in: own) == .refused("42501"))
      }
      // Children first, so that each statement finds all of its rows still there.
      let deleted = tenants.tables.reversed().filter { !kept.contains($0.name) }
      let counts = try await tenants.database.write(in: own) { transaction in
        var counts: [Int] = []
        for table in deleted { counts.append(try await transaction.execute("DELETE FROM \(raw: table.name)")) }
        return counts
      }
      #expect(counts == deleted.map(tenants.count))
      #expect(try await tenants.contents(of: other) == before)
      let left = tenants.tables.filter { kept.contains($0.name) }.reduce(0) { $0 + tenants.count($1) }
      #expect(try await tenants.contents(of: own).count == left)
    }
  }
}
