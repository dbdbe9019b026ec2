-- Status callbacks through PostgREST: the body as it came, the signature from the request's headers.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
-- Bodies, and what Twilio signs them with: created and those below with the primary token, connected with the secondary one,
-- for https://relay.example/callbacks/ and the name of the database that pg_regress uses; elsewhere for https://other.example/cb.
\set created 'AccountSid=AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a&RoomName=abc0123456789012345678901&RoomSid=RM11111111111111111111111111111111&RoomStatus=in-progress&RoomType=group&StatusCallbackEvent=room-created&Timestamp=2030-01-01T10%3A00%3A00.123Z&SequenceNumber=0'
\set connected 'AccountSid=AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a&RoomName=abc0123456789012345678901&RoomSid=RM11111111111111111111111111111111&RoomStatus=in-progress&RoomType=group&StatusCallbackEvent=participant-connected&Timestamp=2030-01-01T10%3A01%3A00.000Z&SequenceNumber=1&ParticipantSid=PA11111111111111111111111111111111&ParticipantStatus=connected&ParticipantIdentity=Zo%C3%AB+%26+co%2B1'
\set strange 'AccountSid=AC0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c&RoomName=abc0123456789012345678901&RoomSid=RM11111111111111111111111111111111&RoomStatus=in-progress&RoomType=group&StatusCallbackEvent=room-created&Timestamp=2030-01-01T10%3A00%3A00.123Z&SequenceNumber=0'
\set other 'AccountSid=AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a&RoomName=abd0123456789012345678901&RoomSid=RM11111111111111111111111111111111&RoomStatus=in-progress&RoomType=group&StatusCallbackEvent=room-created&Timestamp=2030-01-01T10%3A00%3A00.123Z&SequenceNumber=0'
SELECT current_database() = 'regression' AS plain \gset
\if :plain
    \set created_signature '56g0bfU/RPxcaP7h5uBXkI2PSJY='
    \set connected_signature 'bBdP/TMQi0+cD/KQ2VU8MOLjCRU='
    \set strange_signature '8twNsMvOqhkoP+hibhdBZ0d+WlM='
    \set other_signature 'fL6doWVhDjFwsa8pxF/3GRVpXp0='
    \set forged_signature '0rMjSAg8Y1okODfUTkff6Gcfsso='
\else
    \set created_signature 'cWIkoow4bFPbDkNOa+iEQQyGxos='
    \set connected_signature 'qkp1fykSrWADBytLybFIGXJxh/w='
    \set strange_signature 'NDKAAWaO+Chm6r9wT7UJeC4mWUY='
    \set other_signature 'J0VdWAx55tA82gARxHGGcPFjwdg='
    \set forged_signature '/khtt0n3Chp+9+2zL8CaVoN6Ah0='
\endif
\set elsewhere_signature 'myyOHS18mozLZCWf2rx+EvG4s+o='
\set ECHO all
CREATE FUNCTION pg_temp.receive(body text, headers text) RETURNS text LANGUAGE sql AS $$
    SELECT set_config('request.headers', $2, true);
    SELECT pg_temp.try(format('SELECT videoroom_receive_callback(%L)', $1))
$$;
CREATE FUNCTION pg_temp.signed(signature text) RETURNS text LANGUAGE sql AS
    $$ SELECT json_build_object('host', 'internal', 'x-twilio-signature', $1)::text $$;

