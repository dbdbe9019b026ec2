-- What 1.0.0 changes. Functions are not written here: below, at @functions@, the Makefile puts every one of them as the modules have
-- it, OR REPLACE, which keeps who may call it and takes no lock on a table, and every view. A function whose arguments are renamed, or that
-- gives something else, is dropped here first. Tables, types and triggers are changed here by hand.
--
-- Whatever locks tables locks them all at once, here at the top: first without waiting, for five seconds, then in the order in which
-- callbacks and bookings come to them, so that it waits for those under way and they cannot deadlock. Whoever reads the tables in another
-- order at that moment may: then the update fails as a whole, and can be repeated.

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
BEGIN
    FOR try IN 1 .. 100 LOOP
        BEGIN
            LOCK TABLE videoroom.callback, videoroom.room, videoroom.participant, videoroom.session, videoroom.connection,
                       videoroom.event, videoroom.outbox NOWAIT;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.05);
        END;
    END LOOP;
    LOCK TABLE videoroom.callback, videoroom.room, videoroom.participant, videoroom.session, videoroom.connection,
               videoroom.event, videoroom.outbox;
END
$$;

-- Which of the sessions that were presumed over were left to the original by a copy: so far only an event says so.
ALTER TABLE videoroom.session ADD COLUMN detached_at timestamptz;
UPDATE videoroom.session s SET detached_at = s.lost_at
  FROM videoroom.event e
 WHERE e.kind = 'detached' AND e.room_id = s.room_id AND e.detail ->> 'room_sid' = s.room_sid AND s.lost_at IS NOT NULL
   AND EXISTS (SELECT FROM videoroom.home h WHERE h.let_go_at IS NOT NULL);
COMMENT ON COLUMN videoroom.outbox.params IS 'Further facts the call needs: asked_at, when Twilio was last asked who is in a call that is to be ended before its time';
COMMENT ON COLUMN videoroom.session.lost_at IS 'Presumed end, 24 hours after the start, of a session whose end nobody reported; NULL again if Twilio shows it alive after that';
COMMENT ON COLUMN videoroom.session.detached_at IS 'When a copy left it to the original: for this database it stays over, whatever Twilio shows';

ALTER TABLE videoroom.room ADD COLUMN overrun_until timestamptz;
DROP INDEX videoroom.room_open_closes;
CREATE INDEX room_open_closes ON videoroom.room ((coalesce(overrun_until, closes_at))) WHERE closed_at IS NULL;
CREATE INDEX room_successor ON videoroom.room (successor) WHERE successor IS NOT NULL;
COMMENT ON COLUMN videoroom.room.closed_at IS 'Least of cancelled_at, ended_at and closes_at, set once when the first of them has come; while a call overruns closes_at, when that is over';
COMMENT ON COLUMN videoroom.room.overrun_until IS 'completes_at, once closes_at has come and a call goes on; then housekeeping looks again';
COMMENT ON COLUMN videoroom.room.closes_at IS 'Joins are refused from here: ends_at + join_grace; while a call goes on, from completes_at';

ALTER TABLE videoroom.outbox
    DROP CONSTRAINT outbox_room_id_fkey,
    ADD COLUMN lane text NOT NULL DEFAULT 'call' CHECK (lane IN ('call', 'media'));
DROP INDEX videoroom.outbox_due, videoroom.outbox_ahead;
CREATE INDEX outbox_due ON videoroom.outbox (priority, ((last_error IS NOT NULL)::int), run_at) WHERE dead_at IS NULL;
CREATE INDEX outbox_ahead ON videoroom.outbox (starts_at, id) WHERE dead_at IS NULL AND priority = 2 AND last_error IS NULL;
COMMENT ON COLUMN videoroom.outbox.last_error IS 'Last failure: at, kind, status, code, message, more_info, request_id; since: of those with the same code the first';
COMMENT ON COLUMN videoroom.outbox.lane IS 'call: about the room and its people, which is kept for it; media: about what it left behind. Of a room one row of each lane is under way at a time';

ALTER TABLE videoroom.outbox ENABLE ALWAYS TRIGGER wake;

ALTER TABLE videoroom.event
    ADD COLUMN user_id text COLLATE "C",
    ADD COLUMN sid text COLLATE "C",
    ADD COLUMN time timestamptz,
    ADD COLUMN key text COLLATE "C",
    ADD COLUMN epoch bigint,
    ADD COLUMN xid8 xid8;
