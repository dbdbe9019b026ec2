-- Rooms that are open now and have a live session, as the worker would have left them; their slots go round. shards, shard:
-- only those of one shard.
SELECT videoroom_create_booking(
    (SELECT 'first-' || i FROM generate_series(1, 1000) i WHERE videoroom_slot('first-' || i) & (:shards - 1) = :shard LIMIT 1),
    now() + interval '1 day', now() + interval '25 hours', '{host}') \g /dev/null

CREATE TEMP TABLE made AS
SELECT n, lpad(to_hex(n % 4096), 3, '0') || lpad(n::text, 22, '0') AS room_id
  FROM generate_series(1, :rooms) n WHERE n & (:shards - 1) = :shard;
INSERT INTO videoroom.room (room_id, booking_id, status, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
SELECT room_id, 'ready-' || n, 'in-progress', now() - interval '5 minutes', now() + interval '20 hours',
       now() - interval '10 minutes', now() + interval '20 hours 15 minutes', now() + interval '21 hours',
       '{"audio_only": false, "media_region": null, "video_codecs": null, "max_participants": 50, "empty_room_timeout": 60, "unused_room_timeout": 60, "max_participant_duration": 86400}',
       '{"ends_at": "2026-01-01T10:00:00Z", "starts_at": "2026-01-01T09:00:00Z", "participants": ["guest", "host"]}'
  FROM made;
INSERT INTO videoroom.participant (room_id, user_id) SELECT room_id, u FROM made, unnest(ARRAY['guest', 'host']) u;
INSERT INTO videoroom.session (room_sid, room_id, started_callback, started_rest, seen_alive_at)
SELECT 'RM' || lpad(to_hex(n), 32, '0'), room_id, now(), date_trunc('second', now()), now() FROM made;
