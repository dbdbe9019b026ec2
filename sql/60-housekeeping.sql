-- What only the clock brings, in batches that never wait for a room somebody else holds.

CREATE FUNCTION videoroom.expire_rooms(batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
    over   text[];
BEGIN
    over := ARRAY(
        SELECT r.room_id FROM videoroom.room r
         WHERE r.closed_at IS NULL AND coalesce(r.overrun_until, r.closes_at) <= moment
         ORDER BY coalesce(r.overrun_until, r.closes_at)
         LIMIT batch
           FOR NO KEY UPDATE SKIP LOCKED);
    IF over <> '{}' THEN
        PERFORM videoroom.settle_rooms(over);
    END IF;
    RETURN cardinality(over);
END
$$;
COMMENT ON FUNCTION videoroom.expire_rooms(integer) IS
    'Closes rooms whose window is over, at most so many, or notes that a call overruns it; returns how many';

CREATE FUNCTION videoroom.lose_sessions(batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
    stale  record;
    lost   integer := 0;
BEGIN
    FOR stale IN
        SELECT r.room_id, s.room_sid
          FROM videoroom.session s
          JOIN videoroom.room r ON r.room_id = s.room_id
         WHERE s.ended_at IS NULL
           AND (s.started_at <= moment - interval '24 hours' OR s.started_at IS NULL)
           AND coalesce(s.started_at, r.closes_at) + interval '24 hours' <= moment
           AND (s.seen_alive_at IS NULL OR s.seen_alive_at <= moment - interval '1 hour')
         ORDER BY s.room_id
         LIMIT batch
           FOR NO KEY UPDATE OF r SKIP LOCKED
    LOOP
        -- Looked at again now that the room is ours.
        UPDATE videoroom.session s
           SET lost_at = greatest(videoroom.presumed_end(s.room_id, s.started_at), s.seen_alive_at)
         WHERE s.room_sid = stale.room_sid AND s.ended_at IS NULL
           AND videoroom.presumed_end(s.room_id, s.started_at) <= clock_timestamp()
           AND (s.seen_alive_at IS NULL OR s.seen_alive_at <= clock_timestamp() - interval '1 hour');
        IF FOUND THEN
            INSERT INTO videoroom.event (room_id, kind, detail)
            VALUES (stale.room_id, 'session-lost', jsonb_build_object('room_sid', stale.room_sid));
            PERFORM videoroom.settle_room(stale.room_id);
            lost := lost + 1;
        END IF;
    END LOOP;
    RETURN lost;
END
$$;
COMMENT ON FUNCTION videoroom.lose_sessions(integer) IS
    'Gives up sessions whose end nobody reported and that Twilio cannot have any more, at most so many; returns how many';

CREATE FUNCTION videoroom.done_with(room videoroom.room, before timestamptz) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT room.closed_at < before
       AND NOT EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = room.room_id AND s.ended_at IS NULL OFFSET 0)
       AND NOT EXISTS (SELECT FROM videoroom.outbox o
                        WHERE o.room_id = room.room_id AND o.lane = 'call' AND o.dead_at IS NULL OFFSET 0)
$$;
COMMENT ON FUNCTION videoroom.done_with(videoroom.room, timestamptz) IS
    'Whether a room closed before that moment, with nothing going on and nothing left to do';

CREATE FUNCTION videoroom.forgettable(before timestamptz, most integer, among text[] DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- An old room_id joins the newest room of its chain, so it is needed as long as that one is: from there back.
    RETURN ARRAY(
        WITH RECURSIVE chain AS (
            (SELECT r.room_id FROM videoroom.room r
              WHERE r.closed_at < before AND (among IS NULL OR r.room_id = ANY (among)) AND videoroom.done_with(r, before)
                AND NOT EXISTS (SELECT FROM videoroom.room n WHERE n.room_id = r.successor OFFSET 0)
              ORDER BY r.closed_at
              LIMIT most)
            UNION ALL
            SELECT r.room_id FROM chain JOIN videoroom.room r ON r.successor = chain.room_id
             WHERE (among IS NULL OR r.room_id = ANY (among)) AND videoroom.done_with(r, before))
        SELECT c.room_id FROM chain c LIMIT most);
END
$$;
COMMENT ON FUNCTION videoroom.forgettable(timestamptz, integer, text[]) IS
    'At most so many rooms that are done with, as are all that came after them; among: of these alone';

CREATE FUNCTION videoroom.purge(retention interval, batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before timestamptz := clock_timestamp() - retention;
    rooms  text[];
    purged integer;
    gone   integer;
BEGIN
    rooms := ARRAY(SELECT r.room_id FROM videoroom.room r
                    WHERE r.room_id = ANY (videoroom.forgettable(before, batch))
                      FOR UPDATE SKIP LOCKED);
    -- A successor may have been booked before the lock was ours, or be somebody else's now.
    rooms := videoroom.forgettable(before, batch, rooms);

    DELETE FROM videoroom.event e WHERE e.room_id = ANY (rooms);
    DELETE FROM videoroom.outbox o WHERE o.room_id = ANY (rooms) AND o.lane = 'call';
    DELETE FROM videoroom.connection c
     USING videoroom.session s
     WHERE s.room_sid = c.room_sid AND s.room_id = ANY (rooms);
    DELETE FROM videoroom.session s WHERE s.room_id = ANY (rooms);
    DELETE FROM videoroom.participant p WHERE p.room_id = ANY (rooms);
    DELETE FROM videoroom.room r WHERE r.room_id = ANY (rooms);
    GET DIAGNOSTICS purged = ROW_COUNT;

    DELETE FROM videoroom.callback c
     WHERE c.id = ANY (ARRAY(
        SELECT k.id FROM videoroom.callback k
         WHERE k.received_at < before
         ORDER BY k.received_at
         LIMIT batch
           FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN purged + gone;
END
$$;
COMMENT ON FUNCTION videoroom.purge(interval, integer) IS
    'Forgets rooms that are over for longer than retention, and callbacks that old, at most so many of each; returns how many';
