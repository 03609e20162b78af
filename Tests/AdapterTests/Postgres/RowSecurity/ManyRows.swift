/// Enough rows for an index to be worth it: thousands in each table, most of them one tenant's.
enum ManyRows {
  static let organization = "00000000-0000-7000-8000-00000000000a"

  /// Row n is of the one tenant, but every fifth.
  private static let tenant = "CASE WHEN n % 5 > 0 THEN '\(organization)'::uuid ELSE md5((n % 50)::text)::uuid END"
  private static let time = "timestamptz '2026-01-01' + interval '1 second' * n"

  static let script = """
    INSERT INTO users (id, organization_id, email, display_name, created_at)
    SELECT md5('u' || n)::uuid, \(tenant), 'u' || n || '@example.org', 'U', \(time) FROM generate_series(1, 6000) AS n;

    INSERT INTO sessions (id, session_token, user_id, organization_id, role, created_at, expires_at)
    SELECT md5('s' || n)::uuid, sha256(convert_to(n::text, 'UTF8')), md5('u' || n)::uuid, \(tenant), 'user',
      \(time), \(time) + interval '7 days'
    FROM generate_series(1, 6000) AS n;

    INSERT INTO conversations (id, organization_id, user_id, title, updated_at)
    SELECT md5('c' || n)::uuid, \(tenant), md5('u' || n % 100)::uuid::text, 'T', \(time) FROM generate_series(1, 6000) AS n;

    INSERT INTO chat_messages (id, conversation_id, organization_id, role, content, created_at)
    SELECT md5('m' || n || ' ' || m)::uuid, md5('c' || n)::uuid, \(tenant), 'user', 'x', \(time)
    FROM generate_series(1, 6000) AS n, generate_series(1, 2) AS m;

    INSERT INTO chat_replies (id, organization_id, user_id, is_resumable, event_count, writer_process, writer_seen_at,
      reader_seen_at, ended_at, expires_at)
    SELECT md5('y' || n)::uuid, \(tenant), md5('u' || n % 100)::uuid::text, true, 10, md5('p')::uuid, \(time), \(time),
      CASE WHEN n % 20 > 0 THEN \(time) END, \(time)
    FROM generate_series(1, 6000) AS n;

    INSERT INTO chat_reply_events (reply_id, organization_id, number, event)
    SELECT md5('y' || n)::uuid, \(tenant), m, '{"delta":"x"}' FROM generate_series(1, 6000) AS n, generate_series(1, 10) AS m;

    INSERT INTO knowledge_submissions (id, organization_id, contributor_id, title, content_kind, byte_count, status,
      created_at)
    SELECT md5('k' || n)::uuid, \(tenant), md5('u' || n % 100)::uuid, 'T', 'text', 1,
      CASE WHEN n % 40 = 1 THEN 'pending' WHEN n % 40 = 2 THEN 'rejected' ELSE 'approved' END::submission_status,
      \(time)
    FROM generate_series(1, 6000) AS n;

    INSERT INTO documents (id, organization_id, source_uri, updated_at)
    SELECT md5('d' || n)::uuid, \(tenant), 'https://example.org/' || n, \(time) FROM generate_series(1, 6000) AS n;

    INSERT INTO document_revisions (id, document_id, organization_id, number, title, media_type, content_hash,
      byte_count, submission_id, submitted_by, approved_by, published_at, superseded_at, text)
    SELECT md5('r' || n || ' ' || m)::uuid, md5('d' || n)::uuid, \(tenant), m, 'T', 'text/plain',
      sha256(convert_to(n::text, 'UTF8')), 1, md5('k' || n)::uuid, md5('u')::uuid, md5('u')::uuid, \(time),
      CASE WHEN m = 1 THEN \(time) END, 'x'
    FROM generate_series(1, 6000) AS n, generate_series(1, 2) AS m;

    INSERT INTO ingestion_jobs (id, organization_id, submission_id, state, created_at)
    SELECT md5('j' || n)::uuid, \(tenant), md5('k' || n)::uuid,
      CASE WHEN n % 40 = 1 THEN 'failed' ELSE 'indexed' END::job_state, \(time)
    FROM generate_series(1, 6000) AS n;

    ANALYZE users, sessions, conversations, chat_messages, chat_replies, chat_reply_events, knowledge_submissions, documents, document_revisions,
      ingestion_jobs;
    """
}
