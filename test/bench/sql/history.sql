-- Rooms that were booked, held and closed long ago: numbers :first to :last. No trigger and no foreign key is asked: nothing is new to them.
SET synchronous_commit = off;
SET session_replication_role = replica;
INSERT INTO videoroom.room (room_id, booking_id, status, starts_at, ends_at, opens_at, closes_at, completes_at, options, request, created_at, closed_at)
SELECT 'bbb' || lpad(n::text, 22, '0'), 'past-' || n, 'completed', at, at + interval '1 hour', at - interval '15 minutes', at + interval '75 minutes',
       at + interval '2 hours',
       '{"empty_room_timeout": 5, "max_participant_duration": 86400, "max_participants": 50, "unused_room_timeout": 60}',
       '{"ends_at": "2026-01-01T10:00:00Z", "starts_at": "2026-01-01T09:00:00Z", "participants": ["guest", "host"]}', at - interval '1 day', at + interval '75 minutes'
  FROM (SELECT n, now() - interval '2 days' - n * interval '0.5 seconds' AS at FROM generate_series(:first, :last) n) AS past;
INSERT INTO videoroom.participant (room_id, user_id)
SELECT 'bbb' || lpad(n::text, 22, '0'), u || n FROM generate_series(:first, :last) n, unnest(ARRAY['guest-', 'host-']) u;
INSERT INTO videoroom.session (room_sid, room_id, started_callback, started_rest, ended_callback, seen_alive_at)
SELECT 'RMb' || lpad(to_hex(n), 31, '0'), room_id, starts_at, starts_at, ends_at, ends_at
  FROM generate_series(:first, :last) n JOIN videoroom.room r ON r.room_id = 'bbb' || lpad(n::text, 22, '0');
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_callback, disconnected_callback, duration)
SELECT 'PAb' || lpad(to_hex(2 * n + side), 31, '0'), 'RMb' || lpad(to_hex(n), 31, '0'), (ARRAY['guest-', 'host-'])[side + 1] || n,
       now() - interval '2 days', now() - interval '2 days', 1
  FROM generate_series(:first, :last) n, generate_series(0, 1) side;
INSERT INTO videoroom.event (room_id, kind) SELECT 'bbb' || lpad(n::text, 22, '0'), 'booked' FROM generate_series(:first, :last) n;
INSERT INTO videoroom.callback (body, signature, digest, room_id, received_at, applied_at, outcome)
SELECT 'RoomSid=RMb' || lpad(to_hex(n), 31, '0'), '', sha256(int8send(n)), 'bbb' || lpad(n::text, 22, '0'), now() - interval '2 days', now() - interval '2 days', 'applied'
  FROM generate_series(:first::bigint, :last) n;
VACUUM ANALYZE videoroom.room, videoroom.participant, videoroom.session, videoroom.connection, videoroom.event, videoroom.callback;
