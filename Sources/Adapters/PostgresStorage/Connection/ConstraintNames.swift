/// What callers know a unique value as.
enum ConstraintNames {
  /// The name for a constraint or unique index of the migrations; `id` for one that is not known.
  static func name(of constraint: String?) -> String {
    guard let constraint else { return "id" }
    return exact[constraint] ?? prefixes.first(where: { constraint.hasPrefix($0.prefix) })?.name ?? "id"
  }

  private static let exact = [
    "users_live_email": "email", "sessions_session_token": "token", "documents_source": "source",
    "organizations_pkey": "organization", "accounts_provider_provider_account_id_key": "account",
    "api_keys_key_hash_key": "key",
  ]

  private static let prefixes: [(prefix: String, name: String)] = [
    ("users_", "user"), ("sessions_", "session"), ("conversations_", "conversation"), ("user_memories_", "memory"),
    ("chat_messages_", "message"), ("chat_replies_", "reply"), ("chat_reply_events_", "event"),
    ("knowledge_submissions_", "submission"), ("submission_payloads_", "submission"),
    ("document_revisions_", "revision"), ("document_chunks_", "chunk"), ("documents_", "document"),
    ("ingestion_jobs_", "job"), ("collection_runs_", "run"), ("collection_items_", "item"),
    ("outbox_", "event"), ("accounts_", "account"), ("api_keys_", "key"),
  ]
}
