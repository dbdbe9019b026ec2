-- An operator's triggers, for each row and for each statement, see all that is written to the facts.
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
CREATE TEMP TABLE seen (tab name, op text, level text) ON COMMIT DROP;
CREATE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (TG_TABLE_NAME, TG_OP, TG_LEVEL);
    RETURN NULL;
END
$$;
DO $$
DECLARE
    tab   text;
    level text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['room', 'participant', 'session', 'connection', 'event', 'outbox'] LOOP
        FOREACH level IN ARRAY ARRAY['row', 'statement'] LOOP
            EXECUTE format('CREATE TRIGGER see_%1$s AFTER INSERT OR UPDATE OR DELETE ON videoroom.%2$I'
                           ' FOR EACH %1$s EXECUTE FUNCTION pg_temp.see()', level, tab);
        END LOOP;
    END LOOP;
END
$$;
CREATE FUNCTION pg_temp.seen(OUT tab name, OUT op text, OUT level text, OUT times bigint) RETURNS SETOF record LANGUAGE sql AS $$
    WITH gone AS (DELETE FROM seen RETURNING *)
    SELECT gone.tab, gone.op, gone.level, count(*) FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
$$;

DELETE FROM videoroom.home;
SELECT videoroom_create_booking('watched', now(), now() + '1 h', '{alice, bob}') AS room \gset
SELECT * FROM pg_temp.seen();

CREATE FUNCTION pg_temp.cb(event text, room text, at text) RETURNS text LANGUAGE sql AS $$
    SELECT videoroom_apply_callback(jsonb_build_object('StatusCallbackEvent', event, 'RoomName', room, 'RoomSid', 'RM' || repeat('1', 32),
        'ParticipantSid', 'PA' || repeat('1', 32), 'ParticipantIdentity', 'alice', 'Timestamp', at))
$$;
SELECT pg_temp.cb('room-created', :'room', '2030-01-01T10:00:00Z');
SELECT * FROM pg_temp.seen() WHERE level = 'ROW';
SELECT pg_temp.cb('participant-connected', :'room', '2030-01-01T10:01:00Z');
SELECT * FROM pg_temp.seen();
SELECT pg_temp.cb('track-added', :'room', '2030-01-01T10:02:00Z');
SELECT * FROM pg_temp.seen();
ROLLBACK;
