-- Genuine callbacks with parameters that nobody knows yet, and ones that cannot be read.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home, videoroom.callback CASCADE;
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major) VALUES (1, 1, 1, 15);
INSERT INTO videoroom.room (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
VALUES ('abc0123456789012345678901', 'b', now(), now() + '1 hour', now(), now() + '1 hour', now() + '1 hour', '{}', '{}');
INSERT INTO videoroom.participant (room_id, user_id)
VALUES ('abc0123456789012345678901', 'bob'), ('abc0123456789012345678901', 'annParticipantKindly'), ('abc0123456789012345678901', 'ann');
-- Stands in for the signature.
CREATE OR REPLACE FUNCTION videoroom.verify_callback(body text, signature text, url text) RETURNS bytea
LANGUAGE sql AS $$ SELECT sha256(convert_to(body, 'UTF8')) $$;
CREATE SEQUENCE pg_temp.stay;
-- What became of a callback of that event with the parameters that are given besides.
CREATE FUNCTION pg_temp.receive(event text, more text, room text DEFAULT 'abc0123456789012345678901') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept videoroom.callback;
BEGIN
    INSERT INTO videoroom.callback (body, signature)
    SELECT concat_ws('&', 'AccountSid=AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a', 'RoomName=' || room,
                     'RoomSid=RM11111111111111111111111111111111', 'StatusCallbackEvent=' || event,
                     'Timestamp=2030-01-01T10%3A00%3A00.123Z',
                     'ParticipantSid=PA' || lpad(nextval('pg_temp.stay')::text, 32, '0'), more), ''
    RETURNING * INTO kept;
    RETURN concat_ws(': ', kept.outcome, kept.error);
END
$$;

-- What is not used may be anything.
SELECT more, pg_temp.receive('room-created', more) FROM (VALUES ('RoomType=event'), ('RoomStatus='), ('SequenceNumber='), ('Version=2&Version=3')) v (more);
SELECT more, pg_temp.receive('participant-connected', 'ParticipantIdentity=bob&' || more)
  FROM (VALUES ('ParticipantStatus=waiting'), ('ParticipantKind=human'), ('ParticipantIdentityKind=user'), ('RoomSidOfParent=none'), ('TrackName=x')) v (more);
SELECT pg_temp.receive('participant-disconnected', 'ParticipantIdentity=bob&ParticipantDuration=');
SELECT user_id, count(*), count(duration) AS durations FROM videoroom.connection GROUP BY user_id;

-- Behind an identity a new parameter is let through only if the room knows who is meant, and nobody else can be.
SELECT more, pg_temp.receive('participant-connected', more)
  FROM (VALUES ('ParticipantIdentity=carl&ParticipantKind=human'), ('ParticipantIdentity=ann&ParticipantKindly='),
               ('ParticipantIdentity=ann&ParticipantKind=lyish'), ('ParticipantIdentity=ann&ParticipantKind=human'),
               ('ParticipantIdentity=annParticipantKindly'), ('ParticipantIdentity=bobParticipantKindhuman'),
               ('ParticipantIdentity=doraParticipantKindhuman'), ('ParticipantIdentity=bobby')) v (more);
-- Whom a stay is of is known since it was first told of.
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id)
VALUES ('PA' || repeat('f', 32), 'RM11111111111111111111111111111111', 'forgotten');
SELECT videoroom.is_believed('abc0123456789012345678901', 'RM11111111111111111111111111111111', 'PA' || repeat('f', 32), 'carl', 'ParticipantKindhuman');
SELECT DISTINCT user_id FROM videoroom.connection ORDER BY 1;

-- What cannot be read is counted apart and fails the check, but only if it is ours.
SELECT event, pg_temp.receive(event, NULL) FROM (VALUES ('recording-completed'), ('composition-available'), ('room-renamed')) v (event);
SELECT pg_temp.receive('room-renamed', NULL, 'abd0123456789012345678901') AS of_another_database, pg_temp.receive('room-renamed', NULL, 'lobby') AS of_another_application;
SELECT outcome, count(*) FROM videoroom.callback GROUP BY outcome ORDER BY outcome;
SELECT ok, detail, hint FROM videoroom_health() WHERE name = 'callbacks';
UPDATE videoroom.callback SET received_at = received_at - interval '1 day';
SELECT ok, detail, hint FROM videoroom_health() WHERE name = 'callbacks';
-- Who was unknown then may be known later.
INSERT INTO videoroom.participant (room_id, user_id) VALUES ('abc0123456789012345678901', 'carl');
SELECT videoroom_replay('-infinity') > 0 AS replayed, videoroom.apply_pending(100) > 0 AS tried;
SELECT outcome, count(*) FROM videoroom.callback GROUP BY outcome ORDER BY outcome;
ROLLBACK;
\set ECHO none
\i :inputs/settings_reset.psql
