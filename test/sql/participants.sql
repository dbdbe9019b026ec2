-- Inviting more people and putting them out again.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann,bob}') AS room \gset
DELETE FROM videoroom.outbox;
CREATE FUNCTION pg_temp.calls(room text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', left(target, 20), priority), ', ' ORDER BY target)
      FROM videoroom.outbox WHERE room_id = $1 AND action = 'remove-participant'
$$;

-- Adding repeats itself harmlessly, within one call too.
SELECT videoroom_add_participants(:'room', '{cid,ann,cid}');
SELECT videoroom_add_participants(:'room', '{cid}');
SELECT user_id, removed_at IS NOT NULL AS removed FROM videoroom.participant WHERE room_id = :'room' ORDER BY 1;
SELECT kind, detail FROM videoroom.event WHERE room_id = :'room' ORDER BY id;

-- Removing refuses from then on; while no session is open there is nobody to put out.
SELECT videoroom_remove_participant(:'room', 'cid');
SELECT user_id, removed_at IS NOT NULL AS removed FROM videoroom.participant WHERE room_id = :'room' ORDER BY 1;
SELECT pg_temp.calls(:'room');
SELECT pg_temp.try(format('SELECT videoroom_remove_participant(%L, %L)', :'room', 'zoe'));
SELECT pg_temp.try($$SELECT videoroom_remove_participant('nobody has this', 'ann')$$);
SELECT pg_temp.try($$SELECT videoroom_add_participants('nobody has this', '{ann}')$$);

-- In an open session each connection is put out, or the identity while no connection is known.
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES ('RM' || repeat('1', 32), :'room', now());
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_callback, disconnected_callback) VALUES
    ('PA' || repeat('1', 32), 'RM' || repeat('1', 32), 'ann', now(), NULL),
    ('PA' || repeat('2', 32), 'RM' || repeat('1', 32), 'ann', now(), NULL),
    ('PA' || repeat('3', 32), 'RM' || repeat('1', 32), 'ann', now(), now());
SELECT videoroom_remove_participant(:'room', 'ann');
SELECT videoroom_remove_participant(:'room', 'bob');
SELECT pg_temp.calls(:'room');

-- Whoever came uninvited is put out too, and refused from then on.
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_callback)
VALUES ('PA' || repeat('4', 32), 'RM' || repeat('1', 32), 'intruder', now());
SELECT videoroom_remove_participant(:'room', 'intruder');
SELECT pg_temp.calls(:'room');
SELECT pg_temp.try(format('SELECT videoroom_join(%L, %L)', :'room', 'intruder'));
SELECT user_id, status, invited FROM videoroom_participants WHERE user_id = 'intruder';
DELETE FROM videoroom.outbox WHERE target LIKE 'PA4%';

-- Removing again has no effect.
DELETE FROM videoroom.outbox WHERE target LIKE 'PA1%';
SELECT videoroom_remove_participant(:'room', 'ann');
SELECT pg_temp.calls(:'room'), count(*) AS events FROM videoroom.event WHERE room_id = :'room' AND kind = 'participant-removed';

-- Whoever is invited again is not put out any more, unless the call has left already.
UPDATE videoroom.outbox SET sent_at = now() WHERE target = 'identity/bob';
SELECT videoroom_add_participants(:'room', '{ann,bob}');
SELECT pg_temp.calls(:'room');
SELECT user_id, removed_at IS NOT NULL AS removed FROM videoroom.participant WHERE room_id = :'room' ORDER BY 1;

-- While a create is under way the session may be there already.
SELECT videoroom_create_booking('c', now(), now() + '1 hour', '{ann,bob}') AS other \gset
SELECT videoroom_remove_participant(:'other', 'ann');
SELECT pg_temp.calls(:'other');
UPDATE videoroom.outbox SET sent_at = now() WHERE room_id = :'other';
SELECT videoroom_remove_participant(:'other', 'bob');
SELECT pg_temp.calls(:'other');

-- An old room_id means the newest room.
SELECT videoroom_reschedule('c', now() + '1 second', now() + '2 hours', '{ann,bob}') AS newest \gset
SELECT videoroom_add_participants(:'other', '{dee}'), videoroom_remove_participant(:'other', 'bob');
SELECT user_id, removed_at IS NOT NULL AS removed FROM videoroom.participant WHERE room_id = :'newest' ORDER BY 1;

-- A closed room takes nobody in, but still puts people out of a call that goes on.
SELECT videoroom_cancel('c');
SELECT pg_temp.try(format('SELECT videoroom_add_participants(%L, %L)', :'newest', '{eva}'));
UPDATE videoroom.room SET closes_at = now() - interval '1 second', completes_at = now() WHERE room_id = :'room';
SELECT pg_temp.try(format('SELECT videoroom_add_participants(%L, %L)', :'room', '{eva}'));
SELECT videoroom_remove_participant(:'room', 'ann');
SELECT pg_temp.calls(:'room');
ROLLBACK;
