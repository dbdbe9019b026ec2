-- How facts are merged, what status follows from them, and what is then asked of Twilio.
\set VERBOSITY terse
SET client_min_messages = warning;

-- A change of status stays on its page (HOT), whatever is indexed.
BEGIN;
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major)
VALUES (1, 1, 1, 15) ON CONFLICT DO NOTHING;
INSERT INTO videoroom.room (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
VALUES ('hot', 'hot', now(), now() + '1 h', now(), now() + '2 h', now() + '2 h', '{}', '{}');
SELECT videoroom.record_session('hot', 'RM00000000000000000000000000000001', now(), NULL, NULL, NULL, NULL);
SELECT videoroom.settle_room('hot');
SELECT pg_stat_get_xact_tuples_updated('videoroom.room'::regclass) AS updates,
       pg_stat_get_xact_tuples_hot_updated('videoroom.room'::regclass) AS hot;
ROLLBACK;

BEGIN;
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major)
VALUES (1, 1, 1, 15) ON CONFLICT DO NOTHING;

-- A room whose booking is on, coming or over.
CREATE FUNCTION pg_temp.room(id text, timing text DEFAULT 'on') RETURNS void LANGUAGE sql AS $$
    INSERT INTO videoroom.room
        (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
    SELECT id, 'booking of ' || id, t, t + '1 hour', t - '15 min'::interval, t + '75 min', t + '2 hours', '{}', '{}'
      FROM (SELECT now() + CASE timing WHEN 'coming' THEN '1 day' WHEN 'over' THEN '-1 day'
                                       ELSE '-20 min' END::interval) x (t);
$$;
CREATE FUNCTION pg_temp.rm(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'RM' || lpad(n::text, 32, '0') $$;
CREATE FUNCTION pg_temp.pa(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'PA' || lpad(n::text, 32, '0') $$;
CREATE FUNCTION pg_temp.at(seconds numeric) RETURNS timestamptz LANGUAGE sql AS
    $$ SELECT date_trunc('minute', now()) + interval '1 day' + seconds * interval '1 second' $$;
CREATE FUNCTION pg_temp.cb(event text, room text, session int, stay int DEFAULT NULL, person text DEFAULT NULL,
                           seconds numeric DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT videoroom_apply_callback(jsonb_strip_nulls(jsonb_build_object(
        'StatusCallbackEvent', event, 'RoomName', room, 'RoomSid', pg_temp.rm(session),
        'ParticipantSid', pg_temp.pa(stay), 'ParticipantIdentity', person,
        'Timestamp', to_char(pg_temp.at(seconds) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'ParticipantDuration', CASE WHEN event LIKE '%disconnected' THEN '60' END)))
$$;
CREATE FUNCTION pg_temp.secs(t timestamptz) RETURNS numeric LANGUAGE sql AS
    $$ SELECT trim_scale(round(extract(epoch FROM t - pg_temp.at(0)), 3)) $$;

-- A session's starts merge by min, its ends by max, and NULL says nothing.
SELECT pg_temp.room('merge');
CREATE TEMP TABLE fact (n serial, what text, a numeric, b numeric, c numeric, d numeric, e numeric, f int);
INSERT INTO fact (what, a, b, c, d, e) VALUES
    ('first seen',                   NULL, 5, NULL, NULL, 5),
    ('alive later',                  NULL, NULL, NULL, NULL, 9),
    ('alive earlier',                NULL, NULL, NULL, NULL, 7),
    ('start again',                  NULL, 5, NULL, NULL, NULL),
    ('answer: earlier start',        NULL, 4, NULL, NULL, NULL),
    ('answer: later start',          NULL, 6, NULL, NULL, NULL),
    ('callback''s start goes first', 5.25, NULL, NULL, NULL, NULL),
    ('answer no longer counts',      NULL, 3, NULL, NULL, NULL),
    ('nothing at all',               NULL, NULL, NULL, NULL, NULL),
    ('answer: end',                  NULL, NULL, NULL, 90, NULL),
    ('answer: later end',            NULL, NULL, NULL, 91, NULL),
    ('answer: earlier end',          NULL, NULL, NULL, 80, NULL),
    ('callback''s end goes first',   NULL, NULL, 90.5, NULL, NULL),
    ('callback: later end',          NULL, NULL, 90.75, NULL, NULL),
    ('callback: earlier end',        NULL, NULL, 60, NULL, NULL);
CREATE FUNCTION pg_temp.tell_session(OUT what text, OUT new boolean, OUT started numeric, OUT ended numeric,
                                     OUT alive numeric) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE x fact;
BEGIN
    FOR x IN SELECT * FROM fact ORDER BY n LOOP
        what := x.what;
        new := videoroom.record_session('merge', pg_temp.rm(1), pg_temp.at(x.a), pg_temp.at(x.b), pg_temp.at(x.c),
                                        pg_temp.at(x.d), pg_temp.at(x.e));
        SELECT pg_temp.secs(s.started_at), pg_temp.secs(s.ended_at), pg_temp.secs(s.seen_alive_at)
          INTO started, ended, alive FROM videoroom.session s WHERE s.room_sid = pg_temp.rm(1);
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM pg_temp.tell_session();

-- A connection's merge alike.
TRUNCATE fact RESTART IDENTITY;
INSERT INTO fact (what, a, b, c, d, f) VALUES
    ('existence only',               NULL, NULL, NULL, NULL, NULL),
    ('again',                        NULL, NULL, NULL, NULL, NULL),
    ('answer: start',                NULL, 10, NULL, NULL, NULL),
    ('callback''s start goes first', 10.5, NULL, NULL, NULL, NULL),
    ('callback: earlier start',      10.25, NULL, NULL, NULL, NULL),
    ('answer: end and duration',     NULL, 10, NULL, 40, 30),
    ('shorter duration',             NULL, NULL, NULL, NULL, 29),
    ('callback''s end goes first',   NULL, NULL, 39.75, NULL, 30),
    ('callback: earlier end',        NULL, NULL, 39, NULL, NULL);
CREATE FUNCTION pg_temp.tell_connection(OUT what text, OUT new boolean, OUT connected numeric, OUT disconnected numeric,
                                        OUT duration int) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE x fact;
BEGIN
    FOR x IN SELECT * FROM fact ORDER BY n LOOP
        what := x.what;
        new := videoroom.record_connection(pg_temp.pa(1), pg_temp.rm(1), 'alice', pg_temp.at(x.a), pg_temp.at(x.b),
                                           pg_temp.at(x.c), pg_temp.at(x.d), x.f);
        SELECT pg_temp.secs(c.connected_at), pg_temp.secs(c.disconnected_at), c.duration
          INTO connected, disconnected, duration
          FROM videoroom.connection c WHERE c.participant_sid = pg_temp.pa(1);
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM pg_temp.tell_connection();

-- A sid stays with the room, session and person it was first seen with.
SELECT pg_temp.room('other');
SELECT videoroom.record_session('other', pg_temp.rm(1), pg_temp.at(0), NULL, NULL, NULL, NULL) AS taken,
       videoroom.record_session('other', pg_temp.rm(2), NULL, NULL, NULL, NULL, pg_temp.at(0)) AS own,
       videoroom.record_connection(pg_temp.pa(1), pg_temp.rm(2), 'alice', pg_temp.at(0), NULL, NULL, NULL, NULL)
           AS taken_stay;
SELECT videoroom.record_connection(pg_temp.pa(1), pg_temp.rm(1), 'mallory', NULL, NULL, NULL, NULL, 31) AS new,
       (SELECT user_id FROM videoroom.connection WHERE participant_sid = pg_temp.pa(1));

-- Status: every combination of what can be known, the first rule that holds.
CREATE FUNCTION pg_temp.status_of(cancelled boolean, ended boolean, sessions text, came boolean, timing text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    PERFORM pg_temp.room('status', timing);
    IF sessions <> 'none' THEN
        PERFORM videoroom.record_session('status', pg_temp.rm(9), pg_temp.at(0), NULL,
                                         CASE sessions WHEN 'ended' THEN pg_temp.at(9) END, NULL, NULL);
        IF came THEN
            PERFORM videoroom.record_connection(pg_temp.pa(9), pg_temp.rm(9), 'alice', pg_temp.at(1), NULL, NULL,
                                                NULL, NULL);
        END IF;
    END IF;
    UPDATE videoroom.room SET cancelled_at = CASE WHEN cancelled THEN clock_timestamp() END,
                              ended_at = CASE WHEN ended THEN clock_timestamp() END
     WHERE room_id = 'status';
    answer := videoroom.settle_room('status');
    IF answer <> (SELECT status FROM videoroom.room WHERE room_id = 'status') THEN
        RAISE 'the stored status differs';
    END IF;
    DELETE FROM videoroom.event WHERE room_id = 'status';
    DELETE FROM videoroom.outbox WHERE room_id = 'status';
    DELETE FROM videoroom.connection WHERE participant_sid = pg_temp.pa(9);
    DELETE FROM videoroom.session WHERE room_id = 'status';
    DELETE FROM videoroom.room WHERE room_id = 'status';
    RETURN answer;
END $$;
SELECT cancelled, ended, sessions, came,
       pg_temp.status_of(cancelled, ended, sessions, came, 'coming') AS coming,
       pg_temp.status_of(cancelled, ended, sessions, came, 'on') AS "on",
       pg_temp.status_of(cancelled, ended, sessions, came, 'over') AS over
  FROM (VALUES (false), (true)) a (cancelled), (VALUES (false), (true)) b (ended),
       (VALUES (1, 'none'), (2, 'ended'), (3, 'open')) c (o, sessions), (VALUES (false), (true)) d (came)
 WHERE NOT (sessions = 'none' AND came)
 ORDER BY cancelled, ended, o, came;

-- Closing: once, at the least of the three moments; a late fact moves neither it nor what was done on purpose.
SELECT pg_temp.room('close');
UPDATE videoroom.room SET cancelled_at = starts_at WHERE room_id = 'close';
SELECT videoroom.settle_room('close');
UPDATE videoroom.room SET ended_at = starts_at - interval '1 min' WHERE room_id = 'close';
SELECT videoroom.settle_room('close');
SELECT pg_temp.cb('room-created', 'close', 10), pg_temp.cb('participant-connected', 'close', 10, 10, 'alice', 1);
SELECT status, closed_at = starts_at AS closed_when_cancelled FROM videoroom.room WHERE room_id = 'close';
SELECT pg_temp.room('close-over', 'over');
SELECT videoroom.settle_room('close-over');
SELECT pg_temp.cb('participant-connected', 'close-over', 11, 11, 'alice', 1);
SELECT status, closed_at = closes_at AS closed_when_over FROM videoroom.room WHERE room_id = 'close-over';
SELECT pg_temp.cb('room-ended', 'close-over', 11, NULL, NULL, 100);
SELECT status FROM videoroom.room WHERE room_id = 'close-over';
SELECT kind, detail - 'at' - 'room_sid' - 'participant_sid' AS detail FROM videoroom.event
 WHERE room_id IN ('close', 'close-over') ORDER BY id;
SELECT videoroom.settle_room('nowhere') IS NULL AS unknown_room;

-- Callbacks: which events say what, in either spelling; a repeat is a duplicate.
SELECT pg_temp.room('events');
SELECT event, pg_temp.cb(event, 'events', 20, 20, 'alice', seconds) AS first,
       pg_temp.cb(event, 'events', 20, 20, 'alice', seconds) AS again
  FROM (VALUES ('track-added', 3), ('track_enabled', 4), ('participant_connected', 2), ('room-created', 1),
               ('track-disabled', 5), ('track-removed', 6), ('participant-disconnected', 62), ('room_ended', 70),
               ('recording-started', 5), ('composition-available', 5), ('room-renamed', 5)) e (event, seconds);
SELECT pg_temp.secs(s.started_callback) AS started, pg_temp.secs(s.ended_callback) AS ended,
       pg_temp.secs(s.seen_alive_at) AS alive, c.user_id, pg_temp.secs(c.connected_callback) AS connected,
       pg_temp.secs(c.disconnected_callback) AS disconnected, c.duration
  FROM videoroom.session s JOIN videoroom.connection c USING (room_sid) WHERE s.room_id = 'events';
SELECT count(*) FILTER (WHERE kind = 'callback') AS callback_events FROM videoroom.event WHERE room_id = 'events';

-- What is not ours, or says too little, is ignored and leaves nothing.
SELECT pg_temp.cb('room-created', 'nobody''s', 30) AS not_ours,
       pg_temp.cb('participant-connected', 'events', 20, NULL, 'alice') AS no_sid,
       pg_temp.cb('participant-connected', 'events', 20, 31) AS no_identity,
       pg_temp.cb('room-created', 'merge', 20) AS session_of_another_room,
       pg_temp.cb('participant-connected', 'merge', 20, 32, 'alice') AS stay_in_another_room,
       videoroom_apply_callback('{"StatusCallbackEvent": "room-created", "RoomName": "events"}') AS no_room_sid,
       videoroom_apply_callback('{"RoomName": "events"}') AS no_event,
       videoroom_apply_callback('{}') AS empty,
       videoroom_apply_callback(NULL) AS nothing;
SELECT count(*) FROM videoroom.connection WHERE participant_sid IN (pg_temp.pa(31), pg_temp.pa(32));
SAVEPOINT bad;
SELECT videoroom_apply_callback('{"StatusCallbackEvent": "room-created", "RoomName": "events", "RoomSid": "RM1",
    "Timestamp": "2030-01-01T10:00:00.000Z"}');
ROLLBACK TO bad;
SELECT videoroom_apply_callback(jsonb_build_object('StatusCallbackEvent', 'room-created', 'RoomName', 'events',
    'RoomSid', 'RM' || repeat('/', 32), 'Timestamp', '2030-01-01T10:00:00.000Z'));
ROLLBACK TO bad;
SELECT videoroom_apply_callback(jsonb_build_object('StatusCallbackEvent', 'participant-connected', 'RoomName', 'events',
    'RoomSid', pg_temp.rm(20), 'ParticipantSid', 'identity/' || repeat('x', 25), 'ParticipantIdentity', 'alice',
    'Timestamp', '2030-01-01T10:00:00.000Z'));
ROLLBACK TO bad;

-- Nine digits of a second, or none, are understood.
SELECT videoroom_apply_callback(jsonb_build_object('StatusCallbackEvent', 'room-created', 'RoomName', 'events',
    'RoomSid', pg_temp.rm(n), 'Timestamp', t)) FROM (VALUES (21, '2030-01-01T10:00:00Z'),
    (22, '2030-01-01T10:00:00.123456789Z')) v (n, t);
SELECT started_at AT TIME ZONE 'UTC' FROM videoroom.session WHERE room_sid IN (pg_temp.rm(21), pg_temp.rm(22)) ORDER BY 1;

-- Enqueueing again only makes a call due earlier and more urgent; a dead row does not stand in the way.
CREATE VIEW pg_temp.todo AS
SELECT o.room_id, o.action, o.target, o.priority,
       CASE WHEN o.run_at = r.completes_at THEN 'completes_at' WHEN o.run_at <= clock_timestamp() THEN 'now'
            ELSE 'later' END AS due, o.dead_at IS NOT NULL AS dead
  FROM videoroom.outbox o JOIN videoroom.room r USING (room_id) ORDER BY o.id;
SELECT pg_temp.room('queue', 'coming');
SELECT videoroom.enqueue('queue', 'create-room', '', 2, now() + interval '1 h');
SELECT videoroom.enqueue('queue', 'create-room', '', 3, now() + interval '2 h');
SELECT priority, run_at = now() + interval '1 h' AS unmoved FROM videoroom.outbox WHERE room_id = 'queue';
SELECT videoroom.enqueue('queue', 'create-room', '', 3, now());
SELECT videoroom.enqueue('queue', 'create-room', '', 1, now() + interval '3 h');
SELECT priority, run_at = now() AS pulled FROM videoroom.outbox WHERE room_id = 'queue';
UPDATE videoroom.outbox SET dead_at = now() WHERE room_id = 'queue';
SELECT videoroom.enqueue('queue', 'create-room', '', 2, now());
SELECT * FROM pg_temp.todo WHERE room_id = 'queue';

-- An open session will be ended: when the call may not go on, or now if the room was closed on purpose.
SELECT pg_temp.room('end');
SELECT pg_temp.cb('room-created', 'end', 40);
SELECT * FROM pg_temp.todo WHERE room_id = 'end';
UPDATE videoroom.room SET ended_at = clock_timestamp() WHERE room_id = 'end';
SELECT videoroom.settle_room('end');
SELECT * FROM pg_temp.todo WHERE room_id = 'end';

-- A call that is backing off, or was given up, is not asked for again by each fact; what is new since then is.
UPDATE videoroom.outbox SET attempts = 1, run_at = now() + interval '1 h' WHERE room_id = 'end';
SELECT videoroom.settle_room('end');
SELECT * FROM pg_temp.todo WHERE room_id = 'end';
UPDATE videoroom.outbox SET dead_at = pg_temp.at(5) WHERE room_id = 'end';
SELECT videoroom.settle_room('end');
SELECT * FROM pg_temp.todo WHERE room_id = 'end';
SELECT pg_temp.cb('room-created', 'end', 41, NULL, NULL, 6);
SELECT * FROM pg_temp.todo WHERE room_id = 'end';

-- A housekeeping end that is backing off is pulled forward by a cancel.
SELECT pg_temp.room('urgent');
SELECT pg_temp.cb('room-created', 'urgent', 42);
UPDATE videoroom.outbox SET attempts = 1, run_at = now() + interval '1 h' WHERE room_id = 'urgent';
UPDATE videoroom.room SET cancelled_at = clock_timestamp() WHERE room_id = 'urgent';
SELECT videoroom.settle_room('urgent');
SELECT * FROM pg_temp.todo WHERE room_id = 'urgent';

-- An over room's session may go on to completes_at.
SELECT pg_temp.room('goes-on', 'over');
SELECT pg_temp.cb('room-created', 'goes-on', 43);
SELECT * FROM pg_temp.todo WHERE room_id = 'goes-on';

-- A removed person is put out, also one who walks back in; nobody else is.
SELECT pg_temp.room('out');
INSERT INTO videoroom.participant (room_id, user_id, removed_at)
VALUES ('out', 'alice', pg_temp.at(0)), ('out', 'bob', NULL);
SELECT pg_temp.cb('participant-connected', 'out', 50, 50, 'alice', 1),
       pg_temp.cb('participant-connected', 'out', 50, 51, 'bob', 1),
       pg_temp.cb('participant-connected', 'out', 50, 52, 'carol', 1);
SELECT action, right(target, 2) AS target, priority, due, dead FROM pg_temp.todo WHERE room_id = 'out';
UPDATE videoroom.outbox SET dead_at = pg_temp.at(9) WHERE room_id = 'out' AND action = 'remove-participant';
SELECT pg_temp.cb('track-added', 'out', 50, 50, 'alice', 10), pg_temp.cb('participant-connected', 'out', 50, 53, 'alice', 11);
SELECT action, right(target, 2) AS target, priority, due, dead FROM pg_temp.todo WHERE room_id = 'out';

-- Made again: only when the last session ended unattended, the booking is on, and nothing stands in the queue.
SELECT pg_temp.room('again-' || timing, timing) FROM unnest(ARRAY['on', 'coming', 'over']) timing;
SELECT pg_temp.room('again-attended'), pg_temp.room('again-cancelled'), pg_temp.room('again-dead'),
       pg_temp.room('again-never');
UPDATE videoroom.room SET cancelled_at = clock_timestamp() WHERE room_id = 'again-cancelled';
SELECT videoroom.enqueue('again-dead', 'create-room', '', 2, now());
UPDATE videoroom.outbox SET dead_at = now() WHERE room_id = 'again-dead';
SELECT pg_temp.cb('participant-connected', 'again-attended', 65, 65, 'alice');
SELECT videoroom.settle_room('again-never');
SELECT room_id, videoroom.record_session(room_id, pg_temp.rm(n), clock_timestamp(), NULL, clock_timestamp(), NULL, NULL),
       videoroom.settle_room(room_id)
  FROM (VALUES ('again-on', 60), ('again-coming', 61), ('again-over', 62), ('again-cancelled', 63), ('again-dead', 64),
               ('again-attended', 65)) v (room_id, n);
SELECT o.room_id, o.priority, o.run_at = s.started_at + interval '5 min' AS five_minutes_after_start,
       o.dead_at IS NOT NULL AS dead
  FROM videoroom.outbox o LEFT JOIN videoroom.session s USING (room_id)
 WHERE o.room_id LIKE 'again%' AND o.action = 'create-room' ORDER BY o.room_id;

-- Where nobody told its start, from when it was last known to be.
SELECT pg_temp.room('again-undated', 'on');
SELECT videoroom.record_session('again-undated', pg_temp.rm(66), NULL, NULL, NULL, clock_timestamp(), clock_timestamp()),
       videoroom.settle_room('again-undated');
SELECT o.run_at = s.seen_alive_at + interval '5 min' AS five_minutes_after_that
  FROM videoroom.outbox o JOIN videoroom.session s USING (room_id) WHERE o.room_id = 'again-undated';

-- Who connected in the newest session makes it attended, not in an older one.
SELECT pg_temp.room('twice');
SELECT pg_temp.cb('participant-connected', 'twice', 70, 70, 'alice', -9000),
       pg_temp.cb('room-created', 'twice', 70, NULL, NULL, -9001), pg_temp.cb('room-ended', 'twice', 70, NULL, NULL, -8000);
SELECT count(*) FROM videoroom.outbox WHERE room_id = 'twice' AND action = 'create-room';
SELECT pg_temp.cb('room-created', 'twice', 71, NULL, NULL, -7000), pg_temp.cb('room-ended', 'twice', 71, NULL, NULL, -5000);
SELECT count(*) FROM videoroom.outbox WHERE room_id = 'twice' AND action = 'create-room';

-- That a session is alive says nothing else of it: a later moment is noted, and stays on its page (HOT).
SELECT pg_temp.room('alive'), pg_temp.room('alive-elsewhere');
SELECT pg_temp.cb('room-created', 'alive', 80), pg_temp.cb('participant-connected', 'alive-elsewhere', 81, 81, 'alice');
CREATE FUNCTION pg_temp.alive(room text, n integer, t integer, OUT is_new boolean, OUT is_open boolean) LANGUAGE sql AS
    $$ SELECT * FROM videoroom.merge_session(room, pg_temp.rm(n), NULL, NULL, NULL, NULL, pg_temp.at(t)) $$;
SELECT pg_stat_get_xact_tuples_hot_updated('videoroom.session'::regclass) AS hot \gset
SELECT what, (pg_temp.alive(room, n, t)).*
  FROM (VALUES (1, 'later', 'alive', 80, 5), (2, 'earlier', 'alive', 80, 4), (3, 'another room''s', 'alive', 81, 5))
       v (place, what, room, n, t) ORDER BY place;
SELECT pg_stat_get_xact_tuples_hot_updated('videoroom.session'::regclass) - :hot AS hot;
SELECT right(room_sid, 2) AS session, pg_temp.secs(seen_alive_at) AS alive FROM videoroom.session
 WHERE room_sid IN (pg_temp.rm(80), pg_temp.rm(81)) ORDER BY 1;
UPDATE videoroom.session SET ended_rest = pg_temp.at(9) WHERE room_sid = pg_temp.rm(80);
SELECT 'ended' AS what, * FROM pg_temp.alive('alive', 80, 6);
UPDATE videoroom.session SET lost_at = pg_temp.at(9) WHERE room_sid = pg_temp.rm(81);
SELECT 'lost' AS what, is_open FROM pg_temp.alive('alive-elsewhere', 81, 7);

ROLLBACK;
