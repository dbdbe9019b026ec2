-- What applications call. The functions act with the rights of whoever installed the extension; who may call them is
-- up to videoroom_grant.

CREATE TYPE videoroom.join_link AS (
    room_id    text,
    room_sid   text,
    user_id    text,
    link       text,
    token      text,
    expires_at timestamptz
);
COMMENT ON TYPE videoroom.join_link IS 'What lets one person into a room; whoever has the link is that person until it expires';
COMMENT ON COLUMN videoroom.join_link.room_id IS 'The room, or the one that took its place';
COMMENT ON COLUMN videoroom.join_link.room_sid IS 'Its session, Twilio''s RM sid';
COMMENT ON COLUMN videoroom.join_link.user_id IS 'The identity in the call';
COMMENT ON COLUMN videoroom.join_link.link IS 'videoroom.link_template, filled in';
COMMENT ON COLUMN videoroom.join_link.token IS 'Access token for Twilio''s client SDKs';
COMMENT ON COLUMN videoroom.join_link.expires_at IS 'The token is good until then';

-- Booking

CREATE FUNCTION @extschema@.videoroom_create_booking(
    booking_id   text,
    starts_at    timestamptz,
    ends_at      timestamptz,
    participants text[],
    options      jsonb DEFAULT '{}'
) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_create_booking';
COMMENT ON FUNCTION @extschema@.videoroom_create_booking(text, timestamptz, timestamptz, text[], jsonb) IS
'Books a room and gives its room_id

Asked again like the first time it gives the same room_id. PT409: the booking has an open room that was asked for otherwise.
options: max_participants, media_region, video_codecs, audio_only, max_participant_duration, empty_room_timeout,
unused_room_timeout, metadata.';

CREATE FUNCTION @extschema@.videoroom_cancel(booking_id text, reason text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_cancel';
COMMENT ON FUNCTION @extschema@.videoroom_cancel(text, text) IS
'Cancels a booking and ends its call

No effect on one that is cancelled or over. PT404: unknown.';

CREATE FUNCTION @extschema@.videoroom_reschedule(
    booking_id   text,
    starts_at    timestamptz,
    ends_at      timestamptz,
    participants text[] DEFAULT NULL,
    options      jsonb DEFAULT NULL
) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_reschedule';
COMMENT ON FUNCTION @extschema@.videoroom_reschedule(text, timestamptz, timestamptz, text[], jsonb) IS
'Moves a booking to another time and gives its new room_id

Ends the call of the old room, whose room_id from then on joins the new one. NULL keeps the participants or the options.
Asked again it gives the same room_id. PT404: unknown.';

CREATE FUNCTION @extschema@.videoroom_extend(booking_id text, ends_at timestamptz) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_extend';
COMMENT ON FUNCTION @extschema@.videoroom_extend(text, timestamptz) IS
'Moves the end of a booking, its call undisturbed

PT404: unknown. PT409: cancelled or over.';

CREATE FUNCTION @extschema@.videoroom_add_participants(room_id text, participants text[]) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_add_participants';
COMMENT ON FUNCTION @extschema@.videoroom_add_participants(text, text[]) IS
'Invites more people to a room

Lifts a removal; whoever is invited already stays so. PT404: unknown. PT409: cancelled or over.';

CREATE FUNCTION @extschema@.videoroom_remove_participant(room_id text, user_id text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_remove_participant';
COMMENT ON FUNCTION @extschema@.videoroom_remove_participant(text, text) IS
'Puts somebody out of a room and refuses them from then on

PT404: the room is unknown, or the user was never invited.';

CREATE FUNCTION @extschema@.videoroom_end(room_id text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_end';
COMMENT ON FUNCTION @extschema@.videoroom_end(text) IS
'Ends a room for good

No effect on one that is cancelled or over. PT404: unknown.';

-- Joining

CREATE FUNCTION @extschema@.videoroom_join(room_id text, user_id text) RETURNS videoroom.join_link
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_join';
COMMENT ON FUNCTION @extschema@.videoroom_join(text, text) IS
'Gives a user the link into a room

PT404: unknown, cancelled or over. PT403: not a participant, or not open yet. PT503: not ready, try again.';

CREATE FUNCTION @extschema@.videoroom_join(room_id text) RETURNS videoroom.join_link
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_join_claimed';
COMMENT ON FUNCTION @extschema@.videoroom_join(text) IS
'Gives the link into a room to the user that the request''s claims name

As videoroom_join(room_id, user_id); PT401: no claim videoroom.identity_claim in request.jwt.claims.';

-- Callbacks through PostgREST

CREATE FUNCTION @extschema@.videoroom_receive_callback(text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_receive_callback';
COMMENT ON FUNCTION @extschema@.videoroom_receive_callback(text) IS
'Takes a status callback of Twilio''s, its raw form body

The signature comes from header X-Twilio-Signature, the URL is videoroom.callback_url. PT403: forged.';

-- Routing

CREATE FUNCTION @extschema@.videoroom_slot(booking_id text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'videoroom_slot';
COMMENT ON FUNCTION @extschema@.videoroom_slot(text) IS
'The slot of a booking, 0 to 4095, for routers of a sharded installation';

CREATE FUNCTION @extschema@.videoroom_room_slot(room_id text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'videoroom_room_slot';
COMMENT ON FUNCTION @extschema@.videoroom_room_slot(text) IS
'The slot of a room, which is that of its booking';

-- Operation

CREATE FUNCTION @extschema@.videoroom_health(OUT name text, OUT ok boolean, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_health';
COMMENT ON FUNCTION @extschema@.videoroom_health() IS
'Checks that everything is there that rooms and links need; hint: the line or command that helps';

CREATE FUNCTION @extschema@.videoroom_retry(outbox_id bigint DEFAULT NULL) RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_retry';
COMMENT ON FUNCTION @extschema@.videoroom_retry(bigint) IS
'Makes one call, or all calls, that were given up due again, and gives their number

What was asked for anew since is left alone. PT404: unknown.';

CREATE FUNCTION @extschema@.videoroom_discard(outbox_id bigint) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_discard';
COMMENT ON FUNCTION @extschema@.videoroom_discard(bigint) IS
'Drops a call that was given up

PT404: unknown. PT409: it was not given up, so its answer may still be on the way.';

CREATE FUNCTION @extschema@.videoroom_adopt(keep boolean) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_adopt';
COMMENT ON FUNCTION @extschema@.videoroom_adopt(boolean) IS
'Lets a restored copy work, which pauses until then

true: it takes the place of the original. false: it works beside it (staging), with a Twilio account of its own; the
sessions of the original count as over here, and no call that was due is made.';

-- Waking the worker

CREATE FUNCTION videoroom.wake() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'videoroom_wake';
COMMENT ON FUNCTION videoroom.wake() IS
'Wakes this database''s worker, or has one started, when the transaction has committed';

CREATE FUNCTION videoroom.outbox_wake() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'videoroom_outbox_wake';
COMMENT ON FUNCTION videoroom.outbox_wake() IS
'Wakes the worker at commit, in time for the rows that were made due';

CREATE TRIGGER wake BEFORE INSERT OR UPDATE OF run_at, dead_at ON videoroom.outbox
    FOR EACH ROW EXECUTE FUNCTION videoroom.outbox_wake();
COMMENT ON TRIGGER wake ON videoroom.outbox IS 'Wakes the worker at commit, after a plain INSERT too';
