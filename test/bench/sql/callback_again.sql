-- Forgets the callbacks that came in and what they said, so that they can come again; those of past rooms stay.
TRUNCATE plain.callback;
DELETE FROM videoroom.callback WHERE room_id LIKE 'aaa00000%';
DELETE FROM videoroom.connection WHERE participant_sid LIKE 'PA000000%';
VACUUM ANALYZE videoroom.callback, videoroom.connection, videoroom.session, videoroom.event;
