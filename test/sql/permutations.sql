-- Twilio delivers late, twice and out of order: any order of the same facts, with any repeats, ends in the same rows, and
-- in those that a plain model of the facts, which knows nothing of order, expects. Silent when all is well; a failure
-- names the seed: SET test.seed = '...' and run this file again.
\set VERBOSITY default
SET client_min_messages = warning;
BEGIN;
TRUNCATE videoroom.home CASCADE;
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major)
VALUES (1, 1, 1, 15);

-- One fact: a callback, an answer of Twilio's about a session or a connection, or what a person did to the room.
CREATE TEMP TABLE fact (
    id serial, kind text, room_sid text, participant_sid text, user_id text, at timestamptz, until timestamptz,
    duration int);

CREATE FUNCTION pg_temp.pick(n int) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT floor(random() * n)::int $$;

-- Draws a history: sessions one after the other or overlapping, people in and out of them, each end reported by a
-- callback, by an answer, by both or by neither.
CREATE FUNCTION pg_temp.draw(begins timestamptz, OUT facts int) LANGUAGE plpgsql AS $$
DECLARE
    rm text; pa text; person text; t0 timestamptz; t1 timestamptz; c0 timestamptz; c1 timestamptz; n int := 0;
BEGIN
    TRUNCATE fact RESTART IDENTITY;
    FOR s IN 1 .. 1 + pg_temp.pick(3) LOOP
        rm := 'RM' || lpad(s::text, 32, '0');
        t0 := begins + pg_temp.pick(3000) * interval '1.037 s';
        t1 := t0 + pg_temp.pick(3000) * interval '1.013 s';
        IF random() < 0.8 THEN INSERT INTO fact (kind, room_sid, at) VALUES ('room-created', rm, t0); END IF;
        IF random() < 0.6 THEN INSERT INTO fact (kind, room_sid, at) VALUES ('room-ended', rm, t1); END IF;
        IF random() < 0.5 THEN
            INSERT INTO fact (kind, room_sid, at, until)
            VALUES ('session', rm, date_trunc('second', t0), CASE WHEN random() < 0.5 THEN date_trunc('second', t1) END);
        END IF;
        FOR p IN 1 .. pg_temp.pick(5) LOOP
            n := n + 1;
            pa := 'PA' || lpad(n::text, 32, '0');
            person := (ARRAY['alice', 'bob', 'stranger'])[1 + pg_temp.pick(3)];
            c0 := t0 + random() * (t1 - t0);
            c1 := c0 + random() * (t1 - c0);
            IF random() < 0.8 THEN
                INSERT INTO fact (kind, room_sid, participant_sid, user_id, at)
                VALUES ('participant-connected', rm, pa, person, c0);
            END IF;
            IF random() < 0.4 THEN
                INSERT INTO fact (kind, room_sid, participant_sid, user_id, at)
                SELECT (ARRAY['track-added', 'track-removed', 'track-enabled', 'track-disabled'])[1 + pg_temp.pick(4)],
                       rm, pa, person, c0 + random() * (c1 - c0) FROM generate_series(0, pg_temp.pick(2));
            END IF;
            IF random() < 0.6 THEN
                INSERT INTO fact (kind, room_sid, participant_sid, user_id, at, duration)
                VALUES ('participant-disconnected', rm, pa, person, c1, extract(epoch FROM c1 - c0)::int);
            END IF;
            IF random() < 0.4 THEN
                INSERT INTO fact (kind, room_sid, participant_sid, user_id, at, until, duration)
                SELECT 'connection', rm, pa, person, date_trunc('second', c0), u,
                       CASE WHEN u IS NOT NULL THEN extract(epoch FROM c1 - c0)::int END
                  FROM (SELECT CASE WHEN random() < 0.5 THEN date_trunc('second', c1) END) x (u);
            END IF;
        END LOOP;
    END LOOP;
    -- The same again with other times, so that reports of one end point contradict each other.
    INSERT INTO fact (kind, room_sid, participant_sid, user_id, at, until, duration)
    SELECT kind, room_sid, participant_sid, user_id, at + (pg_temp.pick(9) - 4) * interval '1 s',
           until + (pg_temp.pick(9) - 4) * interval '1 s', duration + pg_temp.pick(9) - 4
      FROM fact WHERE random() < 0.4;
    -- What a person did, at a fixed moment so that rows can be compared.
    INSERT INTO fact (kind, at)
    SELECT k, begins + interval '17 min' FROM unnest(ARRAY['cancel', 'end', 'nothing', 'nothing']) k
     ORDER BY random() LIMIT 1;
    INSERT INTO fact (kind, user_id, at) SELECT 'remove', 'bob', begins + interval '9 min' WHERE random() < 0.6;
    -- Housekeeping passes by at any time.
    INSERT INTO fact (kind) SELECT 'housekeeping' FROM generate_series(1, pg_temp.pick(3));
    SELECT count(*) INTO facts FROM fact;
