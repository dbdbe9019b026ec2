-- The rooms of nine o'clock: :rooms of them, to be made from :opens on; from then on those of eight o'clock are to be ended.
CREATE TABLE plain.nine (number integer PRIMARY KEY, room_id text NOT NULL);
BEGIN;
INSERT INTO plain.nine
SELECT n, videoroom_create_booking('nine-' || n, :'opens'::timestamptz + current_setting('videoroom.join_early')::interval,
                                   :'opens'::timestamptz + interval '1 hour', ARRAY['host', 'guest'])
  FROM generate_series(1, :rooms) n;
UPDATE videoroom.room SET ends_at = :'opens', closes_at = :'opens', completes_at = :'opens' WHERE booking_id LIKE 'eight-%';
UPDATE videoroom.outbox o SET run_at = :'opens'
  FROM videoroom.room r
 WHERE r.room_id = o.room_id AND r.booking_id LIKE 'eight-%' AND o.action = 'complete-room';
COMMIT;
VACUUM ANALYZE videoroom.room, videoroom.participant, videoroom.outbox, plain.nine;
