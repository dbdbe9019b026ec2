-- Under session_replication_role = replica, as a migration or a change of one's own by hand may set it, all functions work.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
\set created 'AccountSid=AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a&RoomName=abc0123456789012345678901&RoomSid=RM11111111111111111111111111111111&RoomStatus=in-progress&RoomType=group&StatusCallbackEvent=room-created&Timestamp=2030-01-01T10%3A00%3A00.123Z&SequenceNumber=0'
SELECT CASE WHEN current_database() = 'regression' THEN '56g0bfU/RPxcaP7h5uBXkI2PSJY=' ELSE 'cWIkoow4bFPbDkNOa+iEQQyGxos=' END AS signature \gset
\set ECHO all
BEGIN;
TRUNCATE videoroom.home, videoroom.callback CASCADE;
SET LOCAL session_replication_role = replica;
SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann,bob}') AS room \gset
SELECT action, starts_at = now() AS starts_at FROM videoroom.outbox;
SELECT pg_temp.try(format('SELECT videoroom_join(%L, %L)', :'room', 'ann'));
SELECT videoroom_extend('b', now() + '2 hours');
SELECT videoroom_add_participants(:'room', '{cid}');
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES ('RM' || repeat('2', 32), :'room', now());
SELECT videoroom_remove_participant(:'room', 'cid');
SELECT videoroom_reschedule('b', now() + '1 day', now() + '25 hours') AS later \gset
SELECT videoroom_cancel('b');
SELECT videoroom_create_booking('c', now(), now() + '1 hour', '{ann,bob}') AS other \gset
SELECT videoroom_end(:'other');
SELECT room_id = :'room' AS was, action, target, starts_at = CASE room_id WHEN :'other' THEN now() WHEN :'room' THEN now() END AS starts_at
  FROM videoroom.outbox ORDER BY 1, 2, 3;
UPDATE videoroom.outbox SET dead_at = now();
SELECT videoroom_retry() > 0 AS retried;
UPDATE videoroom.outbox SET dead_at = now();
SELECT videoroom_discard(id) FROM videoroom.outbox LIMIT 1;
UPDATE videoroom.room SET room_id = 'abc0123456789012345678901' WHERE room_id = :'later';
SELECT set_config('request.headers', json_build_object('x-twilio-signature', :'signature')::text, true) IS NOT NULL AS headers;
SELECT videoroom_receive_callback(:'created');
SELECT outcome FROM videoroom.callback;
SELECT videoroom_replay('-infinity'), videoroom.apply_pending(10);
SHOW session_replication_role;
SELECT videoroom_erase('bob') > 0 AS erased;
SELECT videoroom_adopt(true);
SELECT name FROM videoroom_health() WHERE name = 'home' AND ok;
ROLLBACK;
\set ECHO none
\i :inputs/settings_reset.psql
