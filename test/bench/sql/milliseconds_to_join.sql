-- How long a join takes; NULL: it is refused.
CREATE OR REPLACE FUNCTION plain.milliseconds_to_join(room_id text) RETURNS float8
LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    PERFORM videoroom_join(room_id, 'host');
    RETURN 1000 * extract(epoch FROM clock_timestamp() - began);
EXCEPTION WHEN sqlstate 'PT503' THEN
    RETURN NULL;
END
$$;
