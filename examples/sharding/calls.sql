-- The calls that go from the proxy to one shard, for both sides. owner: the part whose role makes the call. target: what the
-- shard calls. slot: a function of schema sharding and the argument that says where; NULL: the proxy names the partition.
CREATE TEMP TABLE call (owner text, name text, arguments text, result text, target text, slot text);
INSERT INTO call VALUES
    ('scheduler', 'videoroom_create_booking',
     'booking_id text, starts_at timestamptz, ends_at timestamptz, participants text[], options jsonb DEFAULT ''{}''',
     'text', 'public.videoroom_create_booking', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_cancel', 'booking_id text, reason text DEFAULT NULL',
     'void', 'public.videoroom_cancel', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_reschedule',
     'booking_id text, starts_at timestamptz, ends_at timestamptz, participants text[] DEFAULT NULL, options jsonb DEFAULT NULL',
     'text', 'public.videoroom_reschedule', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_update', 'booking_id text, metadata jsonb DEFAULT NULL, options jsonb DEFAULT NULL',
     'void', 'public.videoroom_update', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_extend', 'booking_id text, ends_at timestamptz',
     'void', 'public.videoroom_extend', 'slot_of_booking(booking_id)'),
    ('scheduler', 'videoroom_add_participants', 'room_id text, participants text[]',
     'void', 'public.videoroom_add_participants', 'slot_of_room(room_id)'),
    ('scheduler', 'videoroom_remove_participant', 'room_id text, user_id text',
     'void', 'public.videoroom_remove_participant', 'slot_of_room(room_id)'),
    ('scheduler', 'videoroom_end', 'room_id text', 'void', 'public.videoroom_end', 'slot_of_room(room_id)'),
    ('reader', 'videoroom_get', 'room_id text', 'jsonb', 'public.videoroom_get', 'slot_of_room(room_id)'),
    ('backend', 'videoroom_join', 'room_id text, user_id text',
     'videoroom.join_link', 'public.videoroom_join', 'slot_of_room(room_id)'),
    ('operator', 'videoroom_apply_callback', 'payload jsonb',
     'text', 'public.videoroom_apply_callback', 'slot_of_room(payload ->> ''RoomName'')'),
    ('relay', 'receive_callback', 'body text, signature text, url text',
     'void', 'sharding.insert_callback', 'slot_of_callback(body)'),
    ('operator', 'retry', 'outbox_id bigint', 'bigint', 'public.videoroom_retry', NULL),
    ('operator', 'discard', 'outbox_id bigint', 'void', 'public.videoroom_discard', NULL),
    ('operator', 'replay', 'since timestamptz', 'bigint', 'public.videoroom_replay', NULL),
    ('operator', 'erase', 'user_id text', 'bigint', 'public.videoroom_erase', NULL);

-- What comes back: the answer, or the refusal in its parts. Refusals travel as rows, since an error would cost the connection.
ALTER TABLE call ADD answer text, ADD arity integer;
UPDATE call SET answer = format('OUT answer %s, OUT state text, OUT message text, OUT detail text, OUT hint text',
                                CASE result WHEN 'void' THEN 'text' ELSE result END),
                arity = (SELECT count(*) FROM regexp_matches(arguments, '\w+ (?:text|timestamptz|jsonb|bigint)', 'g'));
