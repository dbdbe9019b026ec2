-- A call that overruns its booking: until completes_at the room stays open for those who are invited.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now() - '1 hour'::interval, now() + '1 minute', '{ann,bob}') AS room \gset
DELETE FROM videoroom.outbox;
-- Its window has been over for five minutes, and it is to be ended in forty.
UPDATE videoroom.room SET starts_at = now() - '80 min'::interval, ends_at = now() - '20 min'::interval,
       closes_at = now() - '5 min'::interval, completes_at = now() + '40 min' WHERE room_id = :'room';
CREATE FUNCTION pg_temp.join(room text, person text) RETURNS text LANGUAGE sql AS
    $$ SELECT regexp_replace(pg_temp.try(format('SELECT (videoroom_join(%L, %L)).room_sid', room, person)), '0{30}', '…') $$;
CREATE VIEW pg_temp.look AS
    SELECT r.status, v.status AS shown, r.closed_at IS NOT NULL AS closed, v.closed_at = r.closes_at AS shown_closed, v.final, v.no_show,
           r.overrun_until = r.completes_at AS looks_again, p.no_show AS bobs
      FROM videoroom.room r JOIN videoroom_rooms v USING (room_id) JOIN videoroom_participants p USING (room_id) WHERE p.user_id = 'bob';
SAVEPOINT run_out;
-- Without a call it is over.
SELECT * FROM pg_temp.look;
SELECT pg_temp.join(:'room', 'ann');
SELECT pg_temp.try($$SELECT videoroom_extend('b', now() + '1 hour')$$);
SELECT videoroom.expire_rooms(10), videoroom.expire_rooms(10);
SELECT * FROM pg_temp.look;
ROLLBACK TO run_out;

-- With one it is not.
INSERT INTO videoroom.session (room_sid, room_id, started_rest, seen_alive_at)
VALUES ('RM' || lpad('1', 32, '0'), :'room', now() - '70 min'::interval, now() - '6 min'::interval);
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_rest, disconnected_rest)
VALUES ('PA' || lpad('1', 32, '0'), 'RM' || lpad('1', 32, '0'), 'ann', now() - '70 min'::interval, NULL);
SELECT videoroom.settle_room(:'room');
SELECT * FROM pg_temp.look;
-- Housekeeping does not come back to it before it is to be ended.
SELECT videoroom.expire_rooms(10), videoroom.expire_rooms(10);
SELECT pg_temp.join(:'room', 'ann'), pg_temp.join(:'room', 'bob'), pg_temp.join(:'room', 'zoe');
SELECT what, verdict FROM videoroom_explain(:'room', 'bob') WHERE what IN ('join', 'end');
SELECT regexp_replace(pg_temp.try($$SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann}')$$), '[0-9a-zA-Z]{25}', 'ROOM') AS booked_again;
SELECT videoroom_add_participants(:'room', '{cid}');
SELECT regexp_replace(pg_temp.try($$SELECT videoroom_erase('bob')$$), '[0-9a-zA-Z]{25}', 'ROOM') AS erase;
SAVEPOINT overrun;

-- Extended, it is a room like any other, and runs out again.
SELECT videoroom_extend('b', now() + '1 hour');
SELECT ends_at > now() AS later, overrun_until FROM videoroom.room;
SELECT videoroom.expire_rooms(10);
UPDATE videoroom.session SET ended_rest = now();
SELECT videoroom.settle_room(:'room');
SELECT * FROM pg_temp.look;
ROLLBACK TO overrun;

-- The last one leaves, and Twilio ends the call: then it has been closed since its window was over.
UPDATE videoroom.session SET ended_rest = now();
SELECT videoroom.settle_room(:'room');
SELECT * FROM pg_temp.look;
SELECT pg_temp.join(:'room', 'ann');
ROLLBACK TO overrun;

-- Nobody is there any more, so Twilio ends it any moment: nobody is let in, and no other call is made.
UPDATE videoroom.connection SET disconnected_rest = now() - '6 min'::interval;
SELECT pg_temp.join(:'room', 'ann');
ROLLBACK TO overrun;

-- It is to be ended now, and is over whether Twilio has ended it or not.
UPDATE videoroom.room SET completes_at = now() - '1 min'::interval, overrun_until = now() - '1 min'::interval;
SELECT * FROM pg_temp.look;
SELECT pg_temp.join(:'room', 'ann');
SELECT videoroom.expire_rooms(10), videoroom.expire_rooms(10);
SELECT * FROM pg_temp.look;
SELECT pg_temp.try($$SELECT videoroom_extend('b', now() + '1 hour')$$);
SELECT action, priority FROM videoroom.outbox;
ROLLBACK TO overrun;

-- Cancelled or ended on purpose it is over at once.
SELECT videoroom_end(:'room');
SELECT status, closed_at = closes_at AS closed_then FROM videoroom.room;
SELECT pg_temp.join(:'room', 'ann');
-- A statement that began before its window was over, and was kept waiting until after, sees that it is.
DO $$
DECLARE
    late text := videoroom_create_booking('late', now(), now() + '1 hour', '{ann}');
BEGIN
    UPDATE videoroom.room SET closes_at = clock_timestamp() WHERE room_id = late;
    PERFORM videoroom.settle_room(late);
END
$$;
SELECT closed_at = closes_at AS closed, status FROM videoroom.room WHERE booking_id = 'late';
ROLLBACK;
\set ECHO none
\i :inputs/settings_reset.psql
