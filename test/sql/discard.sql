-- A call that was given up can be dropped; one that was not cannot, since its answer may be on the way.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('a', now(), now() + '1 hour', '{ann}') AS a \gset
DELETE FROM videoroom.outbox;
DELETE FROM videoroom.event;
INSERT INTO videoroom.outbox (room_id, action, dead_at, last_error)
VALUES (:'a', 'complete-room', now(), '{"code": 20404}') RETURNING id AS dead \gset
INSERT INTO videoroom.outbox (room_id, action, dead_at)
VALUES (:'a', 'create-room', now()) RETURNING id AS other \gset
INSERT INTO videoroom.outbox (room_id, action) VALUES (:'a', 'create-room') RETURNING id AS alive \gset

SELECT videoroom_discard(:dead);
SELECT id = :other AS other, id = :alive AS alive FROM videoroom.outbox ORDER BY id;
SELECT kind, (detail ->> 'outbox_id')::bigint = :dead AS dead, detail - 'outbox_id' AS detail FROM videoroom.event;

SELECT pg_temp.try(format('SELECT videoroom_discard(%s)', :dead)) AS again;
SELECT pg_temp.try(format('SELECT videoroom_discard(%s)', :alive)) AS alive;
SELECT pg_temp.try('SELECT videoroom_discard(NULL)') AS nothing;
SELECT count(*) FROM videoroom.outbox;
ROLLBACK;
