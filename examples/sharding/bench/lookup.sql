\set n random(1, :rooms)
SELECT room_id, status, connected FROM videoroom_rooms WHERE booking_id = 'ready-' || :n;
