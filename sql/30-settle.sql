-- What follows from the facts. Called after any change of them, by whoever holds the room's row.

CREATE FUNCTION videoroom.settle_room(room_id text, announce boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    was        videoroom.room;
    new        videoroom.room;
    open_since timestamptz;
    is_open    boolean;
    done       boolean;
BEGIN
    was := videoroom.find_room(settle_room.room_id);
    IF was.room_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT s.started_at INTO open_since
      FROM videoroom.session s
     WHERE s.room_id = settle_room.room_id AND s.ended_at IS NULL
     ORDER BY s.started_at DESC NULLS LAST
     LIMIT 1;
    is_open := FOUND;

    new := was;
    IF was.closed_at IS NULL
       AND (was.cancelled_at IS NOT NULL OR was.ended_at IS NOT NULL OR was.closes_at <= clock_timestamp()) THEN
        new.closed_at := least(was.cancelled_at, was.ended_at, was.closes_at);
    END IF;
    new.status := videoroom.room_status(new, is_open);

    IF new.status <> was.status OR new.closed_at IS DISTINCT FROM was.closed_at THEN
        UPDATE videoroom.room r
           SET status = new.status, closed_at = new.closed_at
         WHERE r.room_id = new.room_id;
    END IF;
    IF new.status <> was.status THEN
        INSERT INTO videoroom.event (room_id, kind, detail)
        VALUES (new.room_id, 'status', jsonb_object(ARRAY['from', was.status, 'to', new.status]));
    END IF;

    IF is_open THEN
        done := videoroom.settle_end(new, open_since);
        done := videoroom.settle_removals(new.room_id);
    ELSE
        done := videoroom.provide_again(new, clock_timestamp());
    END IF;
    IF announce AND current_setting('videoroom.notify', true) = 'on' THEN
        PERFORM videoroom.announce(new.room_id);
    END IF;
    RETURN new.status;
END
$$;
COMMENT ON FUNCTION videoroom.settle_room(text, boolean) IS
    'Derives a room''s status from its facts, closes it once, keeps the outbox in step and returns the status; announce: tell listeners, if videoroom.notify is on (never in a client''s transaction, which NOTIFY would keep from being prepared)';

CREATE FUNCTION videoroom.settle_end(room videoroom.room, open_since timestamptz) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    on_purpose timestamptz := least(room.cancelled_at, room.ended_at);
    due        timestamptz;
BEGIN
    IF on_purpose IS NOT NULL THEN
        RETURN videoroom.require(
            room.room_id, 'complete-room', '', 0, clock_timestamp(), greatest(open_since, on_purpose));
    END IF;

    -- By its key alone: with the priority, a plan of yesterday's statistics would walk along all of them.
    SELECT CASE WHEN o.priority = 3 AND o.attempts = 0 THEN o.run_at END INTO due FROM videoroom.outbox o
     WHERE o.room_id = room.room_id AND o.action = 'complete-room' AND o.target = '' AND o.dead_at IS NULL;
    IF due = room.completes_at THEN
        RETURN false;
    ELSIF due < room.completes_at THEN
        -- The booking was extended, and the end of its call goes with it.
        UPDATE videoroom.outbox o
           SET run_at = room.completes_at
         WHERE o.room_id = room.room_id AND o.action = 'complete-room' AND o.target = '' AND o.dead_at IS NULL;
        RETURN true;
    END IF;
    RETURN videoroom.require(room.room_id, 'complete-room', '', 3, room.completes_at, open_since);
END
$$;
COMMENT ON FUNCTION videoroom.settle_end(videoroom.room, timestamptz) IS
    'Sees to it that an open session will be ended: when the call may not go on, or now if the room was closed on purpose; true if the outbox changed';

CREATE FUNCTION videoroom.settle_removals(room_id text) RETURNS boolean
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    stay record;
    done boolean := false;
BEGIN
    IF NOT EXISTS (SELECT FROM videoroom.participant p
                    WHERE p.room_id = settle_removals.room_id AND p.removed_at IS NOT NULL) THEN
        RETURN false;
    END IF;
    FOR stay IN
        SELECT c.participant_sid, p.removed_at
          FROM videoroom.session s
          JOIN videoroom.connection c ON c.room_sid = s.room_sid
          JOIN videoroom.participant p ON p.room_id = s.room_id AND p.user_id = c.user_id
         WHERE s.room_id = settle_removals.room_id AND s.ended_at IS NULL
           AND c.disconnected_at IS NULL AND p.removed_at IS NOT NULL
    LOOP
        done := videoroom.require(
            settle_removals.room_id, 'remove-participant', stay.participant_sid, 0, clock_timestamp(), stay.removed_at)
            OR done;
    END LOOP;
    RETURN done;
END
$$;
COMMENT ON FUNCTION videoroom.settle_removals(text) IS
    'Sees to it that removed people who are in the room are put out; true if the outbox changed';

CREATE FUNCTION videoroom.provide_again(room videoroom.room, moment timestamptz) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    newest videoroom.session;
BEGIN
    IF room.closed_at IS NOT NULL OR moment < room.opens_at OR moment >= room.ends_at
       OR EXISTS (SELECT FROM videoroom.outbox o
                   WHERE o.room_id = room.room_id AND o.action = 'create-room') THEN
        RETURN false;
    END IF;

    SELECT * INTO newest FROM videoroom.session s
     WHERE s.room_id = room.room_id
     ORDER BY coalesce(s.started_at, s.seen_alive_at, s.ended_at) DESC, s.room_sid DESC
     LIMIT 1;
    IF FOUND AND NOT EXISTS (SELECT FROM videoroom.connection c WHERE c.room_sid = newest.room_sid) THEN
        PERFORM videoroom.enqueue(
            room.room_id, 'create-room', '', 2,
            greatest(moment, coalesce(newest.started_at, newest.seen_alive_at, newest.ended_at) + interval '5 minutes'));
        RETURN true;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION videoroom.provide_again(videoroom.room, timestamptz) IS
    'Asks for a new session of an open room whose last one ended unattended, five minutes after its start at the earliest; a call that people left is made again by the next join; true if it asks';

CREATE FUNCTION videoroom.announce(room_id text) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_notify('videoroom', json_build_object(
                'room_id', r.room_id, 'booking_id', r.booking_id, 'status', r.status)::text)
       FROM videoroom.room r WHERE r.room_id = announce.room_id;
END
$$;
COMMENT ON FUNCTION videoroom.announce(text) IS 'Tells listeners on channel videoroom of a room and its status';
