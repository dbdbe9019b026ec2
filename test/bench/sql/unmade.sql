-- Rooms that are open, and that nobody has asked Twilio for.
CREATE TABLE IF NOT EXISTS plain.unmade (number integer PRIMARY KEY, room_id text NOT NULL);
BEGIN;
INSERT INTO plain.unmade
SELECT n, videoroom_create_booking('unmade-' || n, now() + interval '1 minute', now() + interval '1 hour', ARRAY['host', 'guest'])
  FROM generate_series(:first, :last) n;
UPDATE videoroom.outbox SET run_at = now() + interval '50 minutes'
 WHERE room_id IN (SELECT room_id FROM plain.unmade WHERE number >= :first);
COMMIT;
VACUUM ANALYZE plain.unmade;
