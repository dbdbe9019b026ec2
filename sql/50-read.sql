-- What may be read. Views are plain SQL, so they act as their owner and no reader runs code of ours; what the clock
-- brings, the step to expired, shows here before housekeeping has written it.

CREATE VIEW videoroom.stay AS
SELECT s.room_id, c.user_id, c.participant_sid,
       coalesce(c.connected_at,
                coalesce(c.disconnected_at, s.ended_at) - c.duration * interval '1 second') AS joined_at,
       coalesce(c.disconnected_at, s.ended_at) AS left_at,
       c.disconnected_at IS NULL AND s.ended_at IS NULL AS open
  FROM videoroom.connection c
  JOIN videoroom.session s ON s.room_sid = c.room_sid;
COMMENT ON VIEW videoroom.stay IS
    'Connections with the ends that follow from other facts: a session''s end closes what is open in it, a duration gives a start';
COMMENT ON COLUMN videoroom.stay.room_id IS 'The room';
COMMENT ON COLUMN videoroom.stay.user_id IS 'The user';
COMMENT ON COLUMN videoroom.stay.participant_sid IS 'Twilio''s PA sid';
COMMENT ON COLUMN videoroom.stay.joined_at IS 'connected_at, else end - duration; NULL if neither is known';
COMMENT ON COLUMN videoroom.stay.left_at IS 'disconnected_at, else the session''s end; NULL while open';
COMMENT ON COLUMN videoroom.stay.open IS 'An open connection in an open session';

CREATE VIEW @extschema@.videoroom_rooms AS
SELECT r.room_id,
       r.booking_id,
       CASE WHEN r.status = 'not-started' AND now.closed_at IS NOT NULL THEN 'expired' ELSE r.status END AS status,
       r.starts_at,
       r.ends_at,
       r.opens_at,
       r.closes_at,
       now.closed_at,
       now.closed_at IS NOT NULL AND NOT now.open AS final,
       r.successor,
       people.invited,
       people.removed,
       presence.connected,
       presence.attended,
       presence.first_joined_at,
       r.cancelled_at IS NULL AND now.closed_at IS NOT NULL AND presence.attended = 0 AS no_show,
       r.created_at,
       r.cancelled_at,
       r.ended_at,
       r.reason,
       r.metadata
  FROM videoroom.room r
  JOIN videoroom.standing now ON now.room_id = r.room_id
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE p.removed_at IS NULL) AS invited,
              count(*) FILTER (WHERE p.removed_at IS NOT NULL) AS removed
         FROM videoroom.participant p
        WHERE p.room_id = r.room_id
     ) people
 CROSS JOIN LATERAL (
       SELECT count(DISTINCT t.user_id) FILTER (WHERE t.open) AS connected,
              count(DISTINCT t.user_id) AS attended,
              min(t.joined_at) AS first_joined_at
         FROM videoroom.stay t
        WHERE t.room_id = r.room_id
     ) presence;
