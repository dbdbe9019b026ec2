-- The rooms of eight o'clock: :rooms of them, made when the worker gets to it.
SELECT count(videoroom_create_booking('eight-' || n, now() + interval '1 second', now() + interval '1 hour', ARRAY['host', 'guest']))
  FROM generate_series(1, :rooms) n;
