-- A copy of a shard that is to have half of its slots: lets go of the rooms of the other half, then works. The rooms go
-- before the worker may start, so that no call to Twilio is ever made twice.
\set ON_ERROR_STOP on
BEGIN;

DO $$
BEGIN
    IF EXISTS (SELECT FROM videoroom.room) AND (SELECT h.ok FROM videoroom_health() h WHERE h.name = 'home') THEN
        RAISE EXCEPTION 'the rooms are this database''s own, and its worker may be at them'
            USING HINT = 'This is for copies, which pause.';
    END IF;
END
$$;

CREATE TEMP TABLE elsewhere ON COMMIT DROP AS
SELECT r.room_id FROM videoroom.room r WHERE videoroom_room_slot(r.room_id) & (:shards - 1) <> :shard;
ANALYZE elsewhere;

DELETE FROM videoroom.outbox o USING elsewhere e WHERE o.room_id = e.room_id;
DELETE FROM videoroom.callback c USING elsewhere e WHERE c.room_id = e.room_id;
DELETE FROM videoroom.event v USING elsewhere e WHERE v.room_id = e.room_id;
DELETE FROM videoroom.connection c USING videoroom.session s, elsewhere e WHERE c.room_sid = s.room_sid AND s.room_id = e.room_id;
DELETE FROM videoroom.session s USING elsewhere e WHERE s.room_id = e.room_id;
DELETE FROM videoroom.participant p USING elsewhere e WHERE p.room_id = e.room_id;
DELETE FROM videoroom.room r USING elsewhere e WHERE r.room_id = e.room_id;
\ir slots.sql

SELECT videoroom_adopt(true) \g (format=unaligned tuples_only=on) /dev/null
COMMIT;
