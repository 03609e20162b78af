-- Replies that are being written, in whichever replica, and the events of those that can be taken up again.
--
-- Rows live for minutes: a writer tends its reply, and what nobody tends any more expires. All times are the
-- application's.

CREATE TABLE chat_replies (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id varchar(255) NOT NULL,
  is_resumable boolean NOT NULL,
  event_count integer NOT NULL DEFAULT 0,
  writer_process uuid NOT NULL,
  writer_seen_at timestamptz NOT NULL,
  reader_token uuid,
  reader_process uuid,
  reader_seen_at timestamptz NOT NULL,
  is_cancelled boolean NOT NULL DEFAULT false,
  ended_at timestamptz,
  expires_at timestamptz NOT NULL,
  UNIQUE (organization_id, id)
);
COMMENT ON COLUMN chat_replies.id IS 'that of the message, which is stored when the reply has ended';
COMMENT ON COLUMN chat_replies.writer_process IS 'made anew by each process when it starts, as reader_process is';
CREATE INDEX chat_replies_of_owner ON chat_replies (organization_id, user_id, ended_at);
-- A row is written every second while its reply is: with no index on what changes, and room on its page, that touches no
-- index. The table is small, so that what has expired is found by reading all of it, twice a minute.
ALTER TABLE chat_replies SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

CREATE TABLE chat_reply_events (
  reply_id uuid NOT NULL,
  organization_id uuid NOT NULL,
  number integer NOT NULL,
  event jsonb NOT NULL,
  PRIMARY KEY (reply_id, number),
  FOREIGN KEY (organization_id, reply_id) REFERENCES chat_replies (organization_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN chat_reply_events.number IS 'from 1, without a gap: the id of a server-sent event';

CALL protect_tenant_table('chat_replies');
CALL protect_tenant_table('chat_reply_events');

-- What a process writes is of any tenants, and so is what has expired.

-- Says that replies are still being written, and tells what their writers are to know. A row that a reader has in its
-- hands at this moment is waited for, in the order of the ids.
CREATE FUNCTION tend_replies(ids uuid[], at timestamptz, expiry timestamptz)
RETURNS TABLE (id uuid, is_cancelled boolean, reader_seen_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH held AS MATERIALIZED (
      SELECT r.id FROM chat_replies AS r WHERE r.id = ANY (ids) AND r.ended_at IS NULL ORDER BY r.id FOR UPDATE)
    UPDATE chat_replies AS r
    SET writer_seen_at = greatest(r.writer_seen_at, at), expires_at = greatest(r.expires_at, expiry)
    FROM held WHERE r.id = held.id
    RETURNING r.id, r.is_cancelled, r.reader_seen_at;
END
$$;
CALL protect_system_function('tend_replies(uuid[], timestamptz, timestamptz)');

CREATE FUNCTION delete_expired_replies(at timestamptz) RETURNS bigint
LANGUAGE sql AS $$
  WITH gone AS (DELETE FROM chat_replies WHERE expires_at <= at RETURNING 1) SELECT count(*) FROM gone
$$;
CALL protect_system_function('delete_expired_replies(timestamptz)');
