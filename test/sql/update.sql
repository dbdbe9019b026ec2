-- Changing what a booking is while its call goes on.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}', '{"max_participants": 4, "metadata": {"ward": 7}}') AS room \gset
CREATE FUNCTION pg_temp.update(metadata jsonb DEFAULT NULL, options jsonb DEFAULT NULL, booking text DEFAULT 'b') RETURNS text LANGUAGE sql AS
    $$ SELECT pg_temp.try(format('SELECT videoroom_update(%L, %L, %L)', booking, metadata, options)) $$;
CREATE VIEW pg_temp.look AS SELECT metadata, options FROM videoroom.room;
-- Metadata replaces, options are those that change.
SELECT pg_temp.update('{"floor": 2}');
SELECT pg_temp.update(options => '{"media_region": "de1"}');
SELECT * FROM pg_temp.look;
SELECT pg_temp.update('{"floor": 3}', '{"max_participants": 5}');
SELECT * FROM pg_temp.look;
SELECT kind, detail FROM videoroom.event ORDER BY id;
-- What changes nothing says nothing.
SELECT pg_temp.update(), pg_temp.update('{"floor": 3}', '{"max_participants": 5}'), pg_temp.update(options => '{}');
SELECT count(*) FROM videoroom.event;
-- A booking as it was first is another one now; as it is now, it is this one.
SELECT regexp_replace(pg_temp.try($$SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}',
    '{"max_participants": 4, "metadata": {"ward": 7}}')$$), '[0-9a-zA-Z]{25}', 'ROOM') AS as_it_was;
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}',
    '{"max_participants": 5, "media_region": "de1", "metadata": {"floor": 3}}') = :'room' AS as_it_is;
-- The usual limits.
SELECT what, pg_temp.update(metadata, options) FROM (VALUES
    (1, 'no object', '[]'::jsonb, NULL::jsonb), (2, 'too large', jsonb_build_object('x', repeat('x', 16384)), NULL), (3, 'no object', NULL, '5'),
    (4, 'unknown', NULL, '{"colour": 1}'), (5, 'metadata among them', NULL, '{"metadata": {}}'), (6, 'out of range', NULL, '{"max_participants": 51}'),
    (7, 'null', NULL, '{"media_region": null}')) v (n, what, metadata, options) ORDER BY n;
SELECT pg_temp.update(booking => 'nobody has this');
SELECT * FROM pg_temp.look;

-- A create that was sent may have made the room: from then on Twilio's options stand, what it need not know does not.
SAVEPOINT unmade;
UPDATE videoroom.outbox SET sent_at = now();
SELECT pg_temp.update(options => '{"max_participants": 6}');
SELECT pg_temp.update('{"floor": 4}', '{"max_participants": 5}');
ROLLBACK TO unmade;
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES ('RM' || repeat('2', 32), :'room', now());
SELECT videoroom.settle_room(:'room');
SELECT pg_temp.update('{"floor": 5}', '{"max_participants": 6}');
SELECT pg_temp.update('{"floor": 5}', '{"max_participants": 5}');
SELECT metadata, options, status FROM videoroom.room;
SELECT action, priority, run_at = completes_at AS at_its_end FROM videoroom.outbox JOIN videoroom.room USING (room_id) WHERE action <> 'create-room';
-- Of a chain the newest room changes.
SELECT videoroom_reschedule('b', '2030-01-02 10:00Z', '2030-01-02 11:00Z') AS moved \gset
SELECT pg_temp.update('{"floor": 6}', '{"max_participants": 6}');
SELECT room_id = :'moved' AS newest, metadata, options ->> 'max_participants' AS max FROM videoroom.room ORDER BY starts_at;
SELECT videoroom_end(:'moved');
SELECT pg_temp.update('{"floor": 7}');
SELECT videoroom_create_booking('c', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}') IS NOT NULL AS booked;
SELECT videoroom_cancel('c');
SELECT pg_temp.update('{"floor": 7}', booking => 'c');
ROLLBACK;