COMMENT ON VIEW @extschema@.videoroom_rooms IS 'Rooms, one row each: for lists by booking, by time, by status';
COMMENT ON COLUMN @extschema@.videoroom_rooms.room_id IS 'Name of the room';
COMMENT ON COLUMN @extschema@.videoroom_rooms.booking_id IS 'The scheduler''s name for the booking';
COMMENT ON COLUMN @extschema@.videoroom_rooms.status IS 'not-started: booked; in-progress: a session is open at Twilio, perhaps still empty; completed: people were there and the session is over, or it was ended on purpose; cancelled: cancelled or rescheduled; expired: its time passed and nobody came';
COMMENT ON COLUMN @extschema@.videoroom_rooms.starts_at IS 'Start of the booking';
COMMENT ON COLUMN @extschema@.videoroom_rooms.ends_at IS 'End of the booking';
COMMENT ON COLUMN @extschema@.videoroom_rooms.opens_at IS 'Joins are let in from here';
COMMENT ON COLUMN @extschema@.videoroom_rooms.closes_at IS 'Joins are refused from here';
COMMENT ON COLUMN @extschema@.videoroom_rooms.closed_at IS 'When it closed: cancelled, ended on purpose or over; NULL while open';
COMMENT ON COLUMN @extschema@.videoroom_rooms.final IS 'Closed and nothing going on at Twilio: connected times will not grow any more';
COMMENT ON COLUMN @extschema@.videoroom_rooms.successor IS 'The room that took its place';
COMMENT ON COLUMN @extschema@.videoroom_rooms.invited IS 'How many people are invited';
COMMENT ON COLUMN @extschema@.videoroom_rooms.removed IS 'How many were put out';
COMMENT ON COLUMN @extschema@.videoroom_rooms.connected IS 'How many people are in it now';
COMMENT ON COLUMN @extschema@.videoroom_rooms.attended IS 'How many people were ever in it';
COMMENT ON COLUMN @extschema@.videoroom_rooms.first_joined_at IS 'When the first of them came';
COMMENT ON COLUMN @extschema@.videoroom_rooms.no_show IS 'Closed, not cancelled, and nobody came';
COMMENT ON COLUMN @extschema@.videoroom_rooms.created_at IS 'When it was booked';
COMMENT ON COLUMN @extschema@.videoroom_rooms.cancelled_at IS 'When it was cancelled or rescheduled';
COMMENT ON COLUMN @extschema@.videoroom_rooms.ended_at IS 'When it was ended on purpose';
COMMENT ON COLUMN @extschema@.videoroom_rooms.reason IS 'Why it was cancelled';
COMMENT ON COLUMN @extschema@.videoroom_rooms.metadata IS 'The scheduler''s own object';

CREATE VIEW @extschema@.videoroom_participants AS
SELECT person.room_id,
       r.booking_id,
       r.starts_at,
       r.ends_at,
       person.user_id,
       CASE WHEN person.removed_at IS NOT NULL THEN 'removed'
            WHEN presence.connected THEN 'connected'
            WHEN presence.ever THEN 'disconnected'
            ELSE 'invited' END AS status,
       person.invited,
       presence.connected AND NOT EXISTS (
           SELECT FROM videoroom.stay t
            WHERE t.room_id = person.room_id AND t.open AND t.user_id <> person.user_id) AS waiting,
       presence.connected_since,
       coalesce(length.seconds, 0) AS connected_seconds,
       presence.first_joined_at,
       CASE WHEN NOT presence.connected THEN presence.last_left_at END AS last_left_at,
       NOT presence.ever AND person.removed_at IS NULL AND r.cancelled_at IS NULL
           AND now.closed_at IS NOT NULL AS no_show,
       person.invited_at,
       person.removed_at
  FROM (SELECT p.room_id, p.user_id, true AS invited, p.invited_at, p.removed_at
          FROM videoroom.participant p
        UNION ALL
        SELECT DISTINCT s.room_id, c.user_id, false, NULL::timestamptz, NULL::timestamptz
          FROM videoroom.connection c
          JOIN videoroom.session s ON s.room_sid = c.room_sid
         WHERE NOT EXISTS (SELECT FROM videoroom.participant p
                            WHERE p.room_id = s.room_id AND p.user_id = c.user_id)
       ) person
  JOIN videoroom.room r ON r.room_id = person.room_id
  JOIN videoroom.standing now ON now.room_id = r.room_id
 CROSS JOIN LATERAL (
       SELECT count(*) > 0 AS ever,
              coalesce(bool_or(t.open), false) AS connected,
              min(t.joined_at) FILTER (WHERE t.open) AS connected_since,
              min(t.joined_at) AS first_joined_at,
              max(t.left_at) AS last_left_at,
              range_agg(tstzrange(t.joined_at, greatest(t.joined_at, coalesce(t.left_at, statement_timestamp()))))
                  FILTER (WHERE t.joined_at IS NOT NULL) AS intervals
         FROM videoroom.stay t
        WHERE t.room_id = person.room_id AND t.user_id = person.user_id
     ) presence
 CROSS JOIN LATERAL (
       SELECT round(extract(epoch FROM sum(upper(i) - lower(i))))::bigint AS seconds
         FROM unnest(presence.intervals) i
     ) length;
