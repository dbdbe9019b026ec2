-- Cancelling and ending close a room for good, and what is open at Twilio with it.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
CREATE FUNCTION pg_temp.state(room text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', status, 'closed ' || CASE closed_at WHEN cancelled_at THEN 'when cancelled' WHEN ended_at THEN 'when ended'
                                                              WHEN closes_at THEN 'with its window' END, reason)
      FROM videoroom.room WHERE room_id = $1
$$;
CREATE FUNCTION pg_temp.calls(room text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', action, target, priority,
                                CASE WHEN run_at <= clock_timestamp() THEN 'now' ELSE 'later' END), ', ' ORDER BY action)
      FROM videoroom.outbox WHERE room_id = $1 AND dead_at IS NULL
$$;

-- A cancelled room is closed then; its calls are due at once, none is dropped.
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}') AS room \gset
SELECT pg_temp.calls(:'room');
SELECT videoroom_cancel('b', 'patient is ill');
SELECT pg_temp.state(:'room'), pg_temp.calls(:'room');
SELECT kind, detail FROM videoroom.event WHERE room_id = :'room' ORDER BY id;

-- Again has no effect, and the first reason stays.
SELECT videoroom_cancel('b', 'another');
SELECT pg_temp.state(:'room');
SELECT count(*) FROM videoroom.event WHERE room_id = :'room';

-- A reason needs not be given.
SELECT videoroom_create_booking('c', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}') AS room \gset
SELECT videoroom_cancel('c');
SELECT pg_temp.state(:'room');
SELECT pg_temp.try($$SELECT videoroom_cancel('nobody has this')$$);

-- The complete row of a call that is going on is pulled forward.
SELECT videoroom_create_booking('call', now(), now() + '1 hour', '{ann}') AS room \gset
DELETE FROM videoroom.outbox WHERE room_id = :'room';
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES ('RM' || repeat('1', 32), :'room', now());
SELECT videoroom.settle_room(:'room'), pg_temp.calls(:'room');
SELECT videoroom_cancel('call');
SELECT pg_temp.state(:'room'), pg_temp.calls(:'room');

-- Ending on purpose: completed for good.
SELECT videoroom_create_booking('end', now(), now() + '1 hour', '{ann}') AS room \gset
SELECT videoroom_end(:'room');
SELECT pg_temp.state(:'room'), pg_temp.calls(:'room');
SELECT videoroom_end(:'room'), videoroom_cancel('end');
SELECT pg_temp.state(:'room');
SELECT pg_temp.try($$SELECT videoroom_end('nobody has this')$$);

-- Of a room that is over neither has an effect but that it is closed.
SELECT videoroom_create_booking('over', now(), now() + '1 hour', '{ann}') AS room \gset
UPDATE videoroom.room SET closes_at = now() - interval '1 second' WHERE room_id = :'room';
SELECT videoroom_cancel('over', 'too late'), videoroom_end(:'room');
SELECT pg_temp.state(:'room');

-- An old room_id ends the newest room.
SELECT videoroom_create_booking('chain', now(), now() + '1 hour', '{ann}') AS first \gset
SELECT videoroom_reschedule('chain', now() + '1 second', now() + '2 hours') AS second \gset
SELECT videoroom_cancel('chain');
SELECT videoroom_create_booking('chain', now(), now() + '3 hours', '{ann}') AS third \gset
SELECT videoroom_end(:'first');
SELECT pg_temp.state(:'first'), pg_temp.state(:'second'), pg_temp.state(:'third');
ROLLBACK;
