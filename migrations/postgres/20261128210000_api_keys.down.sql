DROP FUNCTION delete_expired_api_keys(timestamptz), find_api_key(bytea, timestamptz);
DROP INDEX api_keys_by_expiry, api_keys_of_user;
-- The version before has no use for keys.
SET LOCAL ROLE opentier_system;
DELETE FROM api_keys;
RESET ROLE;
ALTER TABLE api_keys
  DROP COLUMN scopes,
  DROP COLUMN prefix,
  ADD COLUMN role user_role NOT NULL,
  ADD COLUMN revoked_at timestamptz;
CREATE INDEX api_keys_of_user ON api_keys (user_id) WHERE revoked_at IS NULL;
