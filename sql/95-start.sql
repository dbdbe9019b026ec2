-- Off it goes: the worker starts when this transaction commits.

DO $$
DECLARE
    advice text;
BEGIN
    SELECT h.hint INTO advice FROM @extschema@.videoroom_health() h
     WHERE h.name OPERATOR(pg_catalog.=) 'preload' AND NOT h.ok;
    IF FOUND THEN
        RAISE WARNING USING
            MESSAGE = 'videoroom is not preloaded: bookings are taken, but no rooms are made',
            HINT = advice;
    END IF;
END
$$;

SELECT videoroom.wake();
NOTIFY pgrst, 'reload schema';
