\set n :n + 1
SELECT j.room_sid FROM plain.unmade u, videoroom_join(u.room_id, 'host') j WHERE u.number = :n;
