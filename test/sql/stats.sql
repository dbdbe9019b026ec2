-- Counters and latencies in one row: what its columns are, and that each counts what it says.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\i :inputs/settings.psql
\set ECHO all
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_attribute a WHERE a.attrelid = 'videoroom.stats'::regclass ORDER BY a.attnum;
SELECT a.attname AS without_comment
  FROM pg_attribute a WHERE a.attrelid = 'videoroom.stats'::regclass AND col_description(a.attrelid, a.attnum) IS NULL;

-- No worker runs here.
SELECT since <= clock_timestamp() AS since, paused, paused_until, calls_in_flight, calls_sent, call_seconds_sum, call_seconds_count,
       last_success_at, joins_waiting
  FROM videoroom_stats();

-- Other tests have counted in this database too: it is the difference that counts.
CREATE TEMP TABLE before AS SELECT * FROM videoroom_stats();
CREATE VIEW pg_temp.news AS
SELECT n.key, n.value::numeric - coalesce(b.value::numeric, 0) AS more
  FROM jsonb_each_text((SELECT to_jsonb(s) FROM videoroom_stats() s)) n
  JOIN jsonb_each_text((SELECT to_jsonb(b) FROM before b)) b USING (key)
 WHERE n.value IS DISTINCT FROM b.value AND n.key ~ '^(joins|callbacks|calls)_';
SELECT * FROM pg_temp.news;

BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('b', now() - interval '10 minutes', now() + '50 minutes', '{ann,bob}') AS room \gset
SELECT pg_temp.try(format('SELECT videoroom_join(%L, %L)', room, person))
  FROM (VALUES (1, 'nowhere', 'ann'), (2, :'room', 'zoe'), (3, :'room', 'ann')) t (n, room, person) ORDER BY n;
SELECT pg_temp.try(format('SELECT videoroom_join(%L)', :'room'));
INSERT INTO videoroom.session (room_sid, room_id, started_rest) VALUES ('RM' || repeat('0', 32), :'room', now());
SELECT count(*) FROM generate_series(1, 5) i, videoroom_join(:'room', CASE WHEN i > 0 THEN 'ann' END) l;
SELECT pg_temp.try($$INSERT INTO videoroom.callback (body, signature) VALUES ('a=b', 'forged')$$);
SELECT pg_temp.try($$INSERT INTO videoroom.callback (body, signature) VALUES ('a=%', 'forged')$$);
SELECT pg_temp.try($$SELECT videoroom_receive_callback('a=b')$$);
SELECT videoroom.count_callback(outcome, NULL, NULL)
  FROM (VALUES ('applied'), ('duplicate'), ('ignored'), (NULL)) t (outcome);
ROLLBACK;
SELECT * FROM pg_temp.news ORDER BY key;

-- How late a callback came, also where the clocks disagree.
SELECT videoroom.count_callback('applied', '2026-12-01T09:00:00.000Z', '2026-12-01 09:00:00+00'::timestamptz + late)
  FROM (VALUES (interval '2 s'), ('2 s'), ('-1 s')) t (late);
SELECT videoroom.count_callback('applied', 'soon', now());
SELECT n.callback_lag_seconds_count - b.callback_lag_seconds_count AS more,
       round((n.callback_lag_seconds_sum - b.callback_lag_seconds_sum)::numeric, 3) AS seconds
  FROM videoroom_stats() n, before b;
\set ECHO none
\i :inputs/settings_reset.psql
