\set n :n + 1
SELECT j.room_sid FROM plain.nine r, videoroom_join(r.room_id, 'host') j WHERE r.number = :n;
