-- The facts: what Twilio reported, each end point on its own. They are merged by rules that do not depend on the order in
-- which they come in, so any order of the same facts, with any repeats, ends in the same rows. Callers hold the room's row.
--
-- Functions that are called many times for each callback or answer, here and in the next files, have no search_path of their
-- own, which takes three times as long as the call itself. Nobody but the owner may call them, and whoever calls them for
-- somebody else (triggers, the functions of the API, the worker) has pinned it.

CREATE FUNCTION videoroom.merge_session(
    room_id          text,
    room_sid         text,
    started_callback timestamptz,
    started_rest     timestamptz,
    ended_callback   timestamptz,
    ended_rest       timestamptz,
    alive_at         timestamptz,
    OUT is_new       boolean,
    OUT is_open      boolean
)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.session;
    new videoroom.session;
BEGIN
    -- Most of what comes says of its session only that it was alive.
    IF coalesce(merge_session.started_callback, merge_session.started_rest,
                merge_session.ended_callback, merge_session.ended_rest) IS NULL THEN
        UPDATE videoroom.session s
           SET seen_alive_at = merge_session.alive_at
         WHERE s.room_sid = merge_session.room_sid AND s.room_id = merge_session.room_id
           AND s.seen_alive_at < merge_session.alive_at AND s.lost_at IS NULL
        RETURNING false, s.ended_at IS NULL INTO is_new, is_open;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    SELECT * INTO was FROM videoroom.session s WHERE s.room_sid = merge_session.room_sid;
    IF NOT FOUND THEN
        INSERT INTO videoroom.session
            (room_sid, room_id, started_callback, started_rest, ended_callback, ended_rest, seen_alive_at)
        VALUES
            (merge_session.room_sid, merge_session.room_id, merge_session.started_callback,
             merge_session.started_rest, merge_session.ended_callback, merge_session.ended_rest,
             merge_session.alive_at)
        ON CONFLICT (room_sid) DO NOTHING
        RETURNING true, ended_at IS NULL INTO is_new, is_open;
        IF FOUND THEN
            RETURN;
        END IF;
        SELECT * INTO STRICT was FROM videoroom.session s WHERE s.room_sid = merge_session.room_sid;
    END IF;
    IF was.room_id <> merge_session.room_id THEN
        RETURN;
    END IF;

    new := was;
    new.started_callback := least(was.started_callback, merge_session.started_callback);
    new.started_rest := least(was.started_rest, merge_session.started_rest);
    new.ended_callback := greatest(was.ended_callback, merge_session.ended_callback);
    new.ended_rest := greatest(was.ended_rest, merge_session.ended_rest);
    -- A presumed end gives way to a reported one and to a later sign of life, and follows the start.
    IF was.lost_at IS NOT NULL AND was.detached_at IS NULL THEN
        new.lost_at := greatest(
            was.seen_alive_at,
            videoroom.presumed_end(was.room_id, coalesce(new.started_callback, new.started_rest)));
        -- One that is still to come was presumed by a clock that ran ahead.
        IF coalesce(new.ended_callback, new.ended_rest) IS NOT NULL OR merge_session.alive_at > new.lost_at
           OR merge_session.alive_at IS NOT NULL AND new.lost_at > clock_timestamp() THEN
            new.lost_at := NULL;
        END IF;
    END IF;
    is_new := new IS DISTINCT FROM was;
    is_open := coalesce(new.ended_callback, new.ended_rest, new.lost_at) IS NULL;
    IF is_new OR merge_session.alive_at > was.seen_alive_at
       OR was.seen_alive_at IS NULL AND merge_session.alive_at IS NOT NULL THEN
        UPDATE videoroom.session s
           SET started_callback = new.started_callback,
               started_rest = new.started_rest,
               ended_callback = new.ended_callback,
               ended_rest = new.ended_rest,
               lost_at = new.lost_at,
               seen_alive_at = greatest(s.seen_alive_at, merge_session.alive_at)
         WHERE s.room_sid = merge_session.room_sid;
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.merge_session(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) IS
    'Merges what is known of a session: starts by min, ends by max, NULL says nothing. is_new: a fact other than alive_at is, NULL if the session is another room''s; is_open: whether it is now';

CREATE FUNCTION videoroom.record_session(
    room_id          text,
    room_sid         text,
    started_callback timestamptz,
    started_rest     timestamptz,
    ended_callback   timestamptz,
    ended_rest       timestamptz,
    alive_at         timestamptz
) RETURNS boolean
LANGUAGE sql
AS $$
    SELECT coalesce((videoroom.merge_session(
        room_id, room_sid, started_callback, started_rest, ended_callback, ended_rest, alive_at)).is_new, false)
$$;
COMMENT ON FUNCTION videoroom.record_session(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) IS
    'merge_session for whoever only asks whether anything is new';

CREATE FUNCTION videoroom.presumed_end(room_id text, started_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
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

CREATE FUNCTION videoroom.merge_connection(
    participant_sid       text,
    room_sid              text,
    user_id               text,
    connected_callback    timestamptz,
    connected_rest        timestamptz,
    disconnected_callback timestamptz,
    disconnected_rest     timestamptz,
    duration              integer,
    OUT is_new            boolean,
    OUT known_as          text
)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.connection;
    new videoroom.connection;
BEGIN
    SELECT * INTO was FROM videoroom.connection c WHERE c.participant_sid = merge_connection.participant_sid;
    IF NOT FOUND THEN
        INSERT INTO videoroom.connection
            (participant_sid, room_sid, user_id, connected_callback, connected_rest,
             disconnected_callback, disconnected_rest, duration)
        VALUES
            (merge_connection.participant_sid, merge_connection.room_sid, merge_connection.user_id,
             merge_connection.connected_callback, merge_connection.connected_rest,
             merge_connection.disconnected_callback, merge_connection.disconnected_rest,
             merge_connection.duration);
        is_new := true;
        known_as := merge_connection.user_id;
        RETURN;
    END IF;
    -- The first user_id stays: Twilio never changes it, save to forget a person.
    known_as := was.user_id;
    IF was.room_sid <> merge_connection.room_sid THEN
        is_new := false;
        RETURN;
    END IF;

    new := was;
    new.connected_callback := least(was.connected_callback, merge_connection.connected_callback);
    new.connected_rest := least(was.connected_rest, merge_connection.connected_rest);
    new.disconnected_callback := greatest(was.disconnected_callback, merge_connection.disconnected_callback);
    new.disconnected_rest := greatest(was.disconnected_rest, merge_connection.disconnected_rest);
    new.duration := greatest(was.duration, merge_connection.duration);
    is_new := new IS DISTINCT FROM was;
    IF is_new THEN
        UPDATE videoroom.connection c
           SET connected_callback = new.connected_callback,
               connected_rest = new.connected_rest,
               disconnected_callback = new.disconnected_callback,
               disconnected_rest = new.disconnected_rest,
               duration = new.duration
         WHERE c.participant_sid = merge_connection.participant_sid;
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.merge_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer) IS
    'Merges what is known of a connection, by the rules of merge_session. is_new: a fact is; known_as: the user_id that it has here, perhaps a stand-in';

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
LANGUAGE sql
AS $$
    SELECT (videoroom.merge_connection(
        participant_sid, room_sid, user_id, connected_callback, connected_rest,
        disconnected_callback, disconnected_rest, duration)).is_new
$$;
COMMENT ON FUNCTION videoroom.record_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer) IS
    'merge_connection for whoever only asks whether anything is new';
