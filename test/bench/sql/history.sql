-- Rooms that were booked, held and closed long ago: numbers :first to :last. No trigger and no foreign key is asked: nothing is new to them.
SET synchronous_commit = off;
SET session_replication_role = replica;
CREATE TEMPORARY TABLE past AS
SELECT n, substr(md5('past-' || n), 1, 3) || substr(md5(n::text), 1, 22) AS room_id, now() - interval '2 days' - n * interval '0.5 seconds' AS at
  FROM generate_series(:first, :last) n;
INSERT INTO videoroom.room (room_id, booking_id, status, starts_at, ends_at, opens_at, closes_at, completes_at, options, request, created_at, closed_at)
SELECT room_id, 'past-' || n, 'completed', at, at + interval '1 hour', at - interval '15 minutes', at + interval '75 minutes',
       at + interval '2 hours',
       '{"empty_room_timeout": 5, "max_participant_duration": 86400, "max_participants": 50, "unused_room_timeout": 60}',
       '{"ends_at": "2026-01-01T10:00:00Z", "starts_at": "2026-01-01T09:00:00Z", "participants": ["guest", "host"]}', at - interval '1 day', at + interval '75 minutes'
  FROM past;
INSERT INTO videoroom.participant (room_id, user_id) SELECT room_id, u || n FROM past, unnest(ARRAY['guest-', 'host-']) u;
INSERT INTO videoroom.session (room_sid, room_id, started_callback, started_rest, ended_callback, seen_alive_at)
SELECT 'RM' || md5('session-' || n), room_id, at, at, at + interval '1 hour', at + interval '1 hour' FROM past;
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_callback, disconnected_callback, duration)
SELECT 'PA' || md5(u || n), 'RM' || md5('session-' || n), u || n, at, at + interval '1 hour', 3600 FROM past, unnest(ARRAY['guest-', 'host-']) u;
INSERT INTO videoroom.event (room_id, kind) SELECT room_id, 'booked' FROM past;
INSERT INTO videoroom.callback (body, signature, digest, room_id, received_at, applied_at, outcome)
SELECT 'RoomSid=RM' || md5('session-' || n), '', sha256(int8send(n)), room_id, at, at, 'applied' FROM past;
VACUUM ANALYZE videoroom.room, videoroom.participant, videoroom.session, videoroom.connection, videoroom.event, videoroom.callback;
