-- Rooms that are open now and have a live session, as the worker would have left them.
INSERT INTO videoroom.room (room_id, booking_id, status, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
SELECT 'aaa' || lpad(n::text, 22, '0'), 'ready-' || n, 'in-progress', now() - interval '5 minutes', now() + interval '20 hours',
       now() - interval '10 minutes', now() + interval '20 hours 15 minutes', now() + interval '21 hours',
       '{"empty_room_timeout": 60, "max_participant_duration": 86400, "max_participants": 50, "unused_room_timeout": 60}',
       '{"ends_at": "2026-01-01T10:00:00Z", "starts_at": "2026-01-01T09:00:00Z", "participants": ["guest", "host"]}'
  FROM generate_series(:first, :last) n;
INSERT INTO videoroom.participant (room_id, user_id)
SELECT 'aaa' || lpad(n::text, 22, '0'), u FROM generate_series(:first, :last) n, unnest(ARRAY['guest', 'host']) u;
INSERT INTO videoroom.session (room_sid, room_id, started_callback, started_rest, seen_alive_at)
SELECT 'RM' || lpad(to_hex(n), 32, '0'), 'aaa' || lpad(n::text, 22, '0'), now(), date_trunc('second', now()), now() FROM generate_series(:first, :last) n;
INSERT INTO videoroom.outbox (room_id, action, priority, run_at)
SELECT r.room_id, 'complete-room', 3, r.completes_at
  FROM generate_series(:first, :last) n JOIN videoroom.room r ON r.room_id = 'aaa' || lpad(n::text, 22, '0');
INSERT INTO videoroom.event (room_id, kind) SELECT 'aaa' || lpad(n::text, 22, '0'), 'booked' FROM generate_series(:first, :last) n;
