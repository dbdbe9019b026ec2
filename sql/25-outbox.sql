-- Asking for a call to Twilio. Callers hold the room's row.

CREATE FUNCTION videoroom.enqueue(room_id text, action text, target text, priority integer, run_at timestamptz)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO videoroom.outbox AS o (room_id, action, target, priority, run_at)
    VALUES (enqueue.room_id, enqueue.action, enqueue.target, enqueue.priority, enqueue.run_at)
    ON CONFLICT (room_id, action, target) WHERE dead_at IS NULL
    DO UPDATE SET run_at = least(o.run_at, excluded.run_at), priority = least(o.priority, excluded.priority)
        WHERE o.run_at > excluded.run_at OR o.priority > excluded.priority;
END
$$;
COMMENT ON FUNCTION videoroom.enqueue(text, text, text, integer, timestamptz) IS
    'Asks for a call; asked again, it only becomes due earlier and more urgent';

CREATE FUNCTION videoroom.require(
    room_id text, action text, target text, priority integer, run_at timestamptz, since timestamptz)
RETURNS boolean
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    -- Pulling a row out of its backoff, or raising one that was given up, each time a fact comes in would call
    -- Twilio as often as facts come in.
    IF NOT EXISTS (
        SELECT FROM videoroom.outbox o
         WHERE o.room_id = require.room_id AND o.action = require.action AND o.target = require.target
           AND CASE WHEN o.dead_at IS NOT NULL THEN o.dead_at >= coalesce(require.since, '-infinity')
                    ELSE o.priority <= require.priority AND (o.run_at <= require.run_at OR o.attempts > 0)
               END)
    THEN
        PERFORM videoroom.enqueue(
            require.room_id, require.action, require.target, require.priority, require.run_at);
        RETURN true;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION videoroom.require(text, text, text, integer, timestamptz, timestamptz) IS
    'Sees to it that a call is asked for: like enqueue, but a row backing off at that priority or given up since then is left alone; true if it asks';
