-- Who gets a link into which session, and who does not.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
\set ECHO all
-- What a join answers; where videoroom_explain has it otherwise, that too.
CREATE FUNCTION pg_temp.join(room text, person text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text := pg_temp.try(format('SELECT (l).room_sid FROM videoroom_join(%L, %L) l', room, person));
    told   text := (SELECT e.verdict FROM videoroom_explain(room, person) e WHERE e.what = 'join');
BEGIN
    RETURN regexp_replace(answer, '0{30}', '…')
        || CASE WHEN told <> coalesce(substring(answer FROM '^ok'),
                                      concat_ws(' ', left(answer, 5), substring(answer FROM '"reason": *"([^"]*)"')))
                THEN ' but explained as ' || told ELSE '' END;
END
$$;
CREATE FUNCTION pg_temp.rm(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'RM' || lpad(n::text, 32, '0') $$;
CREATE FUNCTION pg_temp.pa(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'PA' || lpad(n::text, 32, '0') $$;
CREATE FUNCTION pg_temp.decode(part text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(part, '-_', '+/'), (length(part) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
$$;

BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now() - interval '10 minutes', now() + '50 minutes', '{ann,bob}') AS room \gset
-- The link of a room with a session: for this person, into this session, until the later of closing and ending.
INSERT INTO videoroom.session (room_sid, room_id, started_rest, seen_alive_at) VALUES (pg_temp.rm(1), :'room', now(), now());
SELECT * FROM videoroom_join(:'room', 'ann') \gset
SELECT :'room_id' = :'room' AS room, :'room_sid' = pg_temp.rm(1) AS session, :'user_id' AS user_id,
       :'link' = format('https://app.example/%s?s=%s#%s', :'room', pg_temp.rm(1), :'token') AS link,
       :'expires_at'::timestamptz = date_trunc('second', now() + '50 minutes' + '1 hour') AS expires;
SELECT pg_temp.decode(split_part(:'token', '.', 1)) AS header;
SELECT pg_temp.decode(split_part(:'token', '.', 2)) AS payload \gset
SELECT :'payload'::jsonb #>> '{grants,identity}' AS identity, :'payload'::jsonb #>> '{grants,video,room}' = pg_temp.rm(1) AS session,
       :'payload'::jsonb ->> 'iss' = 'SK' || repeat('0b', 16) AS key, :'payload'::jsonb ->> 'sub' = 'AC' || repeat('0a', 16) AS account,
       to_timestamp((:'payload'::jsonb ->> 'exp')::int) = :'expires_at' AS expires,
       :'payload'::jsonb ->> 'jti' ~ ('^SK[0-9a-b]{32}-' || (:'payload'::jsonb ->> 'iat') || '-[0-9a-f]{16}$') AS jti;
SELECT l.token <> :'token' AS each_its_own FROM videoroom_join(:'room', 'ann') l;

-- Nobody else gets in.
SELECT pg_temp.join('nobody has this', 'ann');
SELECT pg_temp.join(:'room', 'zoe');
SELECT videoroom_remove_participant(:'room', 'bob');
SELECT pg_temp.join(:'room', 'bob');
SELECT videoroom_add_participants(:'room', '{bob}');
SELECT pg_temp.join(:'room', 'bob');

-- The user of a request behind PostgREST is the one its claims name.
SELECT pg_temp.try(format('SELECT (l).user_id FROM videoroom_join(%L) l', :'room'));
SELECT claims, CASE WHEN set_config('request.jwt.claims', claims, true) = claims
                    THEN pg_temp.try(format('SELECT (l).user_id FROM videoroom_join(%L) l', :'room')) END
  FROM (VALUES (1, ''), (2, '{"sub": '), (3, '["ann"]'), (4, '"ann"'), (5, '{}'), (6, '{"sub": null}'), (7, '{"sub": 7}'),
               (8, '{"sub": ""}'), (9, '{"sub": "an\nn"}'), (10, '{"SUB": "ann"}'), (11, '{"sub": "ann", "sub": "bob"}'),
               (12, '{"sub": "zoe"}'), (13, '{"role": "web", "sub": "ann"}'),
               (14, '{"id": 12345678901234567890, "n": -1.5e+999999, "sub": "ann"}'), (15, '{"sub": "ann"} x'),
               (16, '{"sub": ["ann"]}'), (17, '{"sub": {"sub": "ann"}}'), (18, '{"sub": true}'), (19, '{"sub": 7.0}'),
               (20, '{"sub": 7e0}'), (21, '{"x": [{"sub": "bob"}, {"sub": "zoe"}], "s\u0075b" : "\u0061nn" }'),
               (22, '{"sub": "an\u0000n"}'), (23, '{"sub.id": "ann"}'), (24, '{"a": "x", "a": "x", "sub": "ann"}')) v (n, claims) ORDER BY n;
SELECT set_config('request.jwt.claims', jsonb_build_object('sub', repeat('x', 129))::text, true) IS NOT NULL AS long;
SELECT pg_temp.try(format('SELECT (l).user_id FROM videoroom_join(%L) l', :'room'));

-- A session is usable while it is the newest, has not ended, and has not been left alone for too long. These rooms are
-- this transaction's own, so a join that needs another session is refused at once.
CREATE FUNCTION pg_temp.session(started interval, seen interval DEFAULT NULL, connected interval DEFAULT NULL, left_at interval DEFAULT NULL,
                                ended interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    room text := (SELECT room_id FROM videoroom.room WHERE booking_id = 'b' AND closed_at IS NULL);
BEGIN
    DELETE FROM videoroom.connection;
    DELETE FROM videoroom.session;
    INSERT INTO videoroom.session (room_sid, room_id, started_rest, seen_alive_at, ended_rest)
    VALUES (pg_temp.rm(1), room, now() - started, now() - seen, now() - ended);
    IF connected IS NOT NULL THEN
        INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_rest, disconnected_rest)
        VALUES (pg_temp.pa(1), pg_temp.rm(1), 'ann', now() - connected, now() - left_at);
    END IF;
    RETURN pg_temp.join(room, 'ann');
END
$$;
SELECT pg_temp.session('59 minutes') AS unused;
SELECT pg_temp.session('60 minutes') AS unused_too_long;
SELECT pg_temp.session('90 minutes', seen => '59 minutes') AS unused_but_seen;
SELECT pg_temp.session('90 minutes', connected => '80 minutes') AS somebody_is_there;
SELECT pg_temp.session('90 minutes', connected => '80 minutes', left_at => '4 minutes') AS left_just_now;
SELECT pg_temp.session('90 minutes', connected => '80 minutes', left_at => '5 minutes') AS left_too_long_ago;
SELECT pg_temp.session('90 minutes', connected => '80 minutes', left_at => '5 minutes', seen => '4 minutes') AS left_but_seen;
SELECT pg_temp.session('10 minutes', ended => '1 minute') AS ended;
SELECT pg_temp.session('1440 minutes', seen => '0', connected => '80 minutes') AS a_day_old;
INSERT INTO videoroom.session (room_sid, room_id, seen_alive_at) VALUES (pg_temp.rm(2), :'room', now());
SELECT pg_temp.join(:'room', 'ann') AS newest;

-- Windows: joins are let in from opens_at up to closes_at, whatever became of the session; overrun.sql has calls that go on.
SELECT videoroom_create_booking('later', now() + '20 minutes', now() + '1 hour', '{ann}') AS later \gset
SELECT regexp_replace(pg_temp.join(:'later', 'ann'), '\d{4}-\d\d-\d\dT[0-9:.]+Z', '…');
SELECT pg_temp.join(:'later', 'zoe');
UPDATE videoroom.room SET closes_at = clock_timestamp(), completes_at = clock_timestamp() WHERE room_id = :'room';
SELECT pg_temp.join(:'room', 'ann'), pg_temp.join(:'room', 'zoe');
SELECT videoroom_cancel('later');
SELECT pg_temp.join(:'later', 'ann');
SELECT videoroom_create_booking('ended', now(), now() + '1 hour', '{ann}') AS ended \gset
SELECT videoroom_end(:'ended');
SELECT pg_temp.join(:'ended', 'ann');

-- An old room_id joins the newest room, by reschedule and by cancel and create alike; people are those of the newest.
SELECT videoroom_create_booking('chain', now(), now() + '1 hour', '{ann,bob}') AS first \gset
SELECT videoroom_reschedule('chain', now(), now() + '2 hours', '{ann}') AS second \gset
SELECT videoroom_cancel('chain');
SELECT pg_temp.join(:'first', 'ann');
SELECT videoroom_create_booking('chain', now(), now() + '3 hours', '{ann,cid}') AS third \gset
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES (pg_temp.rm(3), :'third', now());
SELECT room_id = :'third' AS newest FROM videoroom_join(:'first', 'ann');
SELECT pg_temp.join(:'second', 'cid'), pg_temp.join(:'first', 'bob');

-- A restored copy lets nobody in, whatever is open.
UPDATE videoroom.home SET system_identifier = 1, database_oid = 1;
SELECT pg_temp.join(:'third', 'ann'), pg_temp.join(:'third', 'zoe');
UPDATE videoroom.home SET database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()), server_major = 14;
SELECT pg_temp.join(:'third', 'ann') AS after_pg_upgrade;

-- A join writes nothing.
SET TRANSACTION READ ONLY;
SELECT pg_temp.join(:'third', 'cid');
ROLLBACK;

-- Without a link template or credentials there are no links; who may not join learns no more than before.
\set ECHO none
\i :inputs/settings_reset.psql
\c -
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann}') AS room \gset
SELECT pg_temp.try(format('SELECT videoroom_join(%L, %L)', :'room', 'ann'));
SELECT pg_temp.try(format('SELECT videoroom_join(%L, %L)', :'room', 'zoe'));
ROLLBACK;
\set ECHO none
ALTER SYSTEM SET videoroom.link_template = 'https://app.example/#{token}';
\i :inputs/reload.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann}') AS room \gset
SELECT pg_temp.try(format('SELECT videoroom_join(%L, %L)', :'room', 'ann'));
ROLLBACK;
\set ECHO none
ALTER SYSTEM RESET videoroom.link_template;
\i :inputs/reload.psql