BEGIN;
TRUNCATE videoroom.home, videoroom.callback CASCADE;
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major) VALUES (1, 1, 1, 15);
INSERT INTO videoroom.room (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
VALUES ('abc0123456789012345678901', 'b', now(), now() + '1 hour', now(), now() + '1 hour', now() + '1 hour', '{}', '{}');
-- Only what Twilio signed for our URL comes in.
SELECT pg_temp.try(format('SELECT videoroom_receive_callback(%L)', :'created')) AS no_request;
SELECT headers, pg_temp.receive(:'created', headers) FROM (VALUES (1, ''), (2, '{'), (3, '[]'), (4, '{}'),
    (5, '{"x-twilio-signature": ""}'), (6, '{"x-twilio-signature": 5}'), (7, '{"x-twilio-signature": "nonsense"}')) v (n, headers) ORDER BY n;
SELECT pg_temp.receive(:'created', pg_temp.signed(:'forged_signature')) AS forged;
SELECT pg_temp.receive(:'created', pg_temp.signed(:'elsewhere_signature')) AS for_another_url;
SELECT pg_temp.receive(:'created' || '&RoomDuration=1', pg_temp.signed(:'created_signature')) AS tampered;
SELECT pg_temp.receive('RoomName=%zz', pg_temp.signed(:'created_signature')) AS malformed;
SELECT pg_temp.receive('RoomName=%ff', pg_temp.signed(:'created_signature')) AS not_utf8;
SELECT pg_temp.receive(repeat('x', 65537), pg_temp.signed(:'created_signature')) AS too_long;
SELECT count(*) FROM videoroom.callback;

-- A genuine one is applied, an exact repeat is not stored again; header names come in any case, and either token signs.
SELECT pg_temp.receive(:'created', pg_temp.signed(:'created_signature')) AS created;
SELECT pg_temp.receive(:'created', pg_temp.signed(:'created_signature')) AS created_again;
SELECT pg_temp.receive(:'connected', json_build_object('X-Twilio-Signature', :'connected_signature')::text) AS connected;
SELECT room_id, url, outcome, error FROM videoroom.callback ORDER BY id;
SELECT room_sid, started_at FROM videoroom.session;
SELECT user_id, connected_at FROM videoroom.connection;
SELECT status FROM videoroom.room;

-- One of another account, or of a room that is not ours, stays but is not applied.
SELECT pg_temp.receive(:'strange', pg_temp.signed(:'strange_signature')) AS strange;
SELECT pg_temp.receive(:'other', pg_temp.signed(:'other_signature')) AS other;
SELECT outcome, error FROM videoroom.callback ORDER BY id DESC LIMIT 2;

-- A relay names the URL itself.
DELETE FROM videoroom.callback;
SELECT pg_temp.try(format('INSERT INTO videoroom.callback (body, signature, url) VALUES (%L, %L, %L) RETURNING outcome',
                          :'created', :'elsewhere_signature', 'https://other.example/cb'));
SELECT pg_temp.try(format('INSERT INTO videoroom.callback (body, signature) VALUES (%L, %L) RETURNING outcome', :'created', :'elsewhere_signature'));
SELECT outcome, error FROM videoroom.callback;

-- What was decoded, as the trigger sees it.
SELECT payload, room_id, ignored FROM videoroom.decode_callback(:'connected');
SELECT pg_temp.try('SELECT videoroom.decode_callback(NULL)');

-- Kept ones are applied again, though the token that signed them is gone by then.
SELECT pg_temp.receive(:'connected', pg_temp.signed(:'connected_signature')) AS connected;
UPDATE videoroom.callback SET signature = 'of a token that is gone', received_at = '2030-01-01' WHERE body = :'connected';
SELECT videoroom_replay('2030-01-02'), videoroom_replay('2030-01-01');
SELECT outcome, error, retry_at IS NOT NULL AS due FROM videoroom.callback ORDER BY id;
DELETE FROM videoroom.connection;
SELECT videoroom.apply_pending(10);
SELECT outcome, error, retry_at IS NOT NULL AS due FROM videoroom.callback ORDER BY id;
SELECT user_id, connected_at FROM videoroom.connection;
SELECT videoroom_replay('-infinity'), videoroom.apply_pending(10);
SELECT outcome, error FROM videoroom.callback ORDER BY id;
SELECT pg_temp.try('SELECT videoroom_replay(NULL)');
ROLLBACK;

-- Without a callback URL, or without credentials, nothing can be verified and nothing comes in.
\set ECHO none
ALTER SYSTEM RESET videoroom.callback_url;
\i :inputs/reload.psql
\set ECHO all
SELECT pg_temp.receive(:'created', pg_temp.signed(:'created_signature'));
\set ECHO none
\i :inputs/settings_reset.psql
\c -
\i :inputs/try.psql
\set ECHO all
SELECT pg_temp.try(format('INSERT INTO videoroom.callback (body, signature) VALUES (%L, %L) RETURNING outcome', :'created', :'created_signature'));
