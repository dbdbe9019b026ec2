-- The slots of bookings and rooms, as the extension computes them, in plain SQL: the proxy needs no library.

CREATE FUNCTION videoroom_slot(booking_id text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ('x' || left(encode(sha256(convert_to(booking_id, 'UTF8')), 'hex'), 3))::bit(12)::integer $$;
COMMENT ON FUNCTION videoroom_slot(text) IS 'The slot of a booking, 0 to 4095: the first 12 bits of its SHA-256';

-- What is no room_id, or none at all, is for any shard to refuse in the extension's own words.
CREATE FUNCTION sharding.slot_of_booking(booking_id text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT coalesce(('x' || left(encode(sha256(convert_to(booking_id, 'UTF8')), 'hex'), 3))::bit(12)::integer, 0) $$;
COMMENT ON FUNCTION sharding.slot_of_booking(text) IS 'Where a booking is; NULL is for partition 0 to refuse';

CREATE FUNCTION sharding.slot_of_room(room_id text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN room_id ~ '^[0-9a-f]{3}[0-9A-Za-z]{22}$' THEN ('x' || left(room_id, 3))::bit(12)::integer ELSE 0 END $$;
COMMENT ON FUNCTION sharding.slot_of_room(text) IS 'Where a room is; what is none is for partition 0 to refuse';

CREATE FUNCTION sharding.slot_of_callback(body text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT sharding.slot_of_room(substring(body FROM '(?:^|&)RoomName=([^&]*)')) $$;
COMMENT ON FUNCTION sharding.slot_of_callback(text) IS 'Where the room is that a callback is about';

CREATE FUNCTION videoroom_room_slot(room_id text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF room_id !~ '^[0-9a-f]{3}[0-9A-Za-z]{22}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'room_id is not one of this extension''s';
    END IF;
    RETURN sharding.slot_of_room(room_id);
END
$$;
COMMENT ON FUNCTION videoroom_room_slot(text) IS 'The slot of a room, which is that of its booking';
