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

-- PL/Proxy gives SQLSTATE as it was, the rest with words of its own around it:
--   "sharding.videoroom_end(1): [rooms_2] REMOTE ERROR: room not found", "Remote detail: ...", "Remote hint: ..."
-- and what it finds wrong itself as "PL/Proxy function sharding.videoroom_end(1): [rooms_2] PQconnectPoll: ...".
CREATE FUNCTION sharding.refuse(state text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shard text := substring(message FROM '\[([^]]*)\]');
    away  boolean := shard IS NOT NULL AND (message LIKE 'PL/Proxy function %' OR message LIKE '%] REMOTE (null): %' OR state LIKE '57P0_');
BEGIN
    IF away THEN
        -- Where the database is and why it does not answer is the operator's to know.
        RAISE LOG 'shard % is unreachable: %', shard, message;
        RAISE EXCEPTION USING ERRCODE = 'PT503', MESSAGE = 'shard unreachable',
            DETAIL = format('{"reason":"unreachable","shard":%s}', to_json(shard));
    END IF;
    message := regexp_replace(message, '^[^[]*\[[^]]*\] REMOTE [^:]*: ', '');
    detail := regexp_replace(detail, '^Remote detail: ', '');
    hint := regexp_replace(hint, '^Remote hint: ', '');
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
COMMENT ON FUNCTION sharding.refuse(text, text, text, text) IS
    'Raises a shard''s refusal in the shard''s own words; PT503 unreachable where there is no answer, whose reason goes to the log';

-- owner: the part whose role the shard is called as. slot: a function of sharding, with the argument it takes.
CREATE TEMP TABLE call (owner text, name text, arguments text, result text, slot text);
INSERT INTO call VALUES
    ('scheduler', 'videoroom_create_booking',
     'booking_id text, starts_at timestamptz, ends_at timestamptz, participants text[], options jsonb DEFAULT ''{}''',
     'text', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_cancel', 'booking_id text, reason text DEFAULT NULL', 'void', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_reschedule',
     'booking_id text, starts_at timestamptz, ends_at timestamptz, participants text[] DEFAULT NULL, options jsonb DEFAULT NULL',
     'text', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_extend', 'booking_id text, ends_at timestamptz', 'void', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_add_participants', 'room_id text, participants text[]', 'void', 'slot_of_room(room_id)'),
    ('scheduler', 'videoroom_remove_participant', 'room_id text, user_id text', 'void', 'slot_of_room(room_id)'),
    ('scheduler', 'videoroom_end', 'room_id text', 'void', 'slot_of_room(room_id)'),
    ('reader', 'videoroom_get', 'room_id text', 'jsonb', 'slot_of_room(room_id)'),
    ('backend', 'videoroom_join', 'room_id text, user_id text', 'videoroom.join_link', 'slot_of_room(room_id)'),
    ('operator', 'videoroom_apply_callback', 'payload jsonb', 'text', 'slot_of_room(payload ->> ''RoomName'')');

SELECT format($sql$
CREATE FUNCTION sharding.%1$I(%2$s) RETURNS %3$s LANGUAGE plproxy AS $body$
    CLUSTER 'shards';
    RUN ON sharding.%4$s;
    TARGET public.%1$s;
$body$
$sql$, c.name, c.arguments, c.result, c.slot)
  FROM call c \gexec

SELECT format($sql$
CREATE FUNCTION public.%1$I(%2$s) RETURNS %3$s
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $body$
DECLARE
    message text;
    detail  text;
    hint    text;
BEGIN
    %4$s sharding.%1$I(%5$s);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM sharding.refuse(SQLSTATE, message, detail, hint);
END
$body$
$sql$, c.name, c.arguments, c.result, CASE c.result WHEN 'void' THEN 'PERFORM' ELSE 'RETURN' END,
       (SELECT string_agg('$' || n, ', ' ORDER BY n) FROM generate_series(1, p.pronargs) AS n))
  FROM call c
  JOIN pg_proc p ON p.proname = c.name AND p.pronamespace = 'sharding'::regnamespace \gexec

SELECT format('ALTER FUNCTION public.%I(%s) OWNER TO %I', c.name, pg_get_function_identity_arguments(p.oid), 'videoroom_' || c.owner)
  FROM call c
  JOIN pg_proc p ON p.proname = c.name AND p.pronamespace = 'sharding'::regnamespace \gexec

-- As on a shard, so that PostgREST takes it by GET.
ALTER FUNCTION videoroom_get(text) STABLE;

-- Who joins is decided here, from the claims that were verified for this session, and the shard is told. The claim's name is
-- fixed, since a setting that this server does not know could be set by anybody.
CREATE FUNCTION videoroom_join(room_id text) RETURNS videoroom.join_link
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claims  jsonb;
    user_id text;
BEGIN
    BEGIN
        claims := nullif(current_setting('request.jwt.claims', true), '');
        IF jsonb_typeof(claims -> sharding.identity_claim()) = 'string' THEN
            user_id := claims ->> sharding.identity_claim();
        END IF;
    EXCEPTION WHEN data_exception THEN
        NULL; -- not JSON: it names nobody
    END;
    IF coalesce(octet_length(user_id), 0) NOT BETWEEN 1 AND 128 OR user_id ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION USING ERRCODE = 'PT401', MESSAGE = 'no identity', DETAIL = '{"reason":"no-claim"}';
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
