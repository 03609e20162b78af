import CLibPQ
import Dispatch

extension PostgresTestServer {
  /// Runs statements over a connection of their own and answers with the last one's rows as text.
  ///
  /// It leans on nothing that is tested: libpq's blocking calls, on a thread that is none of Swift's cooperative ones.
  ///
  /// - Throws: `PostgresTestFailure` with the server's words.
  @discardableResult
  package static func execute(_ sql: String, at url: String) async throws -> [[String?]] {
    try await withCheckedThrowingContinuation { continuation in
      // A queue of its own is given a thread of its own: the global one shares its few with everything that awaits.
      DispatchQueue(label: "tests.blocking").async {
        continuation.resume(with: Result { try executeBlocking(sql, at: url) })
      }
    }
  }

  static func executeBlocking(_ sql: String, at url: String) throws -> [[String?]] {
    let connection = PQconnectdb(url)
    defer { PQfinish(connection) }
    guard PQstatus(connection) == CONNECTION_OK else {
      throw PostgresTestFailure(String(cString: PQerrorMessage(connection)))
    }
    let result = PQexec(connection, sql)
    defer { PQclear(result) }
    let status = PQresultStatus(result)
    guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
      throw PostgresTestFailure(
        String(cString: PQerrorMessage(connection)),
        sqlState: PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) })
    }
    return (0..<PQntuples(result)).map { row in
      (0..<PQnfields(result)).map { column in
        PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
      }
    }
  }
}
