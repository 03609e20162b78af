import GRDB

// Compiling a statement of ours costs some 50 to 100 µs, running it 10 to 20: a job's way through ingestion alone runs some
// forty. `cached` keeps what was compiled with its connection, for ever: it is for SQL of fixed text and its few variants,
// not for text that grows with what is asked, and not for PRAGMA, some of which take effect when they are compiled.

extension Database {
  /// Runs one statement, compiled once a connection.
  func execute(cached sql: String, arguments: StatementArguments = StatementArguments()) throws {
    try cachedStatement(sql: sql).execute(arguments: arguments)
  }
}

extension Row {
  /// The first row of a statement that is compiled once a connection.
  static func fetchOne(
    _ db: Database, cached sql: String, arguments: StatementArguments = StatementArguments()
  ) throws -> Row? {
    try fetchOne(db.cachedStatement(sql: sql), arguments: arguments)
  }

  /// The rows of a statement that is compiled once a connection.
  static func fetchAll(
    _ db: Database, cached sql: String, arguments: StatementArguments = StatementArguments()
  ) throws -> [Row] {
    try fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
  }
}

extension DatabaseValueConvertible where Self: StatementColumnConvertible {
  /// The first column of the first row of a statement that is compiled once a connection.
  static func fetchOne(
    _ db: Database, cached sql: String, arguments: StatementArguments = StatementArguments()
  ) throws -> Self? {
    try fetchOne(db.cachedStatement(sql: sql), arguments: arguments)
  }

  /// The first column of the rows of a statement that is compiled once a connection.
  static func fetchAll(
    _ db: Database, cached sql: String, arguments: StatementArguments = StatementArguments()
  ) throws -> [Self] {
    try fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
  }
}
