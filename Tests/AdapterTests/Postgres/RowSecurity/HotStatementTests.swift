import PostgresTesting
import Testing

/// What is asked often takes an index, also under row-level security, where only a leakproof comparison can be a
/// condition of one, and also when the server has settled on a plan for every value.
@Suite("PostgreSQL: hot statements and their indexes", .needsPostgres)
struct HotStatementTests {
  @Test("each hot statement takes its index and reads no table from end to end")
  func plans() async throws {
    try await withMigratedDatabase { url in
      try await PostgresTestServer.execute(ManyRows.script, at: url)
      for statement in HotStatement.all {
        for mode in ["force_custom_plan", "force_generic_plan"] {
          let plan = try await Self.plan(of: statement, mode: mode, at: url)
          for index in statement.indexes {
            #expect(plan.contains(" \(index) ") || plan.contains(" \(index)\n"), "\(statement.name), \(mode):\n\(plan)")
          }
          #expect(!plan.contains("Seq Scan"), "\(statement.name), \(mode):\n\(plan)")
          if statement.isOrderedByIndex { #expect(!plan.contains("Sort"), "\(statement.name), \(mode):\n\(plan)") }
        }
      }
    }
  }

  @Test("looking a session up reads one row of each of its two tables' indexes")
  func sessionLookUp() async throws {
    try await withMigratedDatabase { url in
      try await PostgresTestServer.execute(ManyRows.script, at: url)
      // The statement as it is in the function, with the arguments' names as parameters.
      let source = try await PostgresTestServer.execute(
        """
        SELECT regexp_replace(regexp_replace(substring(prosrc FROM 'RETURN QUERY\\s+(SELECT [^;]+);'),
          '\\mtoken\\M', '$1'), '\\mat\\M', '$2')
        FROM pg_proc WHERE proname = 'find_session'
        """, at: url)
      let statement = HotStatement(
        "session by token", try #require(source.first?[0]), "bytea, timestamptz", "sha256('7'), '2026-01-02'",
        indexes: ["sessions_session_token", "users_pkey"], role: "opentier_system")
      for mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = try await Self.plan(of: statement, mode: mode, at: url)
        #expect(plan.contains("sessions_session_token") && plan.contains("users_pkey"), "\(plan)")
        #expect(!plan.contains("Seq Scan") && !plan.contains("Sort"), "\(plan)")
      }
      let found = try await PostgresTestServer.execute(
        "SET ROLE opentier_app; SELECT role, user_id FROM find_session(sha256('7'), '2026-01-02')", at: url)
      #expect(found.count == 1 && found.first?[0] == "user")
    }
  }

  private static func plan(of statement: HotStatement, mode: String, at url: String) async throws -> String {
    let rows = try await PostgresTestServer.execute(
      """
      BEGIN; SET LOCAL ROLE \(statement.role); SET LOCAL plan_cache_mode = \(mode);
      SELECT set_config('app.organization_id', '\(ManyRows.organization)', true);
      PREPARE statement (\(statement.types)) AS \(statement.sql);
      EXPLAIN (COSTS OFF) EXECUTE statement (\(statement.arguments))
      """, at: url)
    return rows.compactMap { $0[0] }.joined(separator: "\n") + "\n"
  }
}

/// A statement as the repositories send it, and the indexes that it must take.
struct HotStatement {
  let name: String
  let sql: String
  let types: String
  let arguments: String
  let indexes: [String]
  let role: String
  /// Whether the rows must come in the index's order, so that a page costs the same whatever the tenant has.
  let isOrderedByIndex: Bool

  init(
    _ name: String, _ sql: String, _ types: String, _ arguments: String, indexes: [String],
    role: String = "opentier_app", isOrderedByIndex: Bool = false
  ) {
    self.name = name
    self.sql = sql
    self.types = types
    self.arguments = arguments
    self.indexes = indexes
    self.role = role
    self.isOrderedByIndex = isOrderedByIndex
  }

  private static let id = "'\(ManyRows.organization)'"
  private static let next = "'2026-01-02', '00000000-0000-0000-0000-000000000000'"