END $$;

CREATE FUNCTION pg_temp.fresh(begins timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO videoroom.room (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options,
                                request, created_at)
    VALUES ('permuted', 'permuted', begins, begins + '2 h', begins - interval '15 min', begins + interval '135 min',
            begins + interval '3 h', '{}', '{}', begins);
    INSERT INTO videoroom.participant (room_id, user_id, invited_at) VALUES
        ('permuted', 'alice', begins), ('permuted', 'bob', begins);
END $$;

CREATE FUNCTION pg_temp.apply(f fact) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM videoroom.room WHERE room_id = 'permuted' FOR NO KEY UPDATE;
    CASE f.kind
    WHEN 'nothing' THEN NULL;
    WHEN 'cancel' THEN
        UPDATE videoroom.room SET cancelled_at = f.at WHERE room_id = 'permuted' AND cancelled_at IS NULL;
        PERFORM videoroom.settle_room('permuted');
    WHEN 'end' THEN
        UPDATE videoroom.room SET ended_at = f.at WHERE room_id = 'permuted' AND ended_at IS NULL;
        PERFORM videoroom.settle_room('permuted');
    WHEN 'remove' THEN
        UPDATE videoroom.participant SET removed_at = f.at WHERE room_id = 'permuted' AND user_id = f.user_id;
        PERFORM videoroom.settle_room('permuted');
    WHEN 'housekeeping' THEN
        PERFORM videoroom.expire_rooms(10), videoroom.lose_sessions(100);
    WHEN 'session' THEN
        IF videoroom.record_session('permuted', f.room_sid, NULL, f.at, NULL, f.until,
                                    CASE WHEN f.until IS NULL THEN f.at END) THEN
            PERFORM videoroom.settle_room('permuted');
        END IF;
    WHEN 'connection' THEN
        IF true = ANY (ARRAY[
               videoroom.record_session('permuted', f.room_sid, NULL, NULL, NULL, NULL, f.at),
               videoroom.record_connection(f.participant_sid, f.room_sid, f.user_id, NULL, f.at, NULL, f.until, f.duration)])
        THEN
            PERFORM videoroom.settle_room('permuted');
        END IF;
    ELSE
        PERFORM videoroom_apply_callback(jsonb_strip_nulls(jsonb_build_object(
            'StatusCallbackEvent', f.kind, 'RoomName', 'permuted', 'RoomSid', f.room_sid,
            'ParticipantSid', f.participant_sid, 'ParticipantIdentity', f.user_id,
            'Timestamp', to_char(f.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'ParticipantDuration', f.duration::text)));
    END CASE;
END $$;

-- The rows, and what is derived from them.
CREATE FUNCTION pg_temp.found() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'status', r.status, 'closed_at', r.closed_at, 'cancelled_at', r.cancelled_at, 'ended_at', r.ended_at,
        'participants', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.user_id)
                           FROM videoroom.participant p WHERE p.room_id = r.room_id),
        'sessions', (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.room_sid)
                       FROM videoroom.session s WHERE s.room_id = r.room_id),
        'connections', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.participant_sid)
                          FROM videoroom.connection c JOIN videoroom.session s USING (room_sid)
                         WHERE s.room_id = r.room_id))
      FROM videoroom.room r WHERE r.room_id = 'permuted'
