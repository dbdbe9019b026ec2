-- Rooms that are due all at once: :rooms of them, the first of them needed last.
CREATE TABLE plain.behind (number integer PRIMARY KEY, room_id text NOT NULL);
INSERT INTO plain.behind
SELECT n, videoroom_create_booking('behind-' || n, now() + (:rooms - n) * interval '10 milliseconds', now() + interval '1 hour', ARRAY['host', 'guest'])
  FROM generate_series(1, :rooms) n;
