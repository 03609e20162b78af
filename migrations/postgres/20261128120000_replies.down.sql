DROP FUNCTION delete_expired_replies(timestamptz), tend_replies(uuid[], timestamptz, timestamptz);
DROP TABLE chat_reply_events, chat_replies;