$$;

-- The model: the same, from the set of facts alone.
CREATE FUNCTION pg_temp.expected(begins timestamptz) RETURNS jsonb LANGUAGE sql AS $$
    WITH session AS (
        SELECT room_sid,
               min(at) FILTER (WHERE kind = 'room-created') AS started_callback,
               min(at) FILTER (WHERE kind = 'session') AS started_rest,
               max(at) FILTER (WHERE kind = 'room-ended') AS ended_callback,
               max(until) FILTER (WHERE kind = 'session') AS ended_rest,
               max(at) FILTER (WHERE kind <> 'room-ended' AND NOT (kind = 'session' AND until IS NOT NULL))
                   AS seen_alive_at
          FROM fact WHERE room_sid IS NOT NULL GROUP BY room_sid
    ), known AS (
        SELECT *, coalesce(started_callback, started_rest) AS started_at,
               coalesce(ended_callback, ended_rest) AS reported_end FROM session
    ), presumed AS (
        SELECT *, CASE WHEN reported_end IS NULL
                        AND coalesce(started_at, begins + interval '135 min') + interval '24 h' <= clock_timestamp()
                       THEN coalesce(started_at, begins + interval '135 min') + interval '24 h' END AS lost_at FROM known
    ), connection AS (
        SELECT participant_sid, min(room_sid) AS room_sid, min(user_id) AS user_id,
               min(at) FILTER (WHERE kind = 'participant-connected') AS connected_callback,
               min(at) FILTER (WHERE kind = 'connection') AS connected_rest,
               max(at) FILTER (WHERE kind = 'participant-disconnected') AS disconnected_callback,
               max(until) FILTER (WHERE kind = 'connection') AS disconnected_rest,
               max(duration) AS duration
          FROM fact WHERE participant_sid IS NOT NULL GROUP BY participant_sid
    ), deed AS (
        SELECT min(at) FILTER (WHERE kind = 'cancel') AS cancelled_at, min(at) FILTER (WHERE kind = 'end') AS ended_at,
               min(at) FILTER (WHERE kind = 'remove') AS removed_at,
               CASE WHEN begins + interval '135 min' <= clock_timestamp() THEN begins + interval '135 min' END AS over_at
          FROM fact
    )
    SELECT jsonb_build_object(
        'status', CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled'
                       WHEN ended_at IS NOT NULL THEN 'completed'
                       WHEN (SELECT bool_or(coalesce(reported_end, lost_at) IS NULL) FROM presumed) THEN 'in-progress'
                       WHEN (SELECT count(*) FROM connection) > 0 THEN 'completed'
                       WHEN over_at IS NOT NULL THEN 'expired'
                       ELSE 'not-started' END,
        'closed_at', least(cancelled_at, ended_at, over_at), 'cancelled_at', cancelled_at, 'ended_at', ended_at,
        'participants', jsonb_build_array(
            jsonb_build_object('room_id', 'permuted', 'user_id', 'alice', 'invited_at', begins, 'removed_at', NULL),
            jsonb_build_object('room_id', 'permuted', 'user_id', 'bob', 'invited_at', begins, 'removed_at', removed_at)),
        'sessions', (SELECT jsonb_agg(jsonb_build_object(
            'room_sid', room_sid, 'room_id', 'permuted', 'started_callback', started_callback,
            'started_rest', started_rest, 'ended_callback', ended_callback, 'ended_rest', ended_rest,
            'lost_at', lost_at, 'started_at', started_at, 'ended_at', coalesce(reported_end, lost_at),
            'seen_alive_at', seen_alive_at, 'read_at', NULL, 'detached_at', NULL) ORDER BY room_sid) FROM presumed),
        'connections', (SELECT jsonb_agg(jsonb_build_object(
            'participant_sid', participant_sid, 'room_sid', room_sid, 'user_id', user_id,
            'connected_callback', connected_callback, 'connected_rest', connected_rest,
            'disconnected_callback', disconnected_callback, 'disconnected_rest', disconnected_rest,
            'duration', duration, 'connected_at', coalesce(connected_callback, connected_rest),
            'disconnected_at', coalesce(disconnected_callback, disconnected_rest)) ORDER BY participant_sid)
            FROM connection))
      FROM deed
