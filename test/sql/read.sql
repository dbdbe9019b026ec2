-- What can be read: videoroom_get, the two views, and how long people were there.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET TimeZone = 'UTC';
BEGIN;
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major)
VALUES (1, 1, 1, 15) ON CONFLICT DO NOTHING;

CREATE FUNCTION pg_temp.room(id text, begins timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO videoroom.room
        (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request, metadata)
    VALUES (id, 'booking of ' || id, begins, begins + '1 hour', begins - '15 min'::interval, begins + '75 min',
            begins + '2 hours', '{}', '{}', '{"colour": "blue"}')
$$;
CREATE FUNCTION pg_temp.rm(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'RM' || lpad(n::text, 32, '0') $$;
CREATE FUNCTION pg_temp.pa(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'PA' || lpad(n::text, 32, '0') $$;

-- A room that is over, long ago, so that every time is a fixed one.
SELECT pg_temp.room('past', '2020-02-03 10:00Z');
INSERT INTO videoroom.participant (room_id, user_id, removed_at) VALUES
    ('past', 'alice', NULL), ('past', 'bob', NULL), ('past', 'carol', '2020-02-03 10:30Z'), ('past', 'dave', NULL);
SELECT videoroom.record_session('past', pg_temp.rm(1), '2020-02-03 09:45:00.125Z', '2020-02-03 09:45Z',
                                '2020-02-03 10:40:00.5Z', '2020-02-03 10:40Z', '2020-02-03 10:30Z') AS first,
       videoroom.record_session('past', pg_temp.rm(2), NULL, '2020-02-03 10:45Z', NULL, '2020-02-03 11:00Z', NULL) AS second;
CREATE TEMP TABLE stay (n serial, rm int, who text, connected timestamptz, disconnected timestamptz, seconds int);
INSERT INTO stay (rm, who, connected, disconnected, seconds) VALUES
    -- alice: two overlapping, one apart, one open when its session ended: 10:00-10:20, 10:30-10:31, 10:50-11:00
    (1, 'alice', '2020-02-03 10:00Z', '2020-02-03 10:10Z', 600),
    (1, 'alice', '2020-02-03 10:05Z', '2020-02-03 10:20Z', 900),
    (1, 'alice', '2020-02-03 10:30Z', '2020-02-03 10:31Z', 60),
    (2, 'alice', '2020-02-03 10:50Z', NULL, NULL),
    -- bob: only his leaving is known, with a duration; and a stay of which nothing is known but that it was
    (1, 'bob', NULL, '2020-02-03 10:20Z', 300),
    (1, 'bob', NULL, NULL, NULL),
    -- carol, removed: clocks that disagree make no negative time
    (1, 'carol', '2020-02-03 10:00:00.900Z', '2020-02-03 10:00:00Z', 0),
    -- erin was never invited
    (2, 'erin', '2020-02-03 10:50:00.400Z', '2020-02-03 10:50:01Z', 1);
SELECT count(videoroom.record_connection(pg_temp.pa(n), pg_temp.rm(rm), who, connected, NULL, disconnected, NULL, seconds))
  FROM stay;
SELECT videoroom.settle_room('past');
SELECT jsonb_pretty(videoroom_get('past'));
SELECT room_id, status, closed_at, final, invited, removed, connected, attended, first_joined_at, no_show, metadata
  FROM videoroom_rooms WHERE room_id = 'past';
SELECT user_id, status, invited, waiting, connected_since, connected_seconds, first_joined_at, last_left_at, no_show
  FROM videoroom_participants WHERE room_id = 'past' ORDER BY user_id;
SELECT user_id FROM videoroom_participants WHERE room_id = 'past' AND no_show;

-- Refusals.
SAVEPOINT s;
SELECT videoroom_get(NULL);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT videoroom_get('nowhere');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT videoroom_get('');
ROLLBACK TO s;

-- The clock's step to expired shows before housekeeping wrote it; a call that goes on keeps the room open until it is ended.
SELECT pg_temp.room('over', now() - interval '80 min'), pg_temp.room('over-call', now() - interval '80 min'),
       pg_temp.room('over-long', now() - interval '130 min');
SELECT videoroom.record_session('over-call', pg_temp.rm(3), now() - interval '1 h', NULL, NULL, NULL, NULL),
       videoroom.record_session('over-long', pg_temp.rm(4), now() - interval '1 h', NULL, NULL, NULL, NULL);
UPDATE videoroom.room SET status = 'in-progress' WHERE room_id IN ('over-call', 'over-long');
SELECT v.room_id, r.status AS stored, v.status, v.closed_at = v.closes_at AS closed, v.final, v.no_show,
       videoroom_get(v.room_id) ->> 'status' AS got, videoroom_get(v.room_id) -> 'final' AS got_final,
       (videoroom_get(v.room_id) ->> 'closed_at')::timestamptz = v.closes_at AS got_closed
  FROM videoroom_rooms v JOIN videoroom.room r USING (room_id) WHERE v.room_id LIKE 'over%' ORDER BY 1;

-- A room with nobody in it.
SELECT pg_temp.room('empty', now() + interval '1 day');
SELECT videoroom_get('empty') - 'starts_at' - 'ends_at' - 'opens_at' - 'closes_at' AS get;

-- A live room: who is there, who waits, how long so far.
SELECT pg_temp.room('live', now() - interval '30 min');
INSERT INTO videoroom.participant (room_id, user_id) VALUES ('live', 'alice'), ('live', 'bob'), ('live', 'carol');
SELECT videoroom.record_session('live', pg_temp.rm(10), now() - interval '40 min', NULL, NULL, NULL, NULL);
SELECT videoroom.record_connection(pg_temp.pa(n), pg_temp.rm(10), who, now() - b, NULL, now() - e, NULL, NULL)
  FROM (VALUES (20, 'alice', interval '20 min', interval '10 min'), (21, 'alice', '11 min', NULL),
               (22, 'bob', '9 min', '4 min')) v (n, who, b, e);
SELECT videoroom.settle_room('live');
CREATE VIEW pg_temp.live AS
SELECT user_id, status, waiting, connected_since - now() AS since, connected_seconds BETWEEN s AND s + 60 AS seconds,
       first_joined_at - now() AS first, last_left_at - now() AS last, no_show
  FROM videoroom_participants
  JOIN (VALUES ('alice', 1200), ('bob', 300), ('carol', 0), ('zoe', 0)) v (user_id, s) USING (user_id)
 WHERE room_id = 'live' ORDER BY user_id;
SELECT * FROM pg_temp.live;
SELECT status, connected, attended, invited, final, no_show FROM videoroom_rooms WHERE room_id = 'live';
SELECT videoroom.record_connection(pg_temp.pa(23), pg_temp.rm(10), 'zoe', now(), NULL, NULL, NULL, NULL);
UPDATE videoroom.participant SET removed_at = now() WHERE room_id = 'live' AND user_id = 'bob';
SELECT * FROM pg_temp.live;
SELECT status, connected, attended, invited, removed FROM videoroom_rooms WHERE room_id = 'live';
SELECT videoroom_get('live') -> 'connected' AS connected;
-- The end of a session closes what is open in it.
SELECT videoroom.record_session('live', pg_temp.rm(10), NULL, NULL, now(), NULL, NULL), videoroom.settle_room('live');
SELECT * FROM pg_temp.live;

-- Successor, cancel and reason are shown.
SELECT pg_temp.room('old', '2020-02-03 10:00Z');
UPDATE videoroom.room SET successor = 'live', cancelled_at = '2020-02-03 09:00Z', reason = 'ill' WHERE room_id = 'old';
SELECT videoroom.settle_room('old');
SELECT status, closed_at, final, successor, reason, no_show FROM videoroom_rooms WHERE room_id = 'old';
SELECT videoroom_get('old') ->> 'successor' AS successor, videoroom_get('old') ->> 'status' AS status;

-- Views are plain SQL: none calls a function of the extension's, so no reader needs a right to one.
SELECT DISTINCT v.viewname, p.proname
  FROM pg_views v JOIN pg_rewrite w ON w.ev_class = format('%I.%I', v.schemaname, v.viewname)::regclass
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
  JOIN pg_proc p ON p.oid = d.refobjid
  JOIN pg_depend m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND m.deptype = 'e'
 WHERE v.viewname IN ('videoroom_rooms', 'videoroom_participants', 'stay');
ROLLBACK;

-- Reading writes nothing and works in a read-only transaction.
BEGIN READ ONLY;
SELECT count(*) >= 0 AS reads FROM videoroom_rooms;
SELECT count(*) >= 0 AS reads FROM videoroom_participants;
SELECT videoroom_get('nowhere');
ROLLBACK;
