-- What follows from the facts. Called after any change of them, by whoever holds the rooms.

CREATE VIEW videoroom.standing AS
SELECT r.room_id, live.open, live.since,
       coalesce(r.closed_at, CASE
           WHEN r.cancelled_at IS NOT NULL OR r.ended_at IS NOT NULL
                OR r.closes_at <= statement_timestamp() AND (NOT live.open OR r.completes_at <= statement_timestamp())
           THEN least(r.cancelled_at, r.ended_at, r.closes_at) END) AS closed_at,
       -- Where nobody who was ever invited has come and gone, nothing follows: they may be still to come. Whoever was put out without
       -- having been invited was removed the moment they were noted.
       (SELECT CASE WHEN bool_or(c.disconnected_at IS NULL) AND NOT bool_or(c.disconnected_at IS NULL AND p.user_id IS NOT NULL AND p.removed_at IS NULL)
                    THEN greatest(max(c.disconnected_at) FILTER (WHERE p.removed_at IS DISTINCT FROM p.invited_at),
                                  max(p.removed_at) FILTER (WHERE p.removed_at IS DISTINCT FROM p.invited_at)) END
          FROM videoroom.session s
          JOIN videoroom.connection c ON c.room_sid = s.room_sid
          LEFT JOIN videoroom.participant p ON p.room_id = r.room_id AND p.user_id = c.user_id
         WHERE s.room_id = r.room_id AND s.ended_at IS NULL)
           + make_interval(mins => (r.options ->> 'empty_room_timeout')::integer) AS deserted_until
  FROM videoroom.room r
 CROSS JOIN LATERAL (
       SELECT count(*) > 0 AS open, max(s.started_at) AS since
         FROM videoroom.session s
        WHERE s.room_id = r.room_id AND s.ended_at IS NULL) AS live;
COMMENT ON VIEW videoroom.standing IS
    'What the clock and its sessions make of a room: what is read and what is written both ask it';
COMMENT ON COLUMN videoroom.standing.room_id IS 'The room';
COMMENT ON COLUMN videoroom.standing.open IS 'A session is open';
COMMENT ON COLUMN videoroom.standing.since IS 'Since when';
COMMENT ON COLUMN videoroom.standing.deserted_until IS 'Only people are in it who are not, or no longer, invited: when Twilio would end it if they were not there, which it is billed for';
COMMENT ON COLUMN videoroom.standing.closed_at IS 'The room''s, or what it would be if somebody looked now: a room stays open while a call overruns closes_at, until completes_at';

