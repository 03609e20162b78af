import CLibPQ
import Glibc

/// The answer to one statement.
///
/// Unchecked because of the pointer: libpq does not change a result once it has handed it out, reading one is
/// thread-safe (libpq, "Behavior in Threaded Programs"), and it is freed when nobody holds it any more.
final class PostgresResult: @unchecked Sendable {
  private let pointer: OpaquePointer

  /// Takes over a `PGresult`.
  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { PQclear(pointer) }

  /// The rows, which keep the result alive.
  var rows: [PostgresRow] { (0..<PQntuples(pointer)).map { PostgresRow(result: self, index: $0) } }

  /// How many rows an `INSERT`, `UPDATE`, `DELETE`, `SELECT` … touched; 0 for statements that touch none.
  var affected: Int { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0 }

  /// The command tag, such as `COMMIT` or `INSERT 0 1`.
  var tag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

  /// The column of that name, as the server spells it.
  func column(_ name: String) -> Int32? {
    name.withCString { name in
      (0..<PQnfields(pointer)).first { strcmp(PQfname(pointer, $0), name) == 0 }
    }
  }

  /// Hands out the type and the bytes of a value, `nil` for `NULL`; the bytes are valid within `body` only.
  func withValue<Value>(
    row: Int32, column: Int32, _ body: (UnsafeRawBufferPointer, UInt32) -> Value?
  ) -> (isNull: Bool, value: Value?) {
    if PQgetisnull(pointer, row, column) != 0 { return (true, nil) }
    let bytes = UnsafeRawBufferPointer(
      start: PQgetvalue(pointer, row, column),
      count: Int(PQgetlength(pointer, row, column))
    )
    return (false, body(bytes, PQftype(pointer, column)))
  }
}
