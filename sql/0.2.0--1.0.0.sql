-- What 1.0.0 changes. Functions are not written here: below, at @functions@, the Makefile puts every one of them as the modules have
-- it, OR REPLACE, which keeps who may call it and takes no lock on a table. One whose arguments are renamed, or that gives something
-- else, is dropped here first. Tables, views, types and triggers are changed here by hand.
--
-- Whatever locks tables locks them all at once, here at the top and in the order in which callbacks and bookings come to them, so
-- that it waits for those under way and they do not wait for it: LOCK TABLE videoroom.callback, videoroom.room,
-- videoroom.participant, videoroom.session, videoroom.connection, videoroom.event, videoroom.outbox.

SET LOCAL search_path = pg_catalog, pg_temp;

COMMENT ON COLUMN videoroom.room.home IS 'NULL: the foreign key makes a dump restore home first, and NULL takes no lock on its one row';

-- Neither the type nor videoroom_stats() is made anew: whoever may call it may go on, and views over its other columns stay.
ALTER TYPE videoroom.stats
    DROP ATTRIBUTE call_seconds_p50,
    DROP ATTRIBUTE call_seconds_p95,
    DROP ATTRIBUTE call_seconds_p99,
    DROP ATTRIBUTE callback_lag_seconds_p50,
    DROP ATTRIBUTE callback_lag_seconds_p95,
    DROP ATTRIBUTE callback_lag_seconds_p99;
COMMENT ON COLUMN videoroom.stats.call_seconds_sum IS 'How long requests took, all together, those included that were given up waiting; its growth by that of call_seconds_count is the mean of a stretch of time';
COMMENT ON COLUMN videoroom.stats.call_seconds_count IS 'The number of those requests';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_sum IS 'How long after what they tell of callbacks came, all together; its growth by that of callback_lag_seconds_count is the mean of a stretch of time';

DROP FUNCTION
    videoroom.apply_pending(integer),
    videoroom.find_room(text),
    videoroom.find_participant(text, text),
    videoroom.find_session(text),
    videoroom.find_connection(text),
    videoroom.lock_room(text),
    videoroom.note_event(text, text, jsonb),
    videoroom.insert_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer),
    videoroom.stamp_session(text, text, timestamptz);

-- @functions@

-- A function that is new is nobody's but its owner's, whatever the default privileges say: those that are not have the rights they
-- were made with in pg_init_privs, since CREATE EXTENSION took PUBLIC's from each.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT p.oid::regprocedure AS name,
               CASE WHEN entry.grantee = 0 THEN 'PUBLIC' ELSE entry.grantee::regrole::text END AS grantee
          FROM pg_extension e
          JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
          JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
         CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS entry
         WHERE e.extname = 'videoroom' AND entry.grantee <> p.proowner
           AND NOT EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid)
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', given.name, given.grantee);
    END LOOP;
END
$$;

SELECT videoroom.wake();
NOTIFY pgrst, 'reload schema';
