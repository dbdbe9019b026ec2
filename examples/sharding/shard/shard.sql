-- What a shard gets besides the extension.

SELECT videoroom_grant(('videoroom_' || part)::regrole, part)
  FROM unnest('{scheduler,backend,relay,reader,operator}'::text[]) AS part;

CREATE SCHEMA sharding;
COMMENT ON SCHEMA sharding IS 'What the proxy needs here';
GRANT USAGE ON SCHEMA sharding TO videoroom_relay;

-- PL/Proxy calls functions, it does not insert. Acts with the caller's rights: those of part relay.
CREATE FUNCTION sharding.receive_callback(body text, signature text, url text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ INSERT INTO videoroom.callback (body, signature, url) VALUES ($1, $2, $3) $$;
COMMENT ON FUNCTION sharding.receive_callback(text, text, text) IS 'What a relay does: one row of videoroom.callback';
REVOKE ALL ON FUNCTION sharding.receive_callback(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sharding.receive_callback(text, text, text) TO videoroom_relay;
