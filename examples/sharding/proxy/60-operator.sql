-- What an operator asks of all shards, one after the other, or of one by its name. The numbers of outbox rows are a shard's
-- own, so whoever names one names the shard too. stats_columns: those of the extension's videoroom_stats().

CREATE FUNCTION sharding.partition_of(shard text) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_at integer := (SELECT s.partition FROM sharding.shard s WHERE s.shard = $1);
BEGIN
    IF found_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = coalesce('there is no shard ' || quote_literal($1), 'the number of an outbox row needs its shard''s name'),
            HINT = 'The shards are ' || (SELECT string_agg(s.shard, ', ' ORDER BY s.shard) FROM sharding.shard s) || '.';
    END IF;
    RETURN found_at;
END
$$;
COMMENT ON FUNCTION sharding.partition_of(text) IS 'A partition of that shard''s; 22023: there is no such shard';

CREATE FUNCTION videoroom_retry(outbox_id bigint DEFAULT NULL, shard text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF shard IS NOT NULL OR outbox_id IS NOT NULL THEN
        RETURN sharding.call_retry(sharding.partition_of(shard), outbox_id);
    END IF;
    RETURN (SELECT sum(sharding.call_retry(s.partition, NULL)) FROM sharding.shard s);
END
$$;
COMMENT ON FUNCTION videoroom_retry(bigint, text) IS
'Makes calls that were given up due again, and gives their number: all of them, those of a shard, or one of a shard''s

PT404: unknown. 22023: a number without its shard.';
ALTER FUNCTION videoroom_retry(bigint, text) OWNER TO videoroom_operator;

CREATE FUNCTION videoroom_discard(outbox_id bigint, shard text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT sharding.call_discard(sharding.partition_of($2), $1) $$;
COMMENT ON FUNCTION videoroom_discard(bigint, text) IS
'Drops a call of a shard''s that was given up

PT404: unknown. PT409: it was not given up, so its answer may still be on the way.';
ALTER FUNCTION videoroom_discard(bigint, text) OWNER TO videoroom_operator;

-- A shard that refuses, or is away, stops these, and those before it have done their part: repeat them until they succeed.
CREATE FUNCTION videoroom_replay(since timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT sum(sharding.call_replay(s.partition, $1)) FROM sharding.shard s $$;
COMMENT ON FUNCTION videoroom_replay(timestamptz) IS
'Has the kept callbacks that came in since then applied again, on every shard, and gives their number';
ALTER FUNCTION videoroom_replay(timestamptz) OWNER TO videoroom_operator;

CREATE FUNCTION videoroom_erase(user_id text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT sum(sharding.call_erase(s.partition, $1)) FROM sharding.shard s $$;
COMMENT ON FUNCTION videoroom_erase(text) IS
'Forgets a person on every shard and at Twilio; gives the number of rooms they were in

PT409: a room still expects the person. Any refusal may come when other shards have forgotten already: once it is repaired,
ask again.';
ALTER FUNCTION videoroom_erase(text) OWNER TO videoroom_operator;

-- For the support desk: as on the shard, with the lines to run as they are here.
CREATE FUNCTION sharding.explain(room_id text, user_id text) RETURNS TABLE (at timestamptz, what text, verdict text, detail text)
LANGUAGE plproxy
AS $$
    CLUSTER 'shards';
    RUN ON sharding.slot_of_room(room_id);
    TARGET public.videoroom_explain;
$$;

CREATE FUNCTION videoroom_explain(room_id text, user_id text DEFAULT NULL)
RETURNS TABLE (at timestamptz, what text, verdict text, detail text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    shard text := (SELECT m.shard FROM sharding.map m
                    WHERE m.partition = sharding.slot_of_room($1) & ((SELECT count(*) FROM sharding.map)::integer - 1));
BEGIN
    RETURN QUERY
    SELECT e.at, e.what, e.verdict, regexp_replace(e.detail, '(videoroom_(?:retry|discard)\(\d+)\)', format('\1, %L)', shard), 'g')
      FROM sharding.explain($1, $2) e;
END
$$;
COMMENT ON FUNCTION videoroom_explain(text, text) IS
    'For the support desk: why this person can or cannot join now, and what happened, as the room''s shard has it';
ALTER FUNCTION videoroom_explain(text, text) OWNER TO videoroom_operator;

-- A shard that is away must not hide how the others are.
CREATE FUNCTION sharding.health(partition integer) RETURNS TABLE (name text, ok boolean, detail text, hint text)
LANGUAGE plproxy
AS $$
    CLUSTER 'shards';
    RUN ON partition;
    SELECT h.name, h.ok, h.detail, h.hint FROM public.videoroom_health() h;
$$;

CREATE FUNCTION videoroom_health() RETURNS TABLE (shard text, name text, ok boolean, detail text, hint text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    one record;
BEGIN
    FOR one IN SELECT s.* FROM sharding.shard s ORDER BY s.partition LOOP
        BEGIN
            RETURN QUERY SELECT one.shard, h.name, h.ok, h.detail, h.hint FROM sharding.health(one.partition) h;
            RETURN QUERY SELECT one.shard, 'shard', true,
                format('partition %s of %s', array_to_string(one.partitions, ', '), (SELECT count(*) FROM sharding.map)), NULL::text;
        EXCEPTION WHEN OTHERS THEN
            RETURN QUERY SELECT one.shard, 'shard', false, SQLERRM, format('psql ''%s''', one.conninfo);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION videoroom_health() IS
    'The checks of every shard, and check shard: whether it answers; hint: the line or command that helps, on that shard';
ALTER FUNCTION videoroom_health() OWNER TO videoroom_operator;

CREATE TYPE videoroom.stats AS (:stats_columns);
COMMENT ON TYPE videoroom.stats IS 'Counters and latencies of one shard; its columns are explained at the type of this name there';

CREATE FUNCTION sharding.stats(partition integer) RETURNS videoroom.stats
LANGUAGE plproxy
AS $$
    CLUSTER 'shards';
    RUN ON partition;
    SELECT s.* FROM public.videoroom_stats() s;
$$;

CREATE FUNCTION videoroom_stats() RETURNS TABLE (shard text, :stats_columns)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    one     record;
    nothing videoroom.stats;
BEGIN
    FOR one IN SELECT s.* FROM sharding.shard s ORDER BY s.partition LOOP
        BEGIN
            RETURN QUERY SELECT one.shard, s.* FROM sharding.stats(one.partition) s;
        EXCEPTION WHEN OTHERS THEN
            nothing.paused := 'unreachable';
            RETURN QUERY SELECT one.shard, (nothing).*;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION videoroom_stats() IS
    'Counters and latencies, one row a shard; all NULL but paused, unreachable, for one that does not answer';
ALTER FUNCTION videoroom_stats() OWNER TO videoroom_operator;
