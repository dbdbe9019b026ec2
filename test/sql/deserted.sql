-- A call in which only people are left who are not invited is ended as if nobody was there: Twilio would bill it to its end.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now() - '10 min'::interval, now() + '50 min', '{ann,bob}', '{"empty_room_timeout": 7}') AS room \gset
CREATE FUNCTION pg_temp.cb(event text, who text, stay int, ago interval, session text DEFAULT '1') RETURNS text LANGUAGE sql AS $$
    SELECT videoroom_apply_callback(jsonb_build_object('StatusCallbackEvent', event, 'RoomName', r.room_id, 'RoomSid', 'RM' || repeat(session, 32),
        'ParticipantSid', 'PA' || lpad(stay::text, 32, '0'), 'ParticipantIdentity', who, 'Timestamp', now() - ago)) FROM videoroom.room r
$$;
CREATE VIEW pg_temp.ends AS
    SELECT now() - s.deserted_until AS deserted, o.run_at = r.completes_at AS at_its_end, r.completes_at - o.run_at AS before_its_end, o.priority
      FROM videoroom.room r JOIN videoroom.standing s USING (room_id) JOIN videoroom.outbox o USING (room_id) WHERE o.action = 'complete-room';
-- Somebody uninvited who waits for the others is left alone.
SELECT pg_temp.cb('room-created', NULL, NULL, '9 min'), pg_temp.cb('participant-connected', 'eve', 1, '9 min');
SELECT * FROM pg_temp.ends;
SELECT pg_temp.cb('participant-connected', 'ann', 2, '8 min'), pg_temp.cb('participant-connected', 'bob', 3, '8 min');
SELECT pg_temp.cb('participant-disconnected', 'ann', 2, '4 min');
SELECT * FROM pg_temp.ends;
-- The last of those who are invited leaves; who is left may be in another session, where nobody reported the end of the one.
SAVEPOINT call;
SELECT pg_temp.cb('participant-disconnected', 'eve', 1, '4 min'), pg_temp.cb('participant-connected', 'eve', 6, '4 min', '2');
SELECT * FROM pg_temp.ends;
SELECT pg_temp.cb('participant-disconnected', 'bob', 3, '3 min');
SELECT * FROM pg_temp.ends;
ROLLBACK TO call;
SELECT pg_temp.cb('participant-disconnected', 'bob', 3, '3 min');
SELECT * FROM pg_temp.ends;
SAVEPOINT deserted;
-- One comes back: then it is not deserted, whatever its row says; the worker looks again.
SELECT pg_temp.cb('participant-connected', 'bob', 4, '1 min');
SELECT deserted_until FROM videoroom.standing;
-- ... and leaves for good.
SELECT pg_temp.cb('participant-disconnected', 'bob', 4, '0 min');
SELECT deserted_until - now() AS deserted FROM videoroom.standing;
ROLLBACK TO deserted;
-- When the last one is put out who was invited, it counts from then on, wherever the call to Twilio is.
SELECT pg_temp.cb('participant-connected', 'ann', 5, '2 min');
SELECT pg_temp.cb('participant-disconnected', 'eve', 1, '1 min');
SELECT deserted_until FROM videoroom.standing;
SELECT videoroom_remove_participant(:'room', 'ann');
SELECT deserted_until > now() + '6 min' AS deserted FROM videoroom.standing;
SELECT action, target, priority FROM videoroom.outbox WHERE action <> 'create-room' ORDER BY 1, 2;
ROLLBACK TO deserted;
-- With nobody there at all Twilio ends it itself.
SELECT pg_temp.cb('participant-disconnected', 'eve', 1, '1 min');
SELECT deserted_until FROM videoroom.standing;
ROLLBACK;
