\set n random(1, :rooms)
SELECT r.status, r.closes_at, p.removed_at FROM videoroom.room r, videoroom.participant p WHERE r.room_id = 'aaa' || lpad((:n)::text, 22, '0') AND p.room_id = 'aaa' || lpad((:n)::text, 22, '0') AND p.user_id = 'host';