$$;

-- What must hold of the outbox whatever the order: an open session will be ended, now if on purpose, and a removed person
-- who is connected will be put out.
CREATE FUNCTION pg_temp.neglected() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT 'no complete-room' FROM videoroom.room r
     WHERE r.room_id = 'permuted'
       AND EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = r.room_id AND s.ended_at IS NULL)
       AND NOT EXISTS (SELECT FROM videoroom.outbox o
                        WHERE o.room_id = r.room_id AND o.action = 'complete-room' AND o.dead_at IS NULL
                          AND CASE WHEN r.cancelled_at IS NULL AND r.ended_at IS NULL
                                   THEN o.run_at = r.completes_at AND o.priority = 3
                                   ELSE o.run_at <= clock_timestamp() AND o.priority = 0 END)
    UNION ALL
    SELECT 'not put out: ' || c.participant_sid
      FROM videoroom.session s
      JOIN videoroom.connection c USING (room_sid)
      JOIN videoroom.participant p USING (room_id, user_id)
     WHERE s.room_id = 'permuted' AND s.ended_at IS NULL AND c.disconnected_at IS NULL AND p.removed_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM videoroom.outbox o WHERE o.room_id = s.room_id AND o.action = 'remove-participant'
                                                        AND o.target = c.participant_sid)
$$;

CREATE FUNCTION pg_temp.check_history(begins timestamptz, orders int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE f fact; want jsonb; got jsonb; trouble text; log text;
BEGIN
    PERFORM pg_temp.draw(begins);
    FOR i IN 1 .. orders LOOP
        log := '';
        BEGIN
            PERFORM pg_temp.fresh(begins);
            FOR f IN
                -- What was done on purpose was done while the booking was on, so before anything told after it.
                SELECT x.* FROM fact x, generate_series(0, pg_temp.pick(2))
                 ORDER BY x.kind IN ('cancel', 'end') AND begins < now() - interval '135 min' DESC, random()
            LOOP
                PERFORM pg_temp.apply(f);
                log := log || format(' #%s', f.id);
            END LOOP;
            PERFORM pg_temp.apply(jsonb_populate_record(NULL::fact, '{"kind": "housekeeping"}'));
            want := pg_temp.expected(begins);
            got := pg_temp.found();
            SELECT string_agg(n, ', ') INTO trouble FROM pg_temp.neglected() n;
            RAISE EXCEPTION USING ERRCODE = 'UNDO0';
        EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
            NULL;
        END;
        IF got IS DISTINCT FROM want OR trouble IS NOT NULL THEN
            RETURN NEXT format(E'facts %s\norder%s\nexpected %s\nfound    %s\noutbox   %s',
                               (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(x)) ORDER BY x.id) FROM fact x),
                               log, want, got, trouble);
            RETURN;
        END IF;
    END LOOP;
END $$;

-- Bookings that are on, that are over, and whose sessions Twilio cannot have any more.
CREATE FUNCTION pg_temp.check_all(histories int, orders int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE seed float8 := coalesce(nullif(current_setting('test.seed', true), '')::float8, random()); trouble text; age interval;
BEGIN
    PERFORM setseed(seed);
    FOREACH age IN ARRAY ARRAY[interval '20 min', '6 h', '5 days'] LOOP
        FOR i IN 1 .. histories LOOP
            FOR trouble IN SELECT * FROM pg_temp.check_history(date_trunc('second', now()) - age, orders) LOOP
                RETURN NEXT format(E'seed %s, begun %s ago, history %s: %s', seed, age, i, trouble);
                RETURN;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT * FROM pg_temp.check_all(20, 6) AS trouble;
ROLLBACK;
