-- A booking is a room, its people and the call that will make its session.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;

-- The first booking makes the rooms this database's.
SELECT count(*) FROM videoroom.home;
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{bob,ann}') AS room \gset
SELECT database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
       table_oid = 'videoroom.home'::regclass AS "table",
       system_identifier = (SELECT system_identifier FROM pg_control_system()) AS cluster,
       server_major = current_setting('server_version_num')::int / 10000 AS major
  FROM videoroom.home;

-- What is stored: windows by the settings, options complete, the request to tell a repeat from another.
SELECT length(room_id), room_id ~ '^[0-9a-f]{3}[0-9A-Za-z]{22}$' AS shape, booking_id, status, starts_at, ends_at,
       opens_at, closes_at, completes_at, closed_at, successor
  FROM videoroom.room WHERE room_id = :'room';
SELECT options, metadata, request FROM videoroom.room WHERE room_id = :'room';
SELECT user_id, removed_at FROM videoroom.participant WHERE room_id = :'room' ORDER BY user_id;
SELECT action, target, priority, params, run_at, attempts FROM videoroom.outbox WHERE room_id = :'room';
SELECT kind, detail FROM videoroom.event WHERE room_id = :'room';

-- A window that is open already has its session made at once.
SELECT videoroom_create_booking('now', now(), now() + '1 hour', '{ann}') AS other \gset
SELECT run_at BETWEEN now() AND clock_timestamp() AS at_once FROM videoroom.outbox WHERE room_id = :'other';

-- Asked again it is the same room: the order of people, defaults written out and numbers written otherwise do not count.
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{bob,ann}') = :'room' AS again;
SELECT videoroom_create_booking('b', '2030-01-01 11:00+01', '2030-01-01 12:00+01', '{ann,bob}',
    '{"unused_room_timeout": 60, "max_participants": 50, "metadata": {}}') = :'room' AS written_otherwise;
SELECT videoroom_create_booking('m', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}', '{"metadata": {"n": 1.0, "a": []}}')
     = videoroom_create_booking('m', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}', '{"metadata": {"a": [], "n": 1}}')
    AS metadata;
SELECT count(*) FROM videoroom.room WHERE booking_id = 'b';

-- Metadata is kept as the server reads it, whatever the numbers in it and however deep, up to 16 kB of text.
\set metadata '{"n": 123456789012345678901234567890.10, "metadata": {"e": -1e400}, "max_participants": "}\\"\\\\"}'
SELECT videoroom_create_booking('k', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}',
    jsonb_build_object('metadata', :'metadata'::jsonb, 'max_participants', 2)) AS kept \gset
SELECT metadata = :'metadata'::jsonb AS metadata, options FROM videoroom.room WHERE room_id = :'kept';
SELECT length(videoroom_create_booking('d', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}',
    ('{"metadata": {"a": ' || repeat('[', 3000) || repeat(']', 3000) || '}}')::jsonb)) AS deep;
SELECT length(videoroom_create_booking('l', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}',
    jsonb_build_object('metadata', jsonb_build_object('x', repeat('x', 16384 - 9))))) AS largest;

-- Another request for a booking whose room is open is a conflict.
CREATE FUNCTION pg_temp.conflict(starts_at text, ends_at text, participants text, options text DEFAULT '{}')
RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(pg_temp.try(format('SELECT videoroom_create_booking(%L, %L, %L, %L, %L)', 'b', $1, $2, $3, $4)),
                          '"room_id":"[^"]{25}"', '"room_id":"…"')
$$;
SELECT pg_temp.conflict('2030-01-01 10:01Z', '2030-01-01 11:00Z', '{ann,bob}');
SELECT pg_temp.conflict('2030-01-01 10:00Z', '2030-01-01 11:01Z', '{ann,bob}');
SELECT pg_temp.conflict('2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}');
SELECT pg_temp.conflict('2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann,bob}', '{"max_participants": 2}');
SELECT pg_temp.conflict('2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann,bob}', '{"metadata": {"a": 1}}');

-- Extending the booking or adding people does not make the repeat another request.
SELECT videoroom_extend('b', '2030-01-01 12:00Z');
SELECT videoroom_add_participants(:'room', '{cid}');
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{bob,ann}') = :'room' AS again;

-- The next room of a cancelled booking is its successor.
SELECT videoroom_cancel('b');
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{bob,ann}') AS next \gset
SELECT :'next' <> :'room' AS new, successor = :'next' AS linked, status FROM videoroom.room WHERE room_id = :'room';

-- One that was ended on purpose keeps to itself.
SELECT videoroom_end(:'next');
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{bob,ann}') AS third \gset
SELECT status, successor FROM videoroom.room WHERE room_id = :'next';

-- A room whose window is over is closed on the way; as nobody came, the next is its successor.
UPDATE videoroom.room SET starts_at = now() - interval '3 hours', ends_at = now() - interval '2 hours', opens_at = now() - interval '195 minutes',
       closes_at = now() - interval '105 minutes', completes_at = now() - interval '1 hour' WHERE room_id = :'third';
SELECT videoroom_create_booking('b', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{bob,ann}') AS fourth \gset
SELECT status, closed_at = closes_at AS closed, successor = :'fourth' AS linked FROM videoroom.room WHERE room_id = :'third';

-- In a restored copy nothing is booked.
UPDATE videoroom.home SET system_identifier = 1, database_oid = 1;
SELECT pg_temp.try($$SELECT videoroom_create_booking('copy', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}')$$);

-- After pg_upgrade the rooms are ours still.
UPDATE videoroom.home SET database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()), server_major = 14;
SELECT pg_temp.try($$SELECT length(videoroom_create_booking('up', '2030-01-01 10:00Z', '2030-01-01 11:00Z', '{ann}'))$$);
SELECT server_major > 14 AS current, system_identifier <> 1 AS ours FROM videoroom.home;
ROLLBACK;