  static let all: [HotStatement] = [
    HotStatement(
      "conversations",
      """
      SELECT * FROM conversations WHERE organization_id = $1 AND user_id = $2
      ORDER BY updated_at DESC, id DESC LIMIT 51
      """,
      "uuid, text", "\(id), md5('u7')::uuid::text", indexes: ["conversations_of_owner"]),
    HotStatement(
      "conversations, next page",
      """
      SELECT * FROM conversations WHERE organization_id = $1 AND user_id = $2 AND (updated_at, id) < ($3, $4)
      ORDER BY updated_at DESC, id DESC LIMIT 51
      """, "uuid, text, timestamptz, uuid", "\(id), md5('u7')::uuid::text, \(next)", indexes: ["conversations_of_owner"]
    ),
    HotStatement(
      "messages of a conversation",
      """
      SELECT m.* FROM conversations AS c LEFT JOIN chat_messages AS m ON m.conversation_id = c.id
      WHERE c.id = $1 AND c.organization_id = $2 AND c.user_id = $3 ORDER BY m.created_at, m.id
      """, "uuid, uuid, text", "md5('c7')::uuid, \(id), md5('u7')::uuid::text",
      indexes: ["chat_messages_of_conversation"]),
    HotStatement(
      "replies of an owner that are being written",
      """
      SELECT count(*) FROM chat_replies
      WHERE organization_id = $1 AND user_id = $2 AND is_resumable AND ended_at IS NULL AND expires_at > $3
      """, "uuid, text, timestamptz", "\(id), md5('u7')::uuid::text, '2026-01-01'", indexes: ["chat_replies_of_owner"]),
    HotStatement(
      "events of a reply behind the last that was seen",
      """
      SELECT r.event_count, e.event FROM chat_replies AS r LEFT JOIN LATERAL (
        SELECT number, event FROM chat_reply_events WHERE reply_id = r.id AND number > $4 ORDER BY number LIMIT 256
      ) AS e ON true
      WHERE r.id = $1 AND organization_id = $2 AND user_id = $3 ORDER BY e.number
      """, "uuid, uuid, text, integer", "md5('y7')::uuid, \(id), md5('u7')::uuid::text, 5",
      indexes: ["chat_reply_events_pkey"]),
    HotStatement(
      "submissions",
      "SELECT * FROM knowledge_submissions WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT 51",
      "uuid", id, indexes: ["knowledge_submissions_newest"], isOrderedByIndex: true),
    HotStatement(
      "submissions that wait",
      """
      SELECT * FROM knowledge_submissions
      WHERE organization_id = $1 AND status = 'pending' AND (created_at, id) < ($2, $3)
      ORDER BY created_at DESC, id DESC LIMIT 51
      """, "uuid, timestamptz, uuid", "\(id), \(next)", indexes: ["knowledge_submissions_pending"]),
    HotStatement(
      "submissions that were rejected",
      """
      SELECT * FROM knowledge_submissions WHERE organization_id = $1 AND status = 'rejected'
      ORDER BY created_at DESC, id DESC LIMIT 51
      """, "uuid", id, indexes: ["knowledge_submissions_rejected"]),
    HotStatement(
      "submissions of a contributor",
      """
      SELECT * FROM knowledge_submissions WHERE organization_id = $1 AND contributor_id = $2
      ORDER BY created_at DESC, id DESC LIMIT 51
      """, "uuid, uuid", "\(id), md5('u7')::uuid", indexes: ["knowledge_submissions_of_contributor"]),
    HotStatement(
      "documents",
      """
      SELECT d.*, r.id AS revision, r.title FROM documents AS d
      JOIN document_revisions AS r ON r.document_id = d.id AND r.superseded_at IS NULL
      WHERE d.organization_id = $1 AND (d.updated_at, d.id) < ($2, $3) ORDER BY d.updated_at DESC, d.id DESC LIMIT 51
      """, "uuid, timestamptz, uuid", "\(id), \(next)", indexes: ["documents_newest", "document_revisions_current"],
      isOrderedByIndex: true),
    HotStatement(
      "revisions of a document",
      "SELECT number FROM document_revisions WHERE document_id = $1 AND organization_id = $2 ORDER BY number DESC",
      "uuid, uuid", "md5('d7')::uuid, \(id)", indexes: ["document_revisions_document_id_number_key"]),
    HotStatement(
      "revision by its bytes",
      """
      SELECT r.id FROM document_revisions AS r JOIN documents AS d ON d.id = r.document_id
      WHERE r.organization_id = $1 AND r.content_hash = $2 AND r.superseded_at IS NULL
      ORDER BY d.created_at, d.id LIMIT 1
      """, "uuid, bytea", "\(id), sha256('7')", indexes: ["document_revisions_by_hash"]),
    HotStatement(
      "document by its source, as the function asks",
      """
      SELECT id FROM documents WHERE organization_id = current_organization()
        AND source_digest(source_uri) = source_digest($1) AND source_uri = $1
      """, "text", "'https://example.org/7'", indexes: ["documents_source"], role: "opentier_system"),
    HotStatement(
      "jobs", "SELECT * FROM ingestion_jobs WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT 51",
      "uuid", id, indexes: ["ingestion_jobs_newest"], isOrderedByIndex: true),
    HotStatement(
      "jobs that failed",
      """
      SELECT * FROM ingestion_jobs WHERE organization_id = $1 AND state = 'failed'
      ORDER BY created_at DESC, id DESC LIMIT 51
      """, "uuid", id, indexes: ["ingestion_jobs_failed"]),
    HotStatement(
      "users",
      """
      SELECT * FROM users WHERE organization_id = $1 AND deleted_at IS NULL AND (created_at, id) < ($2, $3)
      ORDER BY created_at DESC, id DESC LIMIT 51
      """, "uuid, timestamptz, uuid", "\(id), \(next)", indexes: ["users_newest"], isOrderedByIndex: true),
    HotStatement(
      "account by its address, as the function asks",
      "SELECT * FROM users WHERE email = $1 AND deleted_at IS NULL", "text", "'u7@example.org'",
      indexes: ["users_live_email"], role: "opentier_system"),
    HotStatement(
      "sessions of a user",
      """
      SELECT * FROM sessions WHERE user_id = $1 AND organization_id = $2 AND expires_at > $3
      ORDER BY created_at DESC, id DESC
      """, "uuid, uuid, timestamptz", "md5('u7')::uuid, \(id), '2026-01-02'", indexes: ["sessions_of_user"]),
    HotStatement(
      "sessions that have expired, as the function asks", "DELETE FROM sessions WHERE expires_at <= $1", "timestamptz",
      "'2026-01-01 00:00:05'", indexes: ["sessions_by_expiry"], role: "opentier_system"),
  ]
}
