-- Rooms that are due to be made and were not, numbers :first to :last, as after an outage; the first :dead of them were given up.
SET synchronous_commit = off;
SET session_replication_role = replica;
INSERT INTO videoroom.room (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
SELECT 'ccc' || lpad(n::text, 22, '0'), 'late-' || n, at, at + interval '20 hours', at - interval '15 minutes', at + interval '20 hours 15 minutes', at + interval '21 hours',
       '{"empty_room_timeout": 5, "max_participant_duration": 86400, "max_participants": 50, "unused_room_timeout": 60}',
       '{"ends_at": "2026-01-01T10:00:00Z", "starts_at": "2026-01-01T09:00:00Z", "participants": ["guest", "host"]}'
  FROM (SELECT n, now() + n * interval '0.3 milliseconds' AS at FROM generate_series(:first, :last) n) AS late;
INSERT INTO videoroom.participant (room_id, user_id)
SELECT 'ccc' || lpad(n::text, 22, '0'), u FROM generate_series(:first, :last) n, unnest(ARRAY['guest', 'host']) u;
INSERT INTO videoroom.outbox (room_id, action, run_at, starts_at, dead_at, last_error)
SELECT 'ccc' || lpad(n::text, 22, '0'), 'create-room', now(), now() + n * interval '0.3 milliseconds', CASE WHEN n < :first + :dead THEN now() END,
       CASE WHEN n < :first + :dead THEN jsonb_build_object('kind', 'permanent', 'at', now()) END
  FROM generate_series(:first, :last) n;
INSERT INTO videoroom.event (room_id, kind) SELECT 'ccc' || lpad(n::text, 22, '0'), 'booked' FROM generate_series(:first, :last) n;
VACUUM ANALYZE videoroom.room, videoroom.participant, videoroom.outbox, videoroom.event;
