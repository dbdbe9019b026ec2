-- Moving a booking: to another time with a new room, or its end alone in place.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann,bob}',
    '{"max_participants": 4, "metadata": {"ward": 7}}') AS first \gset
SELECT videoroom_add_participants(:'first', '{cid}');
SELECT videoroom_remove_participant(:'first', 'bob');

-- The old room is cancelled and the new one its successor, with the people not removed and the old options.
SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:00Z') AS second \gset
SELECT status, reason, successor = :'second' AS linked FROM videoroom.room WHERE room_id = :'first';
SELECT status, starts_at, ends_at, options ->> 'max_participants' AS max, metadata, request -> 'participants' AS people
  FROM videoroom.room WHERE room_id = :'second';
SELECT user_id FROM videoroom.participant WHERE room_id = :'second' ORDER BY 1;
SELECT kind, detail - 'successor' AS detail FROM videoroom.event WHERE room_id = :'first' ORDER BY id;

-- Asked again, NULL matching anything, it is the same room.
SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:00Z') = :'second' AS again,
       videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:00Z', '{cid,ann}') = :'second' AS same_people,
       videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:00Z', NULL,
                            '{"metadata": {"ward": 7}, "max_participants": 4}') = :'second' AS same_options;

-- With the same start the room stays, with another end, other people and other metadata; its call with it.
SAVEPOINT in_place;
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES ('RM' || repeat('2', 32), :'second', now());
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_rest)
VALUES ('PA' || repeat('2', 32), 'RM' || repeat('2', 32), 'ann', now());
SELECT videoroom.settle_room(:'second');
SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:30Z', '{cid,dee}', '{"metadata": {"ward": 8}, "max_participants": 4}') = :'second' AS kept;
SELECT status, starts_at, ends_at, closes_at - ends_at AS grace, metadata, options, request FROM videoroom.room WHERE room_id = :'second';
SELECT user_id, removed_at IS NOT NULL AS out FROM videoroom.participant WHERE room_id = :'second' ORDER BY 1;
SELECT action, target, priority, run_at = r.completes_at AS at_its_end
  FROM videoroom.outbox JOIN videoroom.room r USING (room_id) WHERE room_id = :'second' ORDER BY action COLLATE "C", target COLLATE "C";
SELECT kind, detail FROM videoroom.event WHERE room_id = :'second' ORDER BY id;
SELECT count(*) AS events FROM videoroom.event WHERE room_id = :'second' \gset
-- A thousand others take the place of those who were there.
SAVEPOINT many;
SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:30Z', ARRAY(SELECT 'u' || n FROM generate_series(1, 1000) n)) = :'second' AS many;
SELECT count(*) FILTER (WHERE removed_at IS NULL) AS invited, count(*) FILTER (WHERE removed_at IS NOT NULL) AS out FROM videoroom.participant WHERE room_id = :'second';
ROLLBACK TO many;
-- Again it has no effect; NULL keeps the people.
SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:30Z', '{cid,dee}', '{"metadata": {"ward": 8}, "max_participants": 4}') = :'second' AS again,
       videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:30Z') = :'second' AS once_more;
SELECT count(*) - :events AS more_events FROM videoroom.event WHERE room_id = :'second';
SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:15Z') = :'second' AS shorter;
SELECT ends_at, request FROM videoroom.room WHERE room_id = :'second';
-- A booking as it was first is another one now.
SELECT regexp_replace(pg_temp.try($$SELECT videoroom_create_booking('b', '2030-01-02 10:00Z', '2030-01-02 11:00Z', '{ann,cid}',
    '{"max_participants": 4, "metadata": {"ward": 7}}')$$), '[0-9a-zA-Z]{25}', 'ROOM') AS as_it_was;
