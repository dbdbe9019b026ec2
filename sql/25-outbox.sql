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