COMMENT ON VIEW @extschema@.videoroom_participants IS
    'People of rooms, one row for each person and room: who is there, who waits, who did not come; also who came uninvited';
COMMENT ON COLUMN @extschema@.videoroom_participants.room_id IS 'Name of the room';
COMMENT ON COLUMN @extschema@.videoroom_participants.booking_id IS 'The scheduler''s name for the booking';
COMMENT ON COLUMN @extschema@.videoroom_participants.starts_at IS 'Start of the booking';
COMMENT ON COLUMN @extschema@.videoroom_participants.ends_at IS 'End of the booking';
COMMENT ON COLUMN @extschema@.videoroom_participants.user_id IS 'The person';
COMMENT ON COLUMN @extschema@.videoroom_participants.status IS 'invited: not there yet; connected; disconnected: was there; removed: put out';
COMMENT ON COLUMN @extschema@.videoroom_participants.invited IS 'On the list of the room; false: seen there uninvited';
COMMENT ON COLUMN @extschema@.videoroom_participants.waiting IS 'In the room, and nobody else is';
COMMENT ON COLUMN @extschema@.videoroom_participants.connected_since IS 'Start of the present stay; NULL while not connected';
COMMENT ON COLUMN @extschema@.videoroom_participants.connected_seconds IS 'Seconds in the room, overlapping connections counted once, up to now while connected';
COMMENT ON COLUMN @extschema@.videoroom_participants.first_joined_at IS 'When the person first came';
COMMENT ON COLUMN @extschema@.videoroom_participants.last_left_at IS 'When the person left last; NULL while connected';
COMMENT ON COLUMN @extschema@.videoroom_participants.no_show IS 'The room closed, not cancelled, and the person never came';
COMMENT ON COLUMN @extschema@.videoroom_participants.invited_at IS 'When the person was invited, last';
COMMENT ON COLUMN @extschema@.videoroom_participants.removed_at IS 'When the person was put out';

CREATE FUNCTION @extschema@.videoroom_get(room_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    answer jsonb;
BEGIN
    IF videoroom_get.room_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'room_id must not be null';
    END IF;

    SELECT jsonb_build_object(
               'room_id', r.room_id, 'booking_id', r.booking_id, 'status', r.status,
               'starts_at', r.starts_at, 'ends_at', r.ends_at, 'opens_at', r.opens_at, 'closes_at', r.closes_at,
               'closed_at', r.closed_at, 'final', r.final, 'successor', r.successor, 'connected', r.connected,
               'participants', people.list, 'sessions', sessions.list)
      INTO answer
      FROM @extschema@.videoroom_rooms r
     CROSS JOIN LATERAL (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
                      'user_id', p.user_id, 'status', p.status, 'invited', p.invited,
                      'connected_seconds', p.connected_seconds, 'first_joined_at', p.first_joined_at,
                      'last_left_at', p.last_left_at) ORDER BY p.user_id), '[]') AS list
             FROM @extschema@.videoroom_participants p
            WHERE p.room_id = r.room_id
         ) people
     CROSS JOIN LATERAL (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
                      'room_sid', s.room_sid,
                      'status', CASE WHEN s.ended_at IS NULL THEN 'in-progress' ELSE 'completed' END,
                      'started_at', s.started_at, 'ended_at', s.ended_at)
                      ORDER BY coalesce(s.started_at, s.ended_at), s.room_sid), '[]') AS list
             FROM videoroom.session s
            WHERE s.room_id = r.room_id
         ) sessions
     WHERE r.room_id = videoroom_get.room_id;

    IF answer IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PT404', MESSAGE = 'room not found', DETAIL = '{"reason":"unknown"}';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_get(text) IS
    'Everything about one room: status, times, people and sessions; PT404 for an unknown one';
