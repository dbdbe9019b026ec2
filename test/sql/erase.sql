-- Forgetting a person: no table names them afterwards, times and numbers stay true, and Twilio is asked to forget them too.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
\set ECHO all
CREATE FUNCTION pg_temp.sid(kind text, n int) RETURNS text LANGUAGE sql AS $$ SELECT kind || lpad(to_hex(n), 32, '0') $$;
-- Where a text is found, in whatever column of whatever table of ours.
CREATE FUNCTION pg_temp.found(what text) RETURNS TABLE (where_ text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'videoroom'::regnamespace AND c.relkind = 'r'
              ORDER BY c.relname COLLATE "C" LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, count(*) FROM %s x WHERE strpos(x::text, %L) > 0 HAVING count(*) > 0', t, t, what);
    END LOOP;
END
$$;
BEGIN;
TRUNCATE videoroom.home, videoroom.callback CASCADE;
SELECT videoroom_create_booking('past', now() - '10 min'::interval, now() + '1 hour', '{zoe-4711,ben}') AS past \gset
SELECT videoroom_create_booking('next', now() + '1 day'::interval, now() + '25 hours'::interval, '{zoe-4711}') AS next \gset
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES (pg_temp.sid('RM', 1), :'past', now() - '10 min'::interval);
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_rest, disconnected_rest)
VALUES (pg_temp.sid('PA', 1), pg_temp.sid('RM', 1), 'zoe-4711', now() - '9 min'::interval, now() - '7 min'::interval),
       (pg_temp.sid('PA', 2), pg_temp.sid('RM', 1), 'zoe-4711', now() - '8 min'::interval, NULL),
       (pg_temp.sid('PA', 3), pg_temp.sid('RM', 1), 'ben', now() - '9 min'::interval, NULL);
ALTER TABLE videoroom.callback DISABLE TRIGGER receive;
INSERT INTO videoroom.callback (body, signature, digest, room_id, applied_at, outcome)
VALUES ('AccountSid=AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a&RoomName=' || :'past' || '&RoomSid=' || pg_temp.sid('RM', 1)
        || '&RoomStatus=in-progress&RoomType=group&StatusCallbackEvent=participant-connected&Timestamp=2030-01-01T10%3A01%3A00.000Z'
        || '&SequenceNumber=1&ParticipantSid=' || pg_temp.sid('PA', 1) || '&ParticipantStatus=connected&ParticipantIdentity=zoe-4711',
        'signed', 'one', :'past', now(), 'applied'),
       ('RoomName=' || :'past' || '&RoomSid=' || pg_temp.sid('RM', 1), 'signed', 'two', :'past', now(), 'applied');
ALTER TABLE videoroom.callback ENABLE TRIGGER receive;

-- Not while a room still has or expects the person.
SELECT regexp_replace(pg_temp.try($$SELECT videoroom_erase('zoe-4711')$$), '[0-9a-zA-Z]{25}', 'ROOM') AS connected;
SELECT videoroom_remove_participant(:'past', 'zoe-4711');
SELECT regexp_replace(pg_temp.try($$SELECT videoroom_erase('zoe-4711')$$), '[0-9a-zA-Z]{25}', 'ROOM') AS still_connected;
UPDATE videoroom.connection SET disconnected_rest = now() - '6 min'::interval WHERE participant_sid = pg_temp.sid('PA', 2);
SELECT regexp_replace(pg_temp.try($$SELECT videoroom_erase('zoe-4711')$$), '[0-9a-zA-Z]{25}', 'ROOM') AS expected;
SELECT videoroom_cancel('next');
SELECT videoroom_add_participants(:'past', '{cid,dan}');
SELECT videoroom_remove_participant(:'past', 'cid');
-- Calls about the person that were given up and dropped, in Twilio's words.
INSERT INTO videoroom.outbox (room_id, action, target, priority, dead_at, last_error)
VALUES (:'past', 'anonymize-participant', pg_temp.sid('PA', 2), 3, now(), '{"code": 20404, "message": "zoe-4711 was not found"}');
UPDATE videoroom.outbox SET last_error = '{"code": 20404, "message": "zoe-4711 is there"}' WHERE room_id = :'past' AND action = 'complete-room';
INSERT INTO videoroom.event (room_id, kind, detail)
VALUES (:'past', 'call-failed', '{"action": "remove-participant", "error": {"code": 20404, "message": "zoe-4711 was not found"}}'),
       (:'past', 'discarded', '{"action": "remove-participant", "target": "identity/zoe-4711", "last_error": {"code": 20404, "message": "zoe-4711"}}'),
       (:'past', 'discarded', '{"action": "remove-participant", "target": "identity/ben", "last_error": {"code": 20404, "message": "ben"}}');
SELECT where_ FROM pg_temp.found('zoe-4711');

SELECT videoroom_erase('zoe-4711');
SELECT * FROM pg_temp.found('zoe-4711');
-- One stand-in for each room; the time spent there is what it was, and nobody else is touched.
SELECT booking_id, regexp_replace(user_id, '^erased-[0-9a-f]{32}$', 'erased') AS person, status, invited,
       CASE WHEN user_id <> 'ben' THEN connected_seconds END AS seconds
  FROM videoroom_participants ORDER BY booking_id COLLATE "C", user_id COLLATE "C";
SELECT count(DISTINCT user_id) AS stand_ins FROM videoroom.participant WHERE user_id LIKE 'erased-%';
SELECT target, priority, run_at <= clock_timestamp() AS due FROM videoroom.outbox
 WHERE action = 'anonymize-participant' ORDER BY target;
SELECT digest, body = '' AS empty, signature, outcome, error FROM videoroom.callback ORDER BY digest;
SELECT kind, count(*) FROM videoroom.event WHERE kind = 'erased' GROUP BY kind;
SELECT action, last_error FROM videoroom.outbox WHERE last_error IS NOT NULL ORDER BY action;
SELECT kind, regexp_replace(detail::text, 'erased-[0-9a-f]{32}', 'erased') AS detail FROM videoroom.event
 WHERE kind IN ('call-failed', 'discarded') ORDER BY id;
-- Again there is nobody left to forget.
SELECT videoroom_erase('zoe-4711');
SELECT videoroom_erase('cid');
SELECT count(*) FROM pg_temp.found('"cid"');
SELECT pg_temp.try('SELECT videoroom_erase(NULL)');
ROLLBACK;
-- With a snapshot of its own it might pass over what has come in since.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.try($$SELECT videoroom_erase('ann')$$);
ROLLBACK;
\set ECHO none
\i :inputs/settings_reset.psql
\set ECHO all
-- It takes no credentials, and finds the name however it is spelt.
SELECT detail FROM videoroom_health() WHERE name = 'credentials';
BEGIN;
TRUNCATE videoroom.callback;
ALTER TABLE videoroom.callback DISABLE TRIGGER receive;
INSERT INTO videoroom.callback (body, signature, digest)
VALUES ('ParticipantIdentity=Zo%c3%ab+%26+co', '', 'a'), ('SequenceNumber=1&%50articipantIdentity=Zo%C3%AB%20%26%20%63o', '', 'b'),
       ('ParticipantIdentity=Zo%C3%AB', '', 'c'), ('RoomName=Zo%C3%AB+%26+co', '', 'd');
ALTER TABLE videoroom.callback ENABLE TRIGGER receive;
SELECT videoroom_erase('Zoë & co');
SELECT digest, body, error FROM videoroom.callback ORDER BY digest;
ROLLBACK;
