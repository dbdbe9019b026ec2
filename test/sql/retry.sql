-- A call that was given up can be made due again.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('a', now(), now() + '1 hour', '{ann}') AS a \gset
SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann}') AS b \gset
DELETE FROM videoroom.outbox;
CREATE TEMP TABLE row (name text, id bigint);
CREATE FUNCTION pg_temp.put(name text, room text, action text, dead boolean) RETURNS void LANGUAGE sql AS $$
    WITH new AS (
        INSERT INTO videoroom.outbox (room_id, action, dead_at, attempts, run_at, last_error)
        VALUES ($2, $3, CASE WHEN $4 THEN now() END, 3, now() + '1 hour',
                CASE WHEN $4 THEN '{"kind": "permanent"}'::jsonb END) RETURNING id)
    INSERT INTO row SELECT $1, id FROM new
$$;
CREATE FUNCTION pg_temp.rows() RETURNS TABLE (name text, dead boolean, attempts int, due boolean, error text) LANGUAGE sql AS $$
    SELECT name, dead_at IS NOT NULL, attempts, run_at <= clock_timestamp(), last_error ->> 'kind'
      FROM videoroom.outbox JOIN row USING (id) ORDER BY id
$$;
SELECT pg_temp.put('a create, older', :'a', 'create-room', true);
SELECT pg_temp.put('a create', :'a', 'create-room', true);
SELECT pg_temp.put('a complete', :'a', 'complete-room', true);
SELECT pg_temp.put('b create', :'b', 'create-room', true);
SELECT pg_temp.put('b create, asked for again', :'b', 'create-room', false);
SELECT pg_temp.put('b complete, alive', :'b', 'complete-room', false);

-- One by its number, without what it died of; one that is alive, or has been asked for again, is left alone.
SELECT videoroom_retry(id) FROM row WHERE name = 'a complete';
SELECT videoroom_retry(id) FROM row WHERE name = 'a complete';
SELECT videoroom_retry(id) FROM row WHERE name = 'b create';
SELECT * FROM pg_temp.rows();

-- All: of several that ask for the same only the last.
SELECT videoroom_retry();
SELECT * FROM pg_temp.rows();
SELECT videoroom_retry();
SELECT kind, detail ->> 'action' AS action FROM videoroom.event WHERE kind = 'retried' ORDER BY id;
SELECT pg_temp.try('SELECT videoroom_retry(-1)');
ROLLBACK;
