-- What sqlsmith finds: rooms in every state, and a role that may use all of the extension, also what nobody else may.
\set ON_ERROR_STOP on
CREATE EXTENSION videoroom;
SELECT videoroom_create_booking('soon-' || n, now() + interval '1 minute', now() + interval '8 hours', ARRAY['ann', 'ben-' || n])
  FROM generate_series(1, 60) n \g /dev/null
SELECT videoroom_create_booking('later-' || n, now() + interval '1 day', now() + interval '25 hours', ARRAY['ann', 'cid'])
  FROM generate_series(1, 60) n \g /dev/null
SELECT videoroom_cancel('later-' || n, 'no more') FROM generate_series(1, 10) n \g /dev/null
SELECT videoroom_reschedule('later-' || n, now() + interval '2 days', now() + interval '49 hours') FROM generate_series(11, 20) n \g /dev/null

CREATE ROLE smith LOGIN;
SELECT videoroom_grant('smith', part) FROM unnest('{scheduler,backend,relay,reader,operator}'::text[]) part \g /dev/null
GRANT USAGE ON SCHEMA videoroom TO smith;
GRANT ALL ON ALL TABLES IN SCHEMA videoroom TO smith;
GRANT ALL ON ALL SEQUENCES IN SCHEMA videoroom TO smith;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA videoroom, public TO smith;

-- It calls no function that returns rows, but reads views, and writes to them. What it takes for pg_proc is ours and little else,
-- so that its statements are about us.
CREATE SCHEMA smith;
GRANT USAGE ON SCHEMA smith TO smith;
CREATE VIEW smith.health AS SELECT * FROM videoroom_health();
CREATE VIEW smith.stats AS SELECT * FROM videoroom_stats();
CREATE VIEW smith.explain AS SELECT r.room_id AS of_room, e.* FROM videoroom.room r, LATERAL videoroom_explain(r.room_id, 'ann') e;
CREATE VIEW smith.link AS SELECT r.room_id AS of_room, j.* FROM videoroom.room r, LATERAL videoroom_join(r.room_id, 'ann') j;
CREATE VIEW smith.incoming AS SELECT body, signature, url FROM videoroom.callback;

-- It draws an argument from whatever columns of that type the statement has. These have few, and what is in them is valid. What it
-- hardly ever gets right, or draws, is called in views. Rooms come to an end here, so each look books another.
CREATE VIEW smith.room AS SELECT room_id FROM videoroom.room;
CREATE VIEW smith.guest AS SELECT room_id, user_id FROM videoroom.participant;
CREATE VIEW smith.booking AS SELECT booking_id, now() + interval '8 hours' AS ends_at FROM videoroom.room WHERE closed_at IS NULL;
CREATE VIEW smith.booked AS
SELECT videoroom_create_booking('new-' || gen_random_uuid(), now() + interval '1 minute', now() + interval '1 hour', '{ann,ben}') AS room_id,
       ARRAY['ann', 'cid'] AS people;
CREATE VIEW smith.changed AS
SELECT room_id, videoroom_add_participants(room_id, people) IS NULL AS added, videoroom_remove_participant(room_id, 'cid') IS NULL AS removed,
       videoroom_end(room_id) IS NULL AS over
  FROM smith.booked;
CREATE VIEW smith.extended AS
SELECT booking_id, videoroom_extend(booking_id, ends_at) IS NULL AS extended, videoroom_update(booking_id, '{}') IS NULL AS updated,
       videoroom_reschedule(booking_id, ends_at, ends_at + interval '1 hour') AS room_id, videoroom_cancel(booking_id, 'no more') IS NULL AS cancelled
  FROM (SELECT * FROM smith.booking ORDER BY random() LIMIT 1) one;
CREATE VIEW smith.connected AS
SELECT room_sid, videoroom.record_connection('PA' || md5(random()::text), room_sid, 'ann', now(), NULL, NULL, NULL, NULL) IS NULL AS connected
  FROM (SELECT room_sid FROM videoroom.session ORDER BY random() LIMIT 1) one;
CREATE VIEW smith.discarded AS
SELECT id, videoroom_discard(id) IS NULL AS discarded FROM (SELECT id FROM videoroom.outbox WHERE dead_at IS NOT NULL LIMIT 1) one;
UPDATE videoroom.outbox o SET dead_at = now(), last_error = '{}' FROM videoroom.room r WHERE r.room_id = o.room_id AND r.booking_id LIKE 'later-5%';

-- A callback that is genuine, and the claims and headers that PostgREST would hand over.
CREATE SCHEMA crypto;
CREATE EXTENSION pgcrypto SCHEMA crypto;
CREATE TABLE smith.genuine AS
SELECT string_agg(name || '=' || value, '&') AS body, 'http://127.0.0.1:9/twilio' AS url,
       encode(crypto.hmac('http://127.0.0.1:9/twilio' || string_agg(name || value, '' ORDER BY name COLLATE "C"),
                          '0123456789abcdef0123456789abcdef', 'sha1'), 'base64') AS signature
  FROM (SELECT room_id FROM videoroom.room LIMIT 1) r,
       LATERAL (VALUES ('AccountSid', 'AC00000000000000000000000000000001'), ('RoomName', room_id), ('RoomSid', 'RM' || repeat('e', 32)),
                       ('RoomStatus', 'in-progress'), ('RoomType', 'group'), ('SequenceNumber', '0'),
                       ('StatusCallbackEvent', 'room-created'), ('Timestamp', '2026-01-01T00:00:00.000Z')) p (name, value);
SELECT format('{"x-twilio-signature": "%s"}', signature) AS headers FROM smith.genuine \gset
ALTER ROLE smith SET request.headers = :'headers';
ALTER ROLE smith SET request.jwt.claims = '{"sub": "ann"}';
CREATE VIEW smith.received AS
SELECT body, videoroom_receive_callback(body) IS NULL AS received, videoroom.verify_callback(body, signature, url) IS NULL AS verified,
       (videoroom.decode_callback(body)).payload AS payload
  FROM smith.genuine;

CREATE VIEW smith.pg_proc AS
SELECT * FROM pg_catalog.pg_proc
 WHERE pronamespace IN ('public'::regnamespace, 'videoroom'::regnamespace)
    OR oid::regprocedure::text IN ('md5(text)', 'upper(text)', 'array_remove(text[],text)', 'jsonb_strip_nulls(jsonb)', 'justify_hours(interval)',
                                   'date_trunc(text,timestamp with time zone)', 'convert_to(text,name)');
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA smith TO smith;
ALTER ROLE smith SET search_path = smith, pg_catalog, public;

-- Most of the server's operators are for types that we have none of. Away with them, but for those that ranges are compared by.
SET allow_system_table_mods = on;
DELETE FROM pg_operator o USING pg_type t
 WHERE t.oid IN (oprleft, oprright) AND oprleft <> ALL ('{anyarray,record}'::regtype[])
   AND (typcategory IN ('G', 'I', 'V', 'E') OR typcategory = 'U' AND typname NOT IN ('bytea', 'jsonb')
        OR typcategory IN ('R', 'P') AND oprname NOT IN ('=', '<', '<=', '>', '>='));
