-- What a shard gets besides the extension; again, it gets it anew.
\ir ../calls.sql

SELECT videoroom_grant(('videoroom_' || part)::regrole, part)
  FROM unnest('{scheduler,backend,relay,reader,operator}'::text[]) AS part \g /dev/null

DROP SCHEMA IF EXISTS sharding CASCADE;
CREATE SCHEMA sharding;
COMMENT ON SCHEMA sharding IS 'What the proxy calls here';
GRANT USAGE ON SCHEMA sharding TO videoroom_scheduler, videoroom_backend, videoroom_relay, videoroom_reader, videoroom_operator;

-- The type of a join's answer is there, by name; the tables stay closed.
GRANT USAGE ON SCHEMA videoroom TO videoroom_backend;

-- PL/Proxy calls functions, it does not insert.
CREATE FUNCTION sharding.insert_callback(body text, signature text, url text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ INSERT INTO videoroom.callback (body, signature, url) VALUES ($1, $2, $3) $$;
COMMENT ON FUNCTION sharding.insert_callback(text, text, text) IS 'What a relay does: one row of videoroom.callback';

-- They act with the caller's rights: those of its part.
SELECT format($sql$
CREATE FUNCTION sharding.%1$I(%2$s, %3$s)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    %4$s %5$s(%6$s);
EXCEPTION WHEN OTHERS THEN
    state := SQLSTATE;
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$body$
$sql$, name, arguments, answer, CASE result WHEN 'void' THEN 'PERFORM' ELSE 'answer :=' END, target,
       (SELECT string_agg('$' || n, ', ' ORDER BY n) FROM generate_series(1, arity) AS n))
  FROM call \gexec

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sharding FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sharding.insert_callback TO videoroom_relay;
SELECT format('GRANT EXECUTE ON FUNCTION sharding.%I TO %I', name, 'videoroom_' || owner) FROM call \gexec