COMMENT ON COLUMN videoroom.event.user_id IS 'Whom it is about; not filled in yet';
COMMENT ON COLUMN videoroom.event.sid IS 'Twilio''s name for what it is about; not filled in yet';
COMMENT ON COLUMN videoroom.event.time IS 'When it happened, by Twilio''s clock; not filled in yet';
COMMENT ON COLUMN videoroom.event.key IS 'What tells a repeat of the same fact; not filled in yet';
COMMENT ON COLUMN videoroom.event.epoch IS 'The stretch of the server''s life in which it was written; not filled in yet';
COMMENT ON COLUMN videoroom.event.xid8 IS 'The transaction that wrote it; not filled in yet';

COMMENT ON COLUMN videoroom.room.home IS 'NULL: the foreign key makes a dump restore home first, and NULL takes no lock on its one row';

CREATE INDEX callback_not_understood ON videoroom.callback (received_at) WHERE outcome = 'not-understood';
COMMENT ON COLUMN videoroom.callback.url IS 'Public URL that Twilio called; NULL: videoroom.callback_url or callback_url_secondary';
COMMENT ON COLUMN videoroom.callback.outcome IS 'applied, duplicate, ignored, or not-understood: about a room of ours, and could not be read';
COMMENT ON COLUMN videoroom.callback.error IS 'Why it was ignored or not understood, or how applying it failed last';

-- Neither the type nor videoroom_stats() is made anew: whoever may call it may go on, and views over its other columns stay.
ALTER TYPE videoroom.stats
    DROP ATTRIBUTE call_seconds_p50,
    DROP ATTRIBUTE call_seconds_p95,
    DROP ATTRIBUTE call_seconds_p99,
    DROP ATTRIBUTE callback_lag_seconds_p50,
    DROP ATTRIBUTE callback_lag_seconds_p95,
    DROP ATTRIBUTE callback_lag_seconds_p99,
    ADD ATTRIBUTE callbacks_not_understood bigint;
COMMENT ON COLUMN videoroom.stats.callbacks_not_understood IS 'Genuine ones about a room of ours that could not be read; they are kept, and check callbacks tells of them';
COMMENT ON COLUMN videoroom.stats.callbacks_ignored IS 'Genuine ones that were kept and not applied: of another account, of no room of ours, or of an event that is not used';
COMMENT ON COLUMN videoroom.stats.call_seconds_sum IS 'How long requests took, all together, those included that were given up waiting; its growth by that of call_seconds_count is the mean of a stretch of time';
COMMENT ON COLUMN videoroom.stats.call_seconds_count IS 'The number of those requests';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_sum IS 'How long after what they tell of callbacks came, all together; its growth by that of callback_lag_seconds_count is the mean of a stretch of time';

DROP FUNCTION
    videoroom.apply_callback(jsonb),
    videoroom.apply_pending(integer),
    videoroom.decode_callback(text),
    videoroom.find_room(text),
    videoroom.find_participant(text, text),
    videoroom.find_session(text),
    videoroom.find_connection(text),
    videoroom.lock_room(text),
    videoroom.note_event(text, text, jsonb),
    videoroom.insert_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer),
    videoroom.stamp_session(text, text, timestamptz);

-- @functions@

-- What is new is nobody's but its owner's, whatever the default privileges say: functions that are not have the rights they were
-- made with in pg_init_privs, since CREATE EXTENSION took PUBLIC's from each.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT member.kind, member.name,
               CASE WHEN entry.grantee = 0 THEN 'PUBLIC' ELSE entry.grantee::regrole::text END AS grantee
          FROM (SELECT 'FUNCTION' AS kind, p.oid::regprocedure::text AS name, p.proowner AS owner,
                       coalesce(p.proacl, acldefault('f', p.proowner)) AS acl, 'pg_proc'::regclass AS catalog, p.oid AS object
                  FROM pg_proc p
                UNION ALL
                SELECT 'TABLE', c.oid::regclass::text, c.relowner, c.relacl, 'pg_class'::regclass, c.oid
                  FROM pg_class c WHERE c.oid = 'videoroom.standing'::regclass) AS member
          JOIN pg_depend d ON d.classid = member.catalog AND d.objid = member.object AND d.deptype = 'e'
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'videoroom'
         CROSS JOIN LATERAL aclexplode(member.acl) AS entry
         WHERE entry.grantee <> member.owner
           AND NOT EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = member.catalog AND i.objoid = member.object)
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %s', given.kind, given.name, given.grantee);
    END LOOP;
END
$$;

SELECT videoroom.wake();
NOTIFY pgrst, 'reload schema';
