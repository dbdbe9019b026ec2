-- The functions that are about one booking or one room. Each is two: sharding.NAME, in PL/Proxy, calls the shard as the role
-- that owns public.NAME, which is what callers see; it gives them the shard's refusals as the shard put them.

CREATE TYPE videoroom.join_link AS (
    room_id    text,
    room_sid   text,
    user_id    text,
    link       text,
    token      text,
    expires_at timestamptz
);
COMMENT ON TYPE videoroom.join_link IS 'What lets one person into a room; whoever has the link is that person until it expires';

CREATE FUNCTION sharding.refuse(state text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF detail <> '' AND hint <> '' THEN
        RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail, HINT = hint;
    ELSIF detail <> '' THEN
        RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail;
    ELSIF hint <> '' THEN
        RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, HINT = hint;
    END IF;
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message;
END
$$;
COMMENT ON FUNCTION sharding.refuse(text, text, text, text) IS 'Raises the refusal of a shard as the shard raised it';

-- What PL/Proxy raises itself starts with "PL/Proxy function sharding.videoroom_end(1): [rooms_2] "; where a server went away in the
-- middle it is "sharding.videoroom_end(1): [rooms_2] REMOTE FATAL: ".
CREATE FUNCTION sharding.unreachable(message text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shard text := substring(message FROM '\[([^]]*)\]');
BEGIN
    -- Where the database is and why it does not answer is the operator's to know.
    RAISE LOG 'shard % is unreachable: %', shard, message;
    RAISE EXCEPTION USING ERRCODE = 'PT503', MESSAGE = 'shard unreachable',
        DETAIL = format('{"reason":"unreachable","shard":%s}', coalesce(to_json(shard)::text, 'null'));
END
$$;
COMMENT ON FUNCTION sharding.unreachable(text) IS 'Raises PT503 with the shard''s name, and logs why it did not answer';

-- A call is two functions: sharding.NAME, in PL/Proxy, makes it, as the role that owns public.NAME, which is what callers see.
-- For what they do not see it is sharding.call_NAME, which acts with the rights of the function that calls it.
\ir ../calls.sql
SELECT format($sql$
CREATE FUNCTION sharding.%1$I(%2$s, %3$s) LANGUAGE plproxy AS $body$
    CLUSTER 'shards';
    RUN ON sharding.%4$s;
$body$
$sql$, name, arguments, answer, slot)
  FROM call WHERE slot IS NOT NULL \gexec

SELECT format($sql$
CREATE FUNCTION sharding.%1$I(partition integer, %2$s, %3$s) LANGUAGE plproxy AS $body$
    CLUSTER 'shards';
    RUN ON partition;
    SELECT c.answer, c.state, c.message, c.detail, c.hint FROM sharding.%1$I($2) c;
$body$
$sql$, name, arguments, answer)
  FROM call WHERE slot IS NULL \gexec

SELECT format($sql$
CREATE FUNCTION %1$s(%2$s) RETURNS %3$s
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    it record;
BEGIN
    BEGIN
        SELECT * INTO it FROM sharding.%4$I(%5$s);
    EXCEPTION WHEN internal_error OR admin_shutdown OR crash_shutdown OR cannot_connect_now THEN
        PERFORM sharding.unreachable(SQLERRM);
    END;
    IF it.state IS NOT NULL THEN
        PERFORM sharding.refuse(it.state, it.message, it.detail, it.hint);
    END IF;
    %6$s
END
$body$
$sql$, CASE WHEN name LIKE 'videoroom%' THEN 'public.' || name ELSE 'sharding.call_' || name END,
       CASE WHEN slot IS NULL THEN 'partition integer, ' ELSE '' END || arguments, result, name,
       (SELECT string_agg('$' || n, ', ' ORDER BY n) FROM generate_series(1, arity + (slot IS NULL)::integer) AS n),
       CASE result WHEN 'void' THEN '' ELSE 'RETURN it.answer;' END)
  FROM call \gexec

SELECT format('ALTER FUNCTION %s SECURITY DEFINER', p.oid::regprocedure),
       format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, 'videoroom_' || c.owner)
  FROM call c
  JOIN pg_proc p ON p.proname = c.name AND p.pronamespace = 'public'::regnamespace \gexec

-- As on a shard, so that PostgREST takes it by GET.
ALTER FUNCTION videoroom_get(text) STABLE;

-- Who joins is decided here, from the claims that were verified for this session, and the shard is told. The claim's name is
-- fixed, since a setting that this server does not know could be set by anybody.
CREATE FUNCTION videoroom_join(room_id text) RETURNS videoroom.join_link
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name    text := sharding.identity_claim();
    claims  json;
    claim   json;
    user_id text;
BEGIN
    BEGIN
        claims := nullif(current_setting('request.jwt.claims', true), '');
        claim := coalesce(claims -> name, claims #> string_to_array(name, '.'));
        IF json_typeof(claim) = 'string' OR claim::text ~ '^-?[0-9]+$' THEN
            user_id := claim #>> '{}';
        END IF;
    EXCEPTION WHEN data_exception THEN
        claim := NULL; -- not JSON: it names nobody
    END;
    IF coalesce(octet_length(user_id), 0) NOT BETWEEN 1 AND 128 OR user_id ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION USING ERRCODE = 'PT401', MESSAGE = 'no identity',
            DETAIL = format('{"reason":"%s"}', CASE WHEN claim IS NULL THEN 'no-claim' ELSE 'bad-claim' END);
    END IF;
    RETURN public.videoroom_join($1, user_id);
END
$$;
COMMENT ON FUNCTION videoroom_join(text) IS
'Gives the link into a room to the user that the request''s claims name

As videoroom_join(room_id, user_id); PT401: no such claim in request.jwt.claims.';
ALTER FUNCTION videoroom_join(text) OWNER TO videoroom_backend;

SELECT format('CREATE FUNCTION sharding.identity_claim() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
              format('SELECT %L::text', :'identity_claim')) \gexec
COMMENT ON FUNCTION sharding.identity_claim() IS 'The claim that names the user; videoroom.identity_claim of the shards means nothing here';
