-- What the support desk is told about a room and a person.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
\set ECHO all
CREATE FUNCTION pg_temp.rm(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'RM' || lpad(n::text, 32, '0') $$;
CREATE FUNCTION pg_temp.pa(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'PA' || lpad(n::text, 32, '0') $$;
-- The rows without what differs from run to run.
CREATE FUNCTION pg_temp.explain(room text, person text DEFAULT NULL) RETURNS TABLE (what text, verdict text, detail text) LANGUAGE sql AS $$
    SELECT e.what, e.verdict, regexp_replace(regexp_replace(regexp_replace(regexp_replace(e.detail,
               '\d{4}-\d\d-\d\d[T ][0-9:.]+(Z|\+00)', 'TIME', 'g'), '0{30}', '…', 'g'), '\m[A-Za-z0-9]{25}\M', 'ROOM', 'g'),
               '(retry|discard)\(\d+\)', '\1(ID)', 'g')
      FROM videoroom_explain(room, person) WITH ORDINALITY e (at, what, verdict, detail, place) ORDER BY e.place
$$;

BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now() - interval '10 minutes', now() + '50 minutes', '{ann,bob}') AS room \gset
-- A room of this transaction's own, and of another.
SELECT * FROM pg_temp.explain(:'room', 'ann');
-- With a session.
INSERT INTO videoroom.session (room_sid, room_id, started_rest, seen_alive_at) VALUES (pg_temp.rm(1), :'room', now(), now());
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_rest) VALUES (pg_temp.pa(1), pg_temp.rm(1), 'ann', now()),
    (pg_temp.pa(2), pg_temp.rm(1), 'bob', now());
SELECT * FROM pg_temp.explain(:'room', 'ann');
-- A stranger is shown what would keep anybody out, and nothing that is about others.
SELECT * FROM pg_temp.explain(:'room', 'zoe');
-- Nobody in particular: no rule about a person, and everybody's timeline.
SELECT videoroom_remove_participant(:'room', 'bob');
SELECT * FROM pg_temp.explain(:'room');
SELECT * FROM pg_temp.explain(:'room', 'bob') WHERE what IN ('join', 'invitation', 'removal', 'participant-removed', 'connection');

-- What Twilio said last, and what helps.
UPDATE videoroom.session SET ended_rest = now();
UPDATE videoroom.outbox SET attempts = 3, dead_at = now(),
    last_error = '{"kind": "permanent", "status": 400, "code": 53115, "message": "MediaRegion is invalid"}' WHERE action = 'create-room';
SELECT * FROM pg_temp.explain(:'room', 'ann') WHERE what ~ '^call' OR what = 'session';

-- Rescheduled: the answer is about the room that took its place, the timeline about both.
SELECT videoroom_reschedule('b', now() + '1 hour', now() + '2 hours', '{ann}') AS second \gset
SELECT * FROM pg_temp.explain(:'room', 'ann');

-- A copy.
UPDATE videoroom.home SET system_identifier = 1, database_oid = 1;
SELECT * FROM pg_temp.explain(:'second', 'ann') WHERE what IN ('join', 'opening', 'home');

-- It writes nothing.
SET TRANSACTION READ ONLY;
SELECT count(*) > 0 AS told FROM videoroom_explain(:'second', 'ann');
ROLLBACK;

SELECT * FROM pg_temp.explain('nobody has this', 'ann');
SELECT pg_temp.try('SELECT videoroom_explain(NULL)');
SELECT pg_temp.try($$SELECT videoroom_explain('')$$);
SELECT pg_temp.try($$SELECT videoroom_explain('x', '')$$);
SELECT pg_temp.try(format('SELECT videoroom_explain(%L)', repeat('x', 129)));

-- Without settings.
\set ECHO none
\i :inputs/settings_reset.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann}') AS room \gset
SELECT e.what, e.verdict, e.detail FROM videoroom_explain(:'room', 'ann') e WHERE e.what IN ('join', 'link');
ROLLBACK;
