\set n random(1, 1000000000000000000)
SELECT videoroom_create_booking('booking-' || :n, date_trunc('day', now()) + interval '2 days', date_trunc('day', now()) + interval '49 hours', ARRAY['host-' || :n, 'guest-' || :n]);
