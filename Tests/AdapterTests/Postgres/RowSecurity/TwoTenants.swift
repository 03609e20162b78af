import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Synchronization

/// A database where two organisations have rows in every table, and the application's way into it.
struct TwoTenants: Sendable {
  /// What became of a statement.
  enum Outcome: Equatable {
    /// It touched so many rows.
    case touched(Int)
    /// The server refused it with this SQLSTATE.
    case refused(String)
  }

  /// The superuser's URL.
  let url: String
  let database: PostgresDatabase
  let tables: [TenantTable]
  let organizations: [OrganizationID]

  /// No tenant, and one that has nothing.
  let nobody: [OrganizationID?] = [nil, OrganizationID(UUID())]

  /// How many rows each of the two has in a table.
  func count(_ table: TenantTable) -> Int { RandomRows.count(in: table) }

  /// Runs a statement in a transaction of the tenant that is rolled back.
  func attempt(_ sql: SQL, in organization: OrganizationID?) async -> Outcome {
    let outcome = Mutex(Outcome.refused("nothing was sent"))
    do {
      try await database.write(in: organization) { transaction in
        do {
          let count = try await transaction.execute(sql)
          outcome.withLock { $0 = .touched(count) }
        } catch let error as PostgresError {
          outcome.withLock { $0 = .refused(error.sqlState) }
        }
        throw StorageFailure.conflict("rolled back")
      }
    } catch {
      // That is how the transaction is rolled back; what counts was noted before.
    }
    return outcome.withLock { $0 }
  }

  /// All rows of a tenant as text, as a superuser sees them.
  func contents(of organization: OrganizationID) async throws -> [String] {
    let all = tables.map { table in
      "SELECT '\(table.name) ' || t::text FROM \(table.name) AS t WHERE \(table.tenantColumn) = '\(organization)'"
    }
    let rows = try await PostgresTestServer.execute(all.joined(separator: " UNION ALL ") + " ORDER BY 1", at: url)
    return rows.compactMap { $0[0] }
  }

  /// Some row of a tenant as JSON.
  func row(of table: TenantTable, of organization: OrganizationID) async throws -> String {
    let rows = try await PostgresTestServer.execute(
      "SELECT to_jsonb(t) FROM \(table.name) AS t WHERE \(table.tenantColumn) = '\(organization)' LIMIT 1", at: url)
    guard let row = rows.first?[0] else { throw PostgresTestFailure("\(table.name) has no row of \(organization)") }
    return row
  }
}

/// Runs `body` with two organisations that have random rows in every table.
func withTwoTenants(
  _ login: TenantSeparationTests.Login, _ body: (TwoTenants) async throws -> Void
) async throws {
  switch login {
  case .superuser: try await withTwoTenants(applicationLogin: nil, body)
  case .member: try await withLogin { try await withTwoTenants(applicationLogin: $0, body) }
  }
}

private func withTwoTenants(
  applicationLogin: String?, _ body: (TwoTenants) async throws -> Void
) async throws {
  try await withMigratedDatabase { url in
    let tables = try await TenantTable.all(at: url)
    let organizations = [OrganizationID(UUID()), OrganizationID(UUID())]
    for organization in organizations { try await RandomRows(url: url, tables: tables).fill(organization) }
    var applicationURL = url
    if let applicationLogin {
      applicationURL = try PostgresTestServer.url(url, asLogin: applicationLogin)
      try await PostgresMigrator(url: url).grantAccess(to: applicationLogin)
    }
    var configuration = try PostgresConfiguration(url: applicationURL)
    configuration.maximumConnections = 1
    // A machine with much else to do is no failure.
    configuration.connectTimeout = 30
    configuration.checkoutTimeout = 30
    let database = PostgresDatabase(configuration: configuration)
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await body(TwoTenants(url: url, database: database, tables: tables, organizations: organizations)))
    } catch { result = .failure(error) }
    await database.close()
    try result.get()
  }
}