CREATE FUNCTION videoroom.settle_rooms(room_ids text[], announce boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan  -- else planned anew for each array
AS $$
DECLARE
    moment timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
BEGIN
    -- The status is the first of these that holds. OFFSET 0, here and below: else the planner may read all sessions there are
    -- into a hash table to ask about a few.
    WITH derived AS (
        SELECT r.room_id, r.starts_at, r.opens_at, r.ends_at, r.completes_at, now.open, now.since,
               least(r.cancelled_at, r.ended_at) AS stopped_at,
               r.status AS was, r.closed_at AS was_closed_at, over.at AS closed_at,
               r.overrun_until AS was_overrun,
               CASE WHEN over.at IS NULL AND r.closes_at <= moment THEN r.completes_at END AS overrun,
               CASE
                   WHEN r.cancelled_at IS NOT NULL THEN 'cancelled'
                   WHEN r.ended_at IS NOT NULL THEN 'completed'
                   WHEN now.open THEN 'in-progress'
                   WHEN EXISTS (SELECT FROM videoroom.session s
                                  JOIN videoroom.connection c ON c.room_sid = s.room_sid
                                 WHERE s.room_id = r.room_id OFFSET 0) THEN 'completed'
                   WHEN over.at IS NOT NULL THEN 'expired'
                   ELSE 'not-started'
               END AS status
          FROM videoroom.room r
          JOIN videoroom.standing now ON now.room_id = r.room_id
         -- A statement may have begun before its window was over, and have waited since.
         CROSS JOIN LATERAL (
               SELECT coalesce(now.closed_at, CASE WHEN r.closes_at <= moment AND (NOT now.open OR r.completes_at <= moment)
                                                   THEN r.closes_at END) AS at) AS over
         WHERE r.room_id = ANY (room_ids)),
    changed AS (
        UPDATE videoroom.room r
           SET status = d.status, closed_at = d.closed_at, overrun_until = d.overrun
          FROM derived d
         WHERE r.room_id = d.room_id
           AND (d.status <> d.was OR d.closed_at IS DISTINCT FROM d.was_closed_at OR d.overrun IS DISTINCT FROM d.was_overrun)
        RETURNING r.room_id, d.was, d.status),
    noted AS (
        INSERT INTO videoroom.event (room_id, kind, detail)
        SELECT c.room_id, 'status', jsonb_build_object('from', c.was, 'to', c.status)
          FROM changed c
         WHERE c.status <> c.was)
    -- The calls that the facts ask for. One that backs off, or was given up since, is left alone: else Twilio would be
    -- called as often as facts come in.
    INSERT INTO videoroom.outbox AS o (room_id, action, target, priority, run_at, starts_at)
    SELECT d.room_id, call.action, call.target, call.priority, call.run_at, d.starts_at
      FROM derived d
     CROSS JOIN LATERAL (
           -- An open session is ended when its call may not go on, or now if the room was closed on purpose.
           SELECT 'complete-room', '',
                  CASE WHEN d.stopped_at IS NULL THEN 3 ELSE 0 END,
                  CASE WHEN d.stopped_at IS NULL THEN d.completes_at ELSE moment END,
                  greatest(d.since, d.stopped_at)
            WHERE d.open
           UNION ALL
           -- Removed people who are in it are put out.
           SELECT 'remove-participant', c.participant_sid, 0, moment, p.removed_at
             FROM videoroom.participant p
             JOIN videoroom.session s ON s.room_id = p.room_id AND s.ended_at IS NULL
             JOIN videoroom.connection c ON c.room_sid = s.room_sid AND c.user_id = p.user_id
            WHERE d.open AND p.room_id = d.room_id AND p.removed_at IS NOT NULL AND c.disconnected_at IS NULL
           UNION ALL
           -- An open room whose last session ended unattended gets a new one, five minutes after the start of that one at
           -- the earliest; a call that people left is made again by the next join.
           SELECT 'create-room', '', 2, greatest(moment, last.at + interval '5 minutes'), NULL
             FROM (SELECT s.room_sid, coalesce(s.started_at, s.seen_alive_at, s.ended_at) AS at
                     FROM videoroom.session s
                    WHERE s.room_id = d.room_id
                    ORDER BY at DESC, s.room_sid DESC
                    LIMIT 1) AS last
            WHERE NOT d.open AND d.closed_at IS NULL AND d.opens_at <= moment AND d.ends_at > moment
              AND NOT EXISTS (SELECT FROM videoroom.connection c WHERE c.room_sid = last.room_sid OFFSET 0)
              AND NOT EXISTS (SELECT FROM videoroom.outbox o
                               WHERE o.room_id = d.room_id AND o.action = 'create-room' OFFSET 0)
           ) AS call (action, target, priority, run_at, since)
     WHERE NOT EXISTS (
           SELECT FROM videoroom.outbox o
            WHERE o.room_id = d.room_id AND o.action = call.action AND o.target = call.target
              AND CASE WHEN o.dead_at IS NOT NULL THEN o.dead_at >= coalesce(call.since, '-infinity')
                       ELSE o.priority <= call.priority AND (o.run_at <= call.run_at OR o.attempts > 0)
                  END)
    ON CONFLICT (room_id, action, target) WHERE dead_at IS NULL
    DO UPDATE SET run_at = least(o.run_at, excluded.run_at), priority = least(o.priority, excluded.priority)
        WHERE o.run_at > excluded.run_at OR o.priority > excluded.priority;

    IF announce AND current_setting('videoroom.notify', true) = 'on' THEN
        PERFORM videoroom.announce(room_id) FROM unnest(room_ids) AS r (room_id);
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.settle_rooms(text[], boolean) IS
    'Derives the rooms'' status from their facts, closes each once and sees to the calls that follow; announce: tell listeners, if videoroom.notify is on (never in a client''s transaction, which NOTIFY would keep from being prepared)';

CREATE FUNCTION videoroom.end_deserted(room_ids text[]) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan  -- as settle_rooms
AS $$
BEGIN
    INSERT INTO videoroom.outbox AS o (room_id, action, priority, run_at, starts_at)
    SELECT r.room_id, 'complete-room', 3, least(r.completes_at, now.deserted_until), r.starts_at
      FROM videoroom.room r
      JOIN videoroom.standing now ON now.room_id = r.room_id
     WHERE r.room_id = ANY (room_ids) AND now.deserted_until IS NOT NULL
       AND NOT EXISTS (SELECT FROM videoroom.outbox g
                        WHERE g.room_id = r.room_id AND g.action = 'complete-room' AND g.dead_at >= coalesce(now.since, '-infinity') OFFSET 0)
    ON CONFLICT (room_id, action, target) WHERE dead_at IS NULL
    DO UPDATE SET run_at = excluded.run_at WHERE o.run_at > excluded.run_at AND o.attempts = 0;
END
$$;
COMMENT ON FUNCTION videoroom.end_deserted(text[]) IS
    'Sees to it that calls in which only people are left who are not, or no longer, invited end when they would if nobody was there; the worker looks again then';

CREATE FUNCTION videoroom.settle_room(room_id text, announce boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM videoroom.settle_rooms(ARRAY[room_id], announce);
    RETURN (SELECT r.status FROM videoroom.room r WHERE r.room_id = settle_room.room_id);
END
$$;
COMMENT ON FUNCTION videoroom.settle_room(text, boolean) IS 'settle_rooms for one room, whose status it returns';

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
