-- Which slots a shard has: those with slot & (shards - 1) = shard. A booking that a proxy with an old map brings to the wrong
-- shard is refused (23514), so that no booking ever has rooms in two.

ALTER TABLE videoroom.room DROP CONSTRAINT IF EXISTS sharding_slots;
ALTER TABLE videoroom.room ADD CONSTRAINT sharding_slots CHECK (videoroom_room_slot(room_id) & (:shards - 1) = :shard);
