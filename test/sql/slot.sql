-- A booking's slot is the first 12 bits of the SHA-256 of its id, and its rooms carry it.
SET client_min_messages = warning;
SELECT bool_and(videoroom_slot(id) = ('x' || left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 3))::bit(12)::integer)
  FROM (SELECT 'booking ' || i FROM generate_series(1, 500) i) b (id);
SELECT videoroom_slot('a'), videoroom_slot(NULL), videoroom_room_slot(NULL);
SELECT videoroom_room_slot('fff0000000000000000000000'), videoroom_room_slot('000zzzzzzzzzzzzzzzzzzzzzz');
SELECT videoroom_room_slot('RM0123');
SELECT videoroom_slot('');
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT count(DISTINCT room) = 50 AS all_differ, bool_and(videoroom_room_slot(room) = videoroom_slot('b')) AS one_slot
  FROM (SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann}') AS room, videoroom_cancel('b')
          FROM generate_series(1, 50)) r;
ROLLBACK;
