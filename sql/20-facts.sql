-- The facts: what Twilio reported, each end point on its own. They are merged by rules that do not depend on the order in
-- which they come in, so any order of the same facts, with any repeats, ends in the same rows. Callers hold the room's row.

CREATE FUNCTION videoroom.record_session(
    room_id          text,
    room_sid         text,
    started_callback timestamptz,
    started_rest     timestamptz,
    ended_callback   timestamptz,
    ended_rest       timestamptz,
    alive_at         timestamptz
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.session;
    new videoroom.session;
BEGIN
    SELECT * INTO was FROM videoroom.session s WHERE s.room_sid = record_session.room_sid;
    IF NOT FOUND THEN
        INSERT INTO videoroom.session
            (room_sid, room_id, started_callback, started_rest, ended_callback, ended_rest, seen_alive_at)
        VALUES
            (record_session.room_sid, record_session.room_id, record_session.started_callback,
             record_session.started_rest, record_session.ended_callback, record_session.ended_rest,
             record_session.alive_at)
        ON CONFLICT (room_sid) DO NOTHING;
        IF FOUND THEN
            RETURN true;
        END IF;
        SELECT * INTO STRICT was FROM videoroom.session s WHERE s.room_sid = record_session.room_sid;
    END IF;
    IF was.room_id <> record_session.room_id THEN
        RETURN false;
    END IF;

    new := was;
    new.started_callback := least(was.started_callback, record_session.started_callback);
    new.started_rest := least(was.started_rest, record_session.started_rest);
    new.ended_callback := greatest(was.ended_callback, record_session.ended_callback);
    new.ended_rest := greatest(was.ended_rest, record_session.ended_rest);
    new.seen_alive_at := greatest(was.seen_alive_at, record_session.alive_at);
    -- A presumed end gives way to a reported one and follows the start.
    IF was.lost_at IS NOT NULL THEN
        new.lost_at := CASE WHEN coalesce(new.ended_callback, new.ended_rest) IS NULL THEN
            videoroom.presumed_end(was.room_id, coalesce(new.started_callback, new.started_rest)) END;
    END IF;
    IF new IS NOT DISTINCT FROM was THEN
        RETURN false;
    END IF;

    UPDATE videoroom.session s
       SET started_callback = new.started_callback,
           started_rest = new.started_rest,
           ended_callback = new.ended_callback,
           ended_rest = new.ended_rest,
           lost_at = new.lost_at,
           seen_alive_at = greatest(s.seen_alive_at, new.seen_alive_at)
     WHERE s.room_sid = record_session.room_sid;

    new.seen_alive_at := was.seen_alive_at;
    RETURN new IS DISTINCT FROM was;
END
$$;
COMMENT ON FUNCTION videoroom.record_session(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) IS
    'Merges what is known of a session: starts by min, ends by max, NULL says nothing; true if a fact other than alive_at is new';

CREATE FUNCTION videoroom.presumed_end(room_id text, started_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Twilio: no room outlives 24 hours. One of unknown start began before its booking closed.
    RETURN coalesce(
        started_at,
        (SELECT r.closes_at FROM videoroom.room r WHERE r.room_id = presumed_end.room_id)) + interval '24 hours';
END
$$;
COMMENT ON FUNCTION videoroom.presumed_end(text, timestamptz) IS
    'When a session is over at the latest, whether its end was reported or not';

CREATE FUNCTION videoroom.record_connection(
    participant_sid       text,
    room_sid              text,
    user_id               text,
    connected_callback    timestamptz,
    connected_rest        timestamptz,
    disconnected_callback timestamptz,
    disconnected_rest     timestamptz,
    duration              integer
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.connection;
    new videoroom.connection;
BEGIN
    SELECT * INTO was FROM videoroom.connection c
     WHERE c.participant_sid = record_connection.participant_sid;
    IF NOT FOUND THEN
        INSERT INTO videoroom.connection
            (participant_sid, room_sid, user_id, connected_callback, connected_rest,
             disconnected_callback, disconnected_rest, duration)
        VALUES
            (record_connection.participant_sid, record_connection.room_sid, record_connection.user_id,
             record_connection.connected_callback, record_connection.connected_rest,
             record_connection.disconnected_callback, record_connection.disconnected_rest,
             record_connection.duration)
        ON CONFLICT (participant_sid) DO NOTHING;
        IF FOUND THEN
            RETURN true;
        END IF;
        SELECT * INTO STRICT was FROM videoroom.connection c
         WHERE c.participant_sid = record_connection.participant_sid;
    END IF;
    -- The first user_id stays: Twilio never changes it, save to forget a person.
    IF was.room_sid <> record_connection.room_sid THEN
        RETURN false;
    END IF;

    new := was;
    new.connected_callback := least(was.connected_callback, record_connection.connected_callback);
    new.connected_rest := least(was.connected_rest, record_connection.connected_rest);
    new.disconnected_callback := greatest(was.disconnected_callback, record_connection.disconnected_callback);
    new.disconnected_rest := greatest(was.disconnected_rest, record_connection.disconnected_rest);
    new.duration := greatest(was.duration, record_connection.duration);
    IF new IS NOT DISTINCT FROM was THEN
        RETURN false;
    END IF;

    UPDATE videoroom.connection c
       SET connected_callback = new.connected_callback,
           connected_rest = new.connected_rest,
           disconnected_callback = new.disconnected_callback,
           disconnected_rest = new.disconnected_rest,
           duration = new.duration
     WHERE c.participant_sid = record_connection.participant_sid;
    RETURN true;
END
$$;
COMMENT ON FUNCTION videoroom.record_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer) IS
    'Merges what is known of a connection, by the rules of record_session; true if a fact is new';

CREATE FUNCTION videoroom.room_status(room videoroom.room) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN room.cancelled_at IS NOT NULL THEN 'cancelled'
        WHEN room.ended_at IS NOT NULL THEN 'completed'
        WHEN EXISTS (SELECT FROM videoroom.session s
                      WHERE s.room_id = room.room_id AND s.ended_at IS NULL) THEN 'in-progress'
        WHEN EXISTS (SELECT FROM videoroom.session s
                       JOIN videoroom.connection c ON c.room_sid = s.room_sid
                      WHERE s.room_id = room.room_id) THEN 'completed'
        WHEN room.closed_at IS NOT NULL OR room.closes_at <= clock_timestamp() THEN 'expired'
        ELSE 'not-started'
    END;
END
$$;
COMMENT ON FUNCTION videoroom.room_status(videoroom.room) IS
    'Status of a room, derived from the facts: the first of these rules that holds';
