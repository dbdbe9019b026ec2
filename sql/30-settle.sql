-- What follows from the facts. Called after any change of them, by whoever holds the room's row.

CREATE FUNCTION videoroom.settle_room(room_id text, announce boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.room;
    new videoroom.room;
BEGIN
    SELECT * INTO was FROM videoroom.room r WHERE r.room_id = settle_room.room_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    new := was;
    IF was.closed_at IS NULL
       AND (was.cancelled_at IS NOT NULL OR was.ended_at IS NOT NULL OR was.closes_at <= clock_timestamp()) THEN
        new.closed_at := least(was.cancelled_at, was.ended_at, was.closes_at);
    END IF;
    new.status := videoroom.room_status(new);

    IF new.status <> was.status OR new.closed_at IS DISTINCT FROM was.closed_at THEN
        UPDATE videoroom.room r
           SET status = new.status, closed_at = new.closed_at
         WHERE r.room_id = new.room_id;
    END IF;
    IF new.status <> was.status THEN
        INSERT INTO videoroom.event (room_id, kind, detail)
        VALUES (new.room_id, 'status', jsonb_build_object('from', was.status, 'to', new.status));
    END IF;

    PERFORM videoroom.settle_outbox(new);
    IF announce AND current_setting('videoroom.notify', true) = 'on' THEN
        PERFORM pg_notify('videoroom', json_build_object(
            'room_id', new.room_id, 'booking_id', new.booking_id, 'status', new.status)::text);
    END IF;
    RETURN new.status;
END
$$;
COMMENT ON FUNCTION videoroom.settle_room(text, boolean) IS
    'Derives a room''s status from its facts, closes it once, keeps the outbox in step and returns the status; announce: tell listeners, if videoroom.notify is on (never in a client''s transaction, which NOTIFY would keep from being prepared)';

CREATE FUNCTION videoroom.settle_outbox(room videoroom.room) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment        timestamptz := clock_timestamp();
    on_purpose    timestamptz := least(room.cancelled_at, room.ended_at);
    open_since    timestamptz;
    was_extended  boolean;
    some_removed  boolean;
    stay          record;
BEGIN
    SELECT max(s.started_at),
           EXISTS (SELECT FROM videoroom.outbox o
                    WHERE o.room_id = room.room_id AND o.action = 'complete-room' AND o.dead_at IS NULL
                      AND o.priority = 3 AND o.attempts = 0 AND o.run_at < room.completes_at),
           EXISTS (SELECT FROM videoroom.participant p
                    WHERE p.room_id = room.room_id AND p.removed_at IS NOT NULL)
      INTO open_since, was_extended, some_removed
      FROM videoroom.session s
     WHERE s.room_id = room.room_id AND s.ended_at IS NULL
    HAVING count(*) > 0;

    IF NOT FOUND THEN
        PERFORM videoroom.provide_again(room, moment);
        RETURN;
    END IF;

    IF on_purpose IS NOT NULL THEN
        PERFORM videoroom.require(
            room.room_id, 'complete-room', '', 0, moment, greatest(open_since, on_purpose));
    ELSE
        IF was_extended THEN
            -- The end of its call goes with it.
            UPDATE videoroom.outbox o
               SET run_at = room.completes_at
             WHERE o.room_id = room.room_id AND o.action = 'complete-room' AND o.dead_at IS NULL
               AND o.priority = 3 AND o.attempts = 0 AND o.run_at < room.completes_at;
        END IF;
        PERFORM videoroom.require(
            room.room_id, 'complete-room', '', 3, room.completes_at, open_since);
    END IF;

    IF NOT some_removed THEN
        RETURN;
    END IF;
    FOR stay IN
        SELECT c.participant_sid, p.removed_at
          FROM videoroom.session s
          JOIN videoroom.connection c ON c.room_sid = s.room_sid
          JOIN videoroom.participant p ON p.room_id = s.room_id AND p.user_id = c.user_id
         WHERE s.room_id = room.room_id AND s.ended_at IS NULL
           AND c.disconnected_at IS NULL AND p.removed_at IS NOT NULL
    LOOP
        PERFORM videoroom.require(
            room.room_id, 'remove-participant', stay.participant_sid, 0, moment, stay.removed_at);
    END LOOP;
END
$$;
COMMENT ON FUNCTION videoroom.settle_outbox(videoroom.room) IS
    'Sees to it that an open session will be ended, that removed people are put out, and that a room stands ready while its booking is on';

CREATE FUNCTION videoroom.provide_again(room videoroom.room, moment timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest videoroom.session;
BEGIN
    IF room.closed_at IS NOT NULL OR moment < room.opens_at OR moment >= room.ends_at
       OR EXISTS (SELECT FROM videoroom.outbox o
                   WHERE o.room_id = room.room_id AND o.action = 'create-room') THEN
        RETURN;
    END IF;

    SELECT * INTO newest FROM videoroom.session s
     WHERE s.room_id = room.room_id
     ORDER BY coalesce(s.started_at, s.seen_alive_at, s.ended_at) DESC, s.room_sid DESC
     LIMIT 1;
    IF FOUND AND NOT EXISTS (SELECT FROM videoroom.connection c WHERE c.room_sid = newest.room_sid) THEN
        PERFORM videoroom.enqueue(
            room.room_id, 'create-room', '', 2,
            greatest(moment, coalesce(newest.started_at, newest.seen_alive_at, newest.ended_at) + interval '5 minutes'));
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.provide_again(videoroom.room, timestamptz) IS
    'Asks for a new session of an open room whose last one ended unattended, five minutes after its start at the earliest; a call that people left is made again by the next join';
