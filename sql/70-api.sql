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
The room_id of a room that was cancelled, or that nobody came to, joins the next one of its booking_id; that of one that was ended,
or that people came to, stays over.
The whole window, from opening to closing, is at most 24 hours; up to 1000 people can be invited. options, an object of

- max_participants: 1 to 50 at once, 50 by default
- media_region: one of Twilio''s regions, or gll; the account''s by default
- video_codecs: list of VP8, H264; Twilio''s by default
- audio_only: true or false; Twilio''s by default
- max_participant_duration: 600 to 86400 seconds, 86400 by default
- empty_room_timeout: 1 to 60 minutes, 5 by default
- unused_room_timeout: 1 to 60 minutes, 60 by default
- metadata: any object of yours, up to 16 kB, never sent to Twilio; {} by default';

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
'Moves a booking to another time and gives its room_id

With the same start, and the same options, that is the room it has: its end, people and metadata change, its call goes on. Else a new
one: the call of the old room ends, and its room_id from then on joins the new one. NULL keeps the participants or the options.
Asked again it gives the same room_id. PT404: unknown.';

CREATE FUNCTION @extschema@.videoroom_update(booking_id text, metadata jsonb DEFAULT NULL, options jsonb DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_update';
COMMENT ON FUNCTION @extschema@.videoroom_update(text, jsonb, jsonb) IS
'Changes what a booking is, its call undisturbed

metadata replaces, options are those that change; NULL leaves them. 22023: an option that Twilio fixes when it makes the room, and has made
it. PT404: unknown. PT409: cancelled or over.';

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

Whoever is there uninvited, too. PT404: the room is unknown, or the user was neither invited nor there.';

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

As videoroom_join(room_id, user_id); PT401: no claim videoroom.identity_claim in request.jwt.claims, or none that can be a user_id.';

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

CREATE FUNCTION videoroom.identities_behind(move boolean) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name   text;
    last   bigint;
    next   bigint;
    behind text[] := ARRAY[]::text[];
BEGIN
    FOREACH name IN ARRAY ARRAY['outbox', 'callback', 'event'] LOOP
        EXECUTE format('SELECT (SELECT max(id) FROM videoroom.%1$I), s.last_value + s.is_called::int FROM videoroom.%2$I s',
                       name, name || '_id_seq') INTO last, next;
        IF last >= next THEN
            behind := behind || ('videoroom.' || name);
            IF move THEN
                PERFORM setval(format('videoroom.%I', name || '_id_seq')::regclass, last);
            END IF;
        END IF;
    END LOOP;
    RETURN behind;
END
$$;
COMMENT ON FUNCTION videoroom.identities_behind(boolean) IS
    'Tables whose next id is taken already, as after logical replication, which copies no sequences; move: their next id is a new one from then on';

CREATE FUNCTION @extschema@.videoroom_adopt(keep boolean) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_adopt';
COMMENT ON FUNCTION @extschema@.videoroom_adopt(boolean) IS
'Lets a restored copy work, which pauses until then

true: it takes the place of the original, after a switch by logical replication too. false: it works beside it (staging), with a
Twilio account of its own; the sessions of the original count as over here, and no call that was due is made.';

CREATE TYPE videoroom.stats AS (
    since                      timestamptz,
    calls_sent                 bigint,
    calls_ok                   bigint,
    calls_limited              bigint,
    calls_failed               bigint,
    calls_retried              bigint,
    calls_dead                 bigint,
    calls_in_flight            bigint,
    oldest_due_at              timestamptz,
    paused                     text,
    paused_until               timestamptz,
    last_success_at            timestamptz,
    call_seconds_sum           double precision,
    call_seconds_count         bigint,
    callbacks_ok               bigint,
    callbacks_ignored          bigint,
    callbacks_failed           bigint,
    callbacks_forged           bigint,
    callback_lag_seconds_sum   double precision,
    callback_lag_seconds_count bigint,
    joins_ok                   bigint,
    joins_refused              bigint,
    joins_unavailable          bigint,
    joins_failed               bigint,
    joins_waiting              bigint,
    callbacks_not_understood   bigint
);
COMMENT ON TYPE videoroom.stats IS 'Counters and latencies of one database; none of them is undone where a transaction is';
COMMENT ON COLUMN videoroom.stats.since IS 'The counters began then: with the server, with the extension, or when this database first used it';
COMMENT ON COLUMN videoroom.stats.calls_sent IS 'Requests sent to Twilio, reads too';
COMMENT ON COLUMN videoroom.stats.calls_ok IS 'Answered, and nothing is wrong; that something is there or gone already is such an answer';
COMMENT ON COLUMN videoroom.stats.calls_limited IS 'Answered 429: too many requests';
COMMENT ON COLUMN videoroom.stats.calls_failed IS 'Answered by any other error, or not at all';
COMMENT ON COLUMN videoroom.stats.calls_retried IS 'Calls of the outbox that were made once more';
COMMENT ON COLUMN videoroom.stats.calls_dead IS 'Calls of the outbox that were given up';
COMMENT ON COLUMN videoroom.stats.calls_in_flight IS 'Requests without an answer now';
COMMENT ON COLUMN videoroom.stats.oldest_due_at IS 'When the oldest call fell due that should have left by now; NULL: nothing is late';
COMMENT ON COLUMN videoroom.stats.paused IS 'Why no calls are made now: no-worker, standby, no-credentials, other-home, other-version, limited (Twilio asked for a pause), unauthorized or unavailable; NULL: they are made';
COMMENT ON COLUMN videoroom.stats.paused_until IS 'Twilio is not called before, where that is known';
COMMENT ON COLUMN videoroom.stats.last_success_at IS 'The last time that calls_ok grew';
COMMENT ON COLUMN videoroom.stats.call_seconds_sum IS 'How long requests took, all together, those included that were given up waiting; its growth by that of call_seconds_count is the mean of a stretch of time';
COMMENT ON COLUMN videoroom.stats.call_seconds_count IS 'The number of those requests';
COMMENT ON COLUMN videoroom.stats.callbacks_ok IS 'Genuine callbacks that were applied, or told nothing new';
COMMENT ON COLUMN videoroom.stats.callbacks_ignored IS 'Genuine ones that were kept and not applied: of another account, of no room of ours, or of an event that is not used';
COMMENT ON COLUMN videoroom.stats.callbacks_not_understood IS 'Genuine ones about a room of ours that could not be read; they are kept, and check callbacks tells of them';
COMMENT ON COLUMN videoroom.stats.callbacks_failed IS 'Genuine ones that could not be applied at once; the worker tries them again';
COMMENT ON COLUMN videoroom.stats.callbacks_forged IS 'Refused: their signature is not the accounts';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_sum IS 'How long after what they tell of callbacks came, all together; its growth by that of callback_lag_seconds_count is the mean of a stretch of time';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_count IS 'Their number; exact repeats are not among them';
COMMENT ON COLUMN videoroom.stats.joins_ok IS 'Joins that got a link';
COMMENT ON COLUMN videoroom.stats.joins_refused IS 'Joins answered PT401, PT403 or PT404';
COMMENT ON COLUMN videoroom.stats.joins_unavailable IS 'Joins answered PT503';
COMMENT ON COLUMN videoroom.stats.joins_failed IS 'Joins that ended by another error: settings or credentials missing, statement cancelled';
COMMENT ON COLUMN videoroom.stats.joins_waiting IS 'Sessions that wait for a room now';

CREATE FUNCTION @extschema@.videoroom_stats() RETURNS videoroom.stats
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'videoroom_stats';
COMMENT ON FUNCTION @extschema@.videoroom_stats() IS
'Counters and latencies of this database, from shared memory: no table is read

The columns are explained at type videoroom.stats (\d+ videoroom.stats). 55000: the library is not preloaded.';

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
'Wakes the worker at commit, in time for the rows that were made due, and fills in starts_at';

CREATE TRIGGER wake BEFORE INSERT OR UPDATE OF run_at, dead_at ON videoroom.outbox
    FOR EACH ROW EXECUTE FUNCTION videoroom.outbox_wake();
-- Under session_replication_role = replica too: starts_at is not null.
ALTER TABLE videoroom.outbox ENABLE ALWAYS TRIGGER wake;
COMMENT ON TRIGGER wake ON videoroom.outbox IS 'Wakes the worker at commit, after a plain INSERT too';
