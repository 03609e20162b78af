-- The roles and the extension stay: both may serve other databases or schemas.
DROP FUNCTION has_accounts(), find_credentials(text), delete_expired_sessions(timestamptz),
  find_session(bytea, timestamptz);
DROP TABLE feature_flags, audit_log, budgets, quotas, usage_events, outbox, ingestion_jobs, document_chunks,
  document_revisions, documents, submission_payloads, knowledge_submissions, user_memories, chat_messages, conversations,
  api_keys, password_reset_tokens, verification_tokens, accounts, sessions, users, organizations;
DROP PROCEDURE protect_system_function(regprocedure), protect_tenant_table(regclass, name);
DROP FUNCTION refuse_revision_change(), source_digest(text), set_updated_at(), current_organization();
DROP TYPE job_state, content_kind, submission_status, message_role, user_role;
REVOKE USAGE ON SCHEMA public FROM opentier_app, opentier_system;
