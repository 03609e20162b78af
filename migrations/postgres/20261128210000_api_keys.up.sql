-- API keys get scopes in place of a role, and a beginning that may be shown; a key that is revoked is deleted. Nothing
-- has written the table before.
DROP INDEX api_keys_of_user;
ALTER TABLE api_keys
  DROP COLUMN role,
  DROP COLUMN revoked_at,
  ADD COLUMN prefix text NOT NULL,
  ADD COLUMN scopes text[] NOT NULL;
COMMENT ON COLUMN api_keys.key_hash IS 'SHA-256 of the secret that its owner was shown once';
COMMENT ON COLUMN api_keys.prefix IS 'the first characters of the secret';
CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at DESC, id DESC);
CREATE INDEX api_keys_by_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL;

-- The live key of a secret: one look-up that also gives the tenant, and the role that the owner has now. In PL/pgSQL for
-- the same reason as find_session.
CREATE FUNCTION find_api_key(secret_hash bytea, at timestamptz)
RETURNS TABLE (
  id uuid, organization_id uuid, user_id uuid, name text, prefix text, scopes text[], created_at timestamptz,
  expires_at timestamptz, last_used_at timestamptz, owner_role user_role)
LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
  RETURN QUERY
    SELECT k.id, k.organization_id, k.user_id, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.last_used_at,
      u.role
    FROM api_keys AS k JOIN users AS u ON u.id = k.user_id
    WHERE k.key_hash = secret_hash AND (k.expires_at IS NULL OR k.expires_at > at) AND u.deleted_at IS NULL;
END
$$;
CALL protect_system_function('find_api_key(bytea, timestamptz)');

CREATE FUNCTION delete_expired_api_keys(at timestamptz) RETURNS bigint
LANGUAGE sql AS $$
  WITH gone AS (DELETE FROM api_keys WHERE expires_at <= at RETURNING 1) SELECT count(*) FROM gone
$$;
CALL protect_system_function('delete_expired_api_keys(timestamptz)');
