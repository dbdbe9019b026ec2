\set n :n + 1
SELECT j.room_sid FROM plain.behind r, videoroom_join(r.room_id, 'host') j WHERE r.number = :n;
