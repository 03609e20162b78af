extension PostgresMigrator {
  /// Says to every database's lock table who may migrate it: the bytes of "opentier".
  private static let lock: Int64 = 0x6f70_656e_7469_6572

  /// Runs `body` in one transaction while no other process migrates.
  func step(
    _ connection: PostgresConnection, _ body: (PostgresConnection) async throws -> String?
  ) async throws -> String? {
    try await transaction(connection) { connection in
      // For the transaction alone: the names' schema, and no time limits, as an index may take its time and so may those
      // that are ahead.
      try await connection.execute(
        """
        SELECT set_config('search_path', 'public', true), set_config('statement_timeout', '0', true),
          set_config('lock_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)
        """)
      try await connection.execute("SELECT pg_advisory_xact_lock(\(Self.lock))")
      if try await !hasTable(connection) {
        try await connection.execute(
          """
          CREATE TABLE public.schema_migrations (
            name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
          )
          """)
      }
      return try await body(connection)
    }
  }

  /// Runs `body` in one transaction. Roles belong to the whole server, so the migrations of several databases may
  /// collide over them: then it runs again from its start.
  func transaction<Value>(
    _ connection: PostgresConnection, _ body: (PostgresConnection) async throws -> Value
  ) async throws -> Value {
    var attempt = 1
    while true {
      do {
        try await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        let value = try await body(connection)
        try await connection.execute("COMMIT")
        return value
      } catch let error as PostgresError where error.isCollision && attempt < 10 {
        try await connection.execute("ROLLBACK")
        try await Task.sleep(for: .milliseconds(Int.random(in: 1...50) * attempt))
        attempt += 1
      }
    }
  }

  /// Whether the database has been migrated before. Asked of the catalog's rows: the look-up of a name remembers, for the
  /// length of a transaction, that there was no such table.
  func hasTable(_ connection: PostgresConnection) async throws -> Bool {
    let row = try await connection.first(
      "SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = 'schema_migrations'")
    return row != nil
  }
}

extension PostgresError {
  /// Whether it comes of others who changed the same rows of the catalog, so that trying again helps. The server raises
  /// "tuple concurrently updated" as an internal error, told apart by the function that raised it.
  var isCollision: Bool {
    isConflictOfTransactions
      || sqlState == "XX000" && ["simple_heap_update", "simple_heap_delete"].contains(routine)
      || sqlState == "23505" && ["pg_authid", "pg_auth_members"].contains(table)
  }

  /// Whether the start has words of its own for it.
  var hasOwnStartFailure: Bool { sqlState == "53100" || sqlState == "25006" || sqlState.hasPrefix("57P0") }
}
