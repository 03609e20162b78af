package import Application
package import Domain
package import FoundationEssentials

/// The replies that are being written, and the events of resumable ones, in PostgreSQL, shared by all replicas.
///
/// When something happens to a reply that is for another process, the database tells the channel; within a process
/// the use cases do. What is written here is worth nothing after a crash of the server's machine, so no transaction waits
/// for the disk.
package struct PostgresReplyLog: ReplyLog {
  /// The channel on which the database tells that a reply has events, another reader, or is to be cancelled; the payload is
  /// its id.
  package static let channel = "opentier_replies"
  /// How exact the time is at which a reader was seen last, in seconds: so often a reading writes.
  package static let presenceInterval: TimeInterval = 0.4

  private static let settings: [PostgresDatabase.Setting] = [("synchronous_commit", "off")]
  private let database: PostgresDatabase
  /// This process, as far as the log can tell processes apart.
  private let process = UUID()

  /// Keeps the replies of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func begin(
    _ reply: LoggedReply, at time: Date, keepFor: TimeInterval, maximumPerOwner: Int
  ) async throws(StorageFailure) -> Bool {
    let owner = reply.owner
    let open: SQL =
      """
      SELECT count(*) FROM chat_replies
      WHERE \(owner.condition) AND is_resumable AND ended_at IS NULL AND expires_at > \(time)
      """
    let insertion: SQL =
      """
      INSERT INTO chat_replies (id, organization_id, user_id, is_resumable, writer_process, writer_seen_at,
        reader_seen_at, expires_at)
      SELECT \(reply.id), \(owner.organizationID), \(owner.userID.description), \(reply.isResumable), \(process), \(time),
        \(time), \(time.addingTimeInterval(keepFor))
      WHERE NOT \(reply.isResumable) OR (\(open)) < \(maximumPerOwner)
      """
    guard reply.isResumable else {
      _ = try await query(in: owner, insertion)
      return true
    }
    return try await database.write(in: owner.organizationID, settings: Self.settings) { transaction in
      let entered = try await transaction.execute([
        // Two of one owner take turns, so that they do not count past each other.
        "SELECT pg_advisory_xact_lock(hashtextextended(\("opentier replies \(owner.userID)"), 0))",
        """
        DELETE FROM chat_replies WHERE id IN (
          SELECT id FROM chat_replies WHERE \(owner.condition) AND is_resumable AND ended_at IS NOT NULL
          ORDER BY ended_at DESC OFFSET \(maximumPerOwner))
        """, insertion,
      ])
      return entered.last == 1
    }
  }

  package func append(
    _ events: [ChatEvent], first: Int, to reply: MessageID, of owner: Owner
  ) async throws(StorageFailure) {
    let json: [String]
    do { json = try events.map { try ChatEventJSON($0).text() } } catch { throw StorageFailure(error) }
    let appended = try await query(
      in: owner,
      """
      WITH reply AS (
        UPDATE chat_replies SET event_count = event_count + \(events.count)::integer
        WHERE \(Self.writing(reply, owner)) AND is_resumable AND event_count = \(first - 1)
        RETURNING id, organization_id, reader_process <> writer_process AS is_read_elsewhere
      ), added AS (
        INSERT INTO chat_reply_events (reply_id, organization_id, number, event)
        SELECT reply.id, reply.organization_id, \(first - 1) + e.place, e.event::jsonb
        FROM reply CROSS JOIN unnest(\(json)) WITH ORDINALITY AS e (event, place)
      )
      SELECT CASE WHEN is_read_elsewhere THEN \(Self.notification) END FROM reply
      """)
    guard appended.isEmpty else { return }
    let found = try await query(
      in: owner, "SELECT FROM chat_replies WHERE \(Self.writing(reply, owner)) AND is_resumable")
    if found.isEmpty { throw .notFound }
    throw .conflict("event")
  }

  package func tend(
    _ replies: [MessageID], at time: Date, keepFor: TimeInterval
  ) async throws(StorageFailure) -> [MessageID: ReplyAttention] {
    let rows = try await database.query(
      in: nil, settings: Self.settings,
      "SELECT * FROM tend_replies(\(replies), \(time), \(time.addingTimeInterval(keepFor)))")
    do {
      var attention: [MessageID: ReplyAttention] = [:]
      for row in rows {
        attention[try row.id("id")] = ReplyAttention(
          isCancelled: try row.value("is_cancelled"), readerSeenAt: try row.time("reader_seen_at"))
      }
      return attention
    } catch {
      throw StorageFailure(error)
    }
  }

  package func end(
    _ reply: MessageID, of owner: Owner, at time: Date, keepFor: TimeInterval?
  ) async throws(StorageFailure) {
    guard let keepFor else {
      _ = try await query(in: owner, "DELETE FROM chat_replies WHERE id = \(reply) AND \(owner.condition)")
      return
    }
    _ = try await query(
      in: owner,
      """
      UPDATE chat_replies SET ended_at = \(time), expires_at = \(time.addingTimeInterval(keepFor))
      WHERE id = \(reply) AND \(owner.condition)
      RETURNING CASE WHEN reader_process <> writer_process THEN \(Self.notification) END
      """)
  }

  package func attach(
    _ reader: UUID, to reply: MessageID, of owner: Owner, after last: Int, at time: Date
  ) async throws(StorageFailure) -> Int {
    let rows = try await query(
      in: owner,
      """
      UPDATE chat_replies SET
        reader_token = CASE WHEN event_count >= \(last) THEN \(reader) ELSE reader_token END,
        reader_process = CASE WHEN event_count >= \(last) THEN \(process) ELSE reader_process END,
        reader_seen_at = CASE WHEN event_count >= \(last) THEN greatest(reader_seen_at, \(time)) ELSE reader_seen_at END
      WHERE id = \(reply) AND \(owner.condition) AND is_resumable AND expires_at > \(time)
      RETURNING event_count, \(Self.notification)
      """)
    guard let row = rows.first else { throw .notFound }
    do { return try row.value("event_count") } catch { throw StorageFailure(error) }
  }

  package func read(
    _ reply: MessageID, of owner: Owner, by reader: UUID, after last: Int, limit: Int, at time: Date,
    keepFor: TimeInterval
  ) async throws(StorageFailure) -> ReplyPage? {
    let expiry = time.addingTimeInterval(keepFor)
    let rows = try await query(
      in: owner,
      """
      WITH present AS (
        UPDATE chat_replies
        SET reader_seen_at = greatest(reader_seen_at, \(time)), expires_at = greatest(expires_at, \(expiry))
        WHERE id = \(reply) AND \(owner.condition) AND reader_token = \(reader) AND expires_at > \(time)
          AND (reader_seen_at < \(time.addingTimeInterval(-Self.presenceInterval))
            OR expires_at < \(expiry.addingTimeInterval(-Self.presenceInterval)))
      )
      SELECT r.event_count, r.ended_at, r.writer_seen_at, e.event
      FROM chat_replies AS r LEFT JOIN LATERAL (
        SELECT number, event FROM chat_reply_events
        WHERE reply_id = r.id AND number > \(last) ORDER BY number LIMIT \(limit)) AS e ON true
      WHERE r.id = \(reply) AND \(owner.condition) AND r.reader_token = \(reader) AND r.expires_at > \(time)
      ORDER BY e.number
      """)
    guard let row = rows.first else { return nil }
    do {
      let events = try rows.compactMap { row in
        try row.optional("event", as: String.self) == nil ? nil : try row.json("event", as: ChatEventJSON.self).event()
      }
      return ReplyPage(
        events: events, count: try row.value("event_count"),
        writerSeenAt: try row.optionalTime("ended_at") == nil ? try row.time("writer_seen_at") : nil)
    } catch {
      throw StorageFailure(error)
    }
  }

  package func cancel(
    _ reply: MessageID, of owner: Owner, heardSince time: Date
  ) async throws(StorageFailure) {
    let asked = try await query(
      in: owner,
      """
      UPDATE chat_replies SET is_cancelled = true WHERE \(Self.writing(reply, owner)) AND writer_seen_at >= \(time)
      RETURNING \(Self.notification)
      """)
    if asked.isEmpty { throw .notFound }
  }

  @discardableResult
  package func deleteExpired(at time: Date) async throws(StorageFailure) -> Int {
    try await database.change(in: nil, "SELECT delete_expired_replies(\(time)) AS count") { row in
      try row.value("count", as: Int.self)
    }.first ?? 0
  }

  /// What holds for a reply that has not ended.
  private static func writing(_ reply: MessageID, _ owner: Owner) -> SQL {
    "id = \(reply) AND \(owner.condition) AND ended_at IS NULL"
  }

  /// Tells the channel when the transaction commits.
  private static let notification: SQL = "pg_notify('\(raw: channel)', id::text)::text"

  private func query(in owner: Owner, _ sql: SQL) async throws(StorageFailure) -> [PostgresRow] {
    try await database.query(in: owner.organizationID, settings: Self.settings, sql)
  }
}
