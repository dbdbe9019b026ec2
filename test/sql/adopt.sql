-- A copy of another cluster's rooms works once somebody says whether it takes the original's place or stands beside it.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
CREATE FUNCTION pg_temp.home() RETURNS text LANGUAGE sql AS
    $$ SELECT detail FROM videoroom_health() WHERE name = 'home' $$;
CREATE FUNCTION pg_temp.book() RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.try($q$SELECT length(videoroom_create_booking('new', now(), now() + '1 hour', '{ann}'))$q$)
$$;
CREATE FUNCTION pg_temp.sid(kind text, n int) RETURNS text LANGUAGE sql AS $$ SELECT kind || lpad(to_hex(n), 32, '0') $$;
BEGIN;
TRUNCATE videoroom.home CASCADE;
-- With no booking there is nothing to adopt.
SELECT videoroom_adopt(true);
SELECT count(*) FROM videoroom.home;

-- A room with somebody in it, one that was left, one that ended before, and one of a cancelled booking that is still to be ended.
SELECT videoroom_create_booking(name, now() - '10 min'::interval, now() + '1 hour', '{ann}')
  FROM unnest('{live,left,ended,cancelled}'::text[]) AS name \g (format=unaligned tuples_only) /dev/null
INSERT INTO videoroom.session (room_sid, room_id, started_rest, ended_rest)
SELECT pg_temp.sid('RM', n::int), room_id, now() - '5 min'::interval, CASE WHEN booking_id = 'ended' THEN now() END
  FROM videoroom.room, unnest('{live,left,ended,cancelled}'::text[]) WITH ORDINALITY AS v (name, n) WHERE booking_id = name;
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_rest)
SELECT pg_temp.sid('PA', 1), pg_temp.sid('RM', 1), 'ann', now();
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_rest, disconnected_rest)
SELECT pg_temp.sid('PA', 2), pg_temp.sid('RM', 2), 'ann', now() - '4 min'::interval, now();
SELECT count(videoroom.settle_room(room_id)) FROM videoroom.room;
SELECT videoroom_cancel('cancelled');
UPDATE videoroom.home SET system_identifier = 1;
SAVEPOINT copied;
SELECT pg_temp.home();
SELECT left(pg_temp.book(), 45) AS book;

-- In the original's place: all is as it was.
SELECT videoroom_adopt(true);
SELECT pg_temp.home();
SELECT pg_temp.book();
SELECT booking_id, status FROM videoroom.room WHERE booking_id <> 'new' ORDER BY booking_id COLLATE "C";
SELECT count(*) AS sessions, count(ended_at) AS ended FROM videoroom.session;
SELECT booking_id, action FROM videoroom.outbox JOIN videoroom.room USING (room_id)
 WHERE booking_id <> 'new' ORDER BY booking_id COLLATE "C", action COLLATE "C";
SELECT let_go_at FROM videoroom.home;
-- Again it has no effect.
SELECT videoroom_adopt(true);
ROLLBACK TO copied;

-- Beside the original: nothing is left to do, and nobody is in a room.
SELECT videoroom_adopt(false);
SELECT let_go_at > adopted_at - '1 second'::interval AS let_go FROM videoroom.home;
SELECT pg_temp.home();
SELECT booking_id, status FROM videoroom.room ORDER BY booking_id COLLATE "C";
SELECT count(*) AS sessions, count(ended_at) AS ended FROM videoroom.session;
SELECT count(*) AS calls FROM videoroom.outbox;
SELECT booking_id, detail ->> 'room_sid' AS room_sid FROM videoroom.event JOIN videoroom.room USING (room_id)
 WHERE kind = 'detached' ORDER BY detail ->> 'room_sid' COLLATE "C";
SELECT pg_temp.book();
-- While no worker is at it, a physical clone can let go of what looks like its own.
SELECT videoroom_adopt(false);
SELECT count(*) AS calls FROM videoroom.outbox;
SELECT pg_temp.try('SELECT videoroom_adopt(NULL)');
-- Logical replication copies rows and no sequences.
SELECT setval('videoroom.event_id_seq', (SELECT min(id) FROM videoroom.event), false) > 0 AS set;
SELECT pg_temp.home();
SELECT left(pg_temp.try($$SELECT videoroom_create_booking('after', now(), now() + '1 hour', '{ann}')$$), 5) AS book;
SELECT videoroom_adopt(true);
SELECT pg_temp.home();
SELECT pg_temp.try($$SELECT length(videoroom_create_booking('after', now(), now() + '1 hour', '{ann}'))$$);
ROLLBACK;