SELECT pg_temp.try($$SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-04 11:00Z')$$);
ROLLBACK TO in_place;

-- Another start, or an option that Twilio fixes when it makes the room, takes another room.
SELECT videoroom_reschedule('b', '2030-01-02 10:01Z', '2030-01-02 11:00Z', '{dee}') AS third \gset
SELECT videoroom_reschedule('b', '2030-01-02 10:01Z', '2030-01-02 11:00Z', NULL, '{}') AS fourth \gset
SELECT :'third' <> :'second' AS another, :'fourth' <> :'third' AS and_another;
SELECT p.user_id, r.options ->> 'max_participants' AS max, r.metadata
  FROM videoroom.room r JOIN videoroom.participant p USING (room_id) WHERE room_id = :'fourth';
SELECT pg_temp.try($$SELECT videoroom_reschedule('nobody has this', now(), now() + '1 hour')$$);

-- An ended, an expired or a cancelled room keeps its status and gets a successor.
SELECT videoroom_end(:'fourth');
SELECT videoroom_reschedule('b', '2030-01-03 10:00Z', '2030-01-03 11:00Z') AS fifth \gset
SELECT status, reason, successor = :'fifth' AS linked FROM videoroom.room WHERE room_id = :'fourth';
UPDATE videoroom.room SET closes_at = now() - interval '1 second' WHERE room_id = :'fifth';
SELECT videoroom_reschedule('b', '2030-01-03 10:00Z', '2030-01-03 11:00Z') AS sixth \gset
SELECT status, reason, successor = :'sixth' AS linked FROM videoroom.room WHERE room_id = :'fifth';
SELECT videoroom_cancel('b', 'ill');
SELECT videoroom_reschedule('b', '2030-01-03 10:00Z', '2030-01-03 11:00Z') AS seventh \gset
SELECT status, reason, successor = :'seventh' AS linked FROM videoroom.room WHERE room_id = :'sixth';

-- Which room is the latest does not hang on the clock, which may have been set back between them.
SAVEPOINT clock;
UPDATE videoroom.room SET created_at = created_at - interval '1 year' WHERE room_id = :'seventh';
SELECT videoroom_reschedule('b', '2030-01-03 10:00Z', '2030-01-03 11:00Z') = :'seventh' AS the_open_one;
SELECT videoroom_cancel('b');
SELECT videoroom_reschedule('b', '2030-01-05 10:00Z', '2030-01-05 11:00Z') AS eighth \gset
SELECT successor = :'eighth' AS linked FROM videoroom.room WHERE room_id = :'seventh';
ROLLBACK TO clock;

-- Without anybody left there is nobody to keep.
SELECT videoroom_remove_participant(:'seventh', 'dee');
SELECT pg_temp.try($$SELECT videoroom_reschedule('b', '2030-01-04 10:00Z', '2030-01-04 11:00Z')$$);
SELECT status FROM videoroom.room WHERE room_id = :'seventh';

-- However often a booking was moved, its first room_id means the newest room.
SELECT videoroom_create_booking('moved', '2030-01-05 10:00Z', '2030-01-05 11:00Z', '{ann}') AS newest \gset
INSERT INTO videoroom.room (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request,
                            successor, status, cancelled_at, closed_at)
SELECT 'move-' || n, 'moved', starts_at, ends_at, opens_at, closes_at, completes_at, options, request,
       CASE WHEN n < 1500 THEN 'move-' || n + 1 ELSE room_id END, 'cancelled', now(), now()
  FROM videoroom.room, generate_series(1, 1500) n WHERE room_id = :'newest';
SELECT videoroom_add_participants('move-1', '{bob}');
SELECT user_id FROM videoroom.participant WHERE room_id = :'newest' ORDER BY 1;
SELECT pg_temp.try($$SELECT videoroom_join('move-1', 'bob')$$);

-- Extend moves the end in place, later or earlier, and with it the moment when a call is ended.
SELECT videoroom_create_booking('x', now(), now() + '1 hour', '{ann}') AS room \gset
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES ('RM' || repeat('1', 32), :'room', now());
SELECT videoroom.settle_room(:'room');
CREATE FUNCTION pg_temp.ends(room text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(', ', r.ends_at - now(), r.closes_at - now(), r.completes_at - now(), o.run_at - now())
      FROM videoroom.room r JOIN videoroom.outbox o ON o.room_id = r.room_id AND o.action = 'complete-room'
     WHERE r.room_id = $1
$$;
SELECT pg_temp.ends(:'room');
SELECT videoroom_extend('x', now() + '2 hours');
SELECT pg_temp.ends(:'room');
SELECT videoroom_extend('x', now() + '30 minutes');
SELECT pg_temp.ends(:'room');
SELECT videoroom_extend('x', now() + '30 minutes');
SELECT kind FROM videoroom.event WHERE room_id = :'room' ORDER BY id;
SELECT pg_temp.try($$SELECT videoroom_extend('nobody has this', now() + '1 hour')$$);
SELECT videoroom_cancel('x');
SELECT pg_temp.try($$SELECT videoroom_extend('x', now() + '1 hour')$$);
SELECT videoroom_create_booking('y', now(), now() + '1 hour', '{ann}') AS room \gset
UPDATE videoroom.room SET closes_at = now() - interval '1 second' WHERE room_id = :'room';
SELECT pg_temp.try($$SELECT videoroom_extend('y', now() + '1 hour')$$);
ROLLBACK;
