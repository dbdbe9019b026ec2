\echo Use "CREATE EXTENSION videoroom" to load this file. \quit
-- The data. Nobody but the extension writes here: see 80-grants.sql.

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'videoroom needs a database with encoding UTF8',
            DETAIL = pg_catalog.format('This one has encoding %s.', pg_catalog.getdatabaseencoding());
    END IF;
END
$$;

CREATE SCHEMA videoroom;
COMMENT ON SCHEMA videoroom IS 'Tables of the videoroom extension; use the videoroom_* functions instead';

CREATE TABLE videoroom.home (
    id                smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    system_identifier bigint NOT NULL,
    database_oid      oid NOT NULL,
    table_oid         oid NOT NULL,
    server_major      integer NOT NULL,
    adopted_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE videoroom.home IS 'The cluster and database that own these rooms; in any other, a restored copy, worker and joins pause';
COMMENT ON COLUMN videoroom.home.id IS 'Always 1: there is one row at most';
COMMENT ON COLUMN videoroom.home.system_identifier IS 'pg_control_system().system_identifier of the owning cluster';
COMMENT ON COLUMN videoroom.home.database_oid IS 'pg_database.oid of the owning database';
COMMENT ON COLUMN videoroom.home.table_oid IS 'pg_class.oid of this very table there';
COMMENT ON COLUMN videoroom.home.server_major IS 'Major version of the owning server: same oids and an older major is pg_upgrade';
COMMENT ON COLUMN videoroom.home.adopted_at IS 'When these rooms became this cluster''s';

CREATE TABLE videoroom.room (
    room_id      text COLLATE "C" PRIMARY KEY,
    home         smallint NOT NULL DEFAULT 1 REFERENCES videoroom.home,
    booking_id   text COLLATE "C" NOT NULL,
    status       text NOT NULL DEFAULT 'not-started'
                 CHECK (status IN ('not-started', 'in-progress', 'completed', 'cancelled', 'expired')),
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    opens_at     timestamptz NOT NULL,
    closes_at    timestamptz NOT NULL,
    completes_at timestamptz NOT NULL,
    options      jsonb NOT NULL,
    metadata     jsonb NOT NULL DEFAULT '{}',
    request      jsonb NOT NULL,
    successor    text COLLATE "C",
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    cancelled_at timestamptz,
    ended_at     timestamptz,
    closed_at    timestamptz,
    reason       text
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX room_open_booking ON videoroom.room (booking_id) WHERE closed_at IS NULL;
CREATE INDEX room_booking ON videoroom.room (booking_id, created_at);
CREATE INDEX room_open_closes ON videoroom.room (closes_at) WHERE closed_at IS NULL;
CREATE INDEX room_closed ON videoroom.room (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX room_starts ON videoroom.room (starts_at);
CREATE INDEX room_home ON videoroom.room (home);
COMMENT ON TABLE videoroom.room IS 'One room for one booking';
COMMENT ON COLUMN videoroom.room.room_id IS 'Unguessable name of the room, the UniqueName at Twilio';
COMMENT ON COLUMN videoroom.room.home IS 'Always 1: makes a dump restore home first';
COMMENT ON COLUMN videoroom.room.booking_id IS 'The scheduler''s name for one occurrence of a booking';
COMMENT ON COLUMN videoroom.room.status IS 'Derived from the facts by settle_room(): not-started, in-progress, completed, cancelled, expired';
COMMENT ON COLUMN videoroom.room.starts_at IS 'Start of the booking';
COMMENT ON COLUMN videoroom.room.ends_at IS 'End of the booking; extend moves it';
COMMENT ON COLUMN videoroom.room.opens_at IS 'Joins are let in from here: starts_at - join_early when it was booked';
COMMENT ON COLUMN videoroom.room.closes_at IS 'Joins are refused from here: ends_at + join_grace';
COMMENT ON COLUMN videoroom.room.completes_at IS 'A call still going on is ended here: ends_at + end_after';
COMMENT ON COLUMN videoroom.room.options IS 'Complete set of options, defaults filled in';
COMMENT ON COLUMN videoroom.room.metadata IS 'Any object of the scheduler''s; never sent to Twilio';
COMMENT ON COLUMN videoroom.room.request IS 'What was asked for, to tell a repeat of it from another request';
COMMENT ON COLUMN videoroom.room.successor IS 'The room that took this one''s place; joins follow it';
COMMENT ON COLUMN videoroom.room.created_at IS 'When it was booked';
COMMENT ON COLUMN videoroom.room.cancelled_at IS 'When the booking was cancelled or rescheduled';
COMMENT ON COLUMN videoroom.room.ended_at IS 'When it was ended on purpose, by videoroom_end';
COMMENT ON COLUMN videoroom.room.closed_at IS 'Least of cancelled_at, ended_at and closes_at, set once when the first of them has come';
COMMENT ON COLUMN videoroom.room.reason IS 'Why it was cancelled, as the scheduler put it';

CREATE TABLE videoroom.participant (
    room_id    text COLLATE "C" NOT NULL REFERENCES videoroom.room,
    user_id    text COLLATE "C" NOT NULL,
    invited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed_at timestamptz,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX participant_user ON videoroom.participant (user_id);
COMMENT ON TABLE videoroom.participant IS 'A user invited to a room';
COMMENT ON COLUMN videoroom.participant.room_id IS 'The room';
COMMENT ON COLUMN videoroom.participant.user_id IS 'Opaque name of the user, the identity at Twilio; never an e-mail address';
COMMENT ON COLUMN videoroom.participant.invited_at IS 'When the user was invited, last';
COMMENT ON COLUMN videoroom.participant.removed_at IS 'When the user was put out; inviting again clears it';

CREATE TABLE videoroom.session (
    room_sid         text COLLATE "C" PRIMARY KEY CHECK (room_sid ~ '^RM[0-9a-fA-F]{32}$'),
    room_id          text COLLATE "C" NOT NULL REFERENCES videoroom.room,
    started_callback timestamptz,
    started_rest     timestamptz,
    ended_callback   timestamptz,
    ended_rest       timestamptz,
    lost_at          timestamptz,
    started_at       timestamptz GENERATED ALWAYS AS (coalesce(started_callback, started_rest)) STORED,
    ended_at         timestamptz GENERATED ALWAYS AS (coalesce(ended_callback, ended_rest, lost_at)) STORED,
    seen_alive_at    timestamptz,
    read_at          timestamptz
) WITH (fillfactor = 80);
CREATE INDEX session_room ON videoroom.session (room_id);
CREATE INDEX session_open ON videoroom.session (room_sid) WHERE ended_at IS NULL;
COMMENT ON TABLE videoroom.session IS 'One Twilio Room; a room of ours has any number of them, one after the other';
COMMENT ON COLUMN videoroom.session.room_sid IS 'Twilio''s RM sid';
COMMENT ON COLUMN videoroom.session.room_id IS 'The room it was made for';
COMMENT ON COLUMN videoroom.session.started_callback IS 'Timestamp of room-created; the least, if several';
COMMENT ON COLUMN videoroom.session.started_rest IS 'date_created in an answer of Twilio''s, whole seconds; the least';
COMMENT ON COLUMN videoroom.session.ended_callback IS 'Timestamp of room-ended; the greatest';
COMMENT ON COLUMN videoroom.session.ended_rest IS 'end_time in an answer of Twilio''s, whole seconds; the greatest';
COMMENT ON COLUMN videoroom.session.lost_at IS 'Presumed end, 24 hours after the start, of a session whose end nobody reported';
COMMENT ON COLUMN videoroom.session.started_at IS 'Start: the callback''s milliseconds before the answer''s seconds';
COMMENT ON COLUMN videoroom.session.ended_at IS 'End, by the same rule; NULL while open';
COMMENT ON COLUMN videoroom.session.seen_alive_at IS 'Last time Twilio is known to have had it in progress';
COMMENT ON COLUMN videoroom.session.read_at IS 'Last time the reconciler read it and its participants one by one';

CREATE TABLE videoroom.connection (
    participant_sid       text COLLATE "C" PRIMARY KEY CHECK (participant_sid ~ '^PA[0-9a-fA-F]{32}$'),
    room_sid              text COLLATE "C" NOT NULL REFERENCES videoroom.session,
    user_id               text COLLATE "C" NOT NULL,
    connected_callback    timestamptz,
    connected_rest        timestamptz,
    disconnected_callback timestamptz,
    disconnected_rest     timestamptz,
    duration              integer,
    connected_at          timestamptz GENERATED ALWAYS AS (coalesce(connected_callback, connected_rest)) STORED,
    disconnected_at       timestamptz GENERATED ALWAYS AS (coalesce(disconnected_callback, disconnected_rest)) STORED
) WITH (fillfactor = 80);
CREATE INDEX connection_session ON videoroom.connection (room_sid, user_id);
CREATE INDEX connection_user ON videoroom.connection (user_id);
COMMENT ON TABLE videoroom.connection IS 'One Twilio Participant: one stay of one user in one session; stays may overlap';
COMMENT ON COLUMN videoroom.connection.participant_sid IS 'Twilio''s PA sid';
COMMENT ON COLUMN videoroom.connection.room_sid IS 'The session';
COMMENT ON COLUMN videoroom.connection.user_id IS 'The identity it connected as, invited or not';
COMMENT ON COLUMN videoroom.connection.connected_callback IS 'Timestamp of participant-connected; the least';
COMMENT ON COLUMN videoroom.connection.connected_rest IS 'start_time in an answer of Twilio''s; the least';
COMMENT ON COLUMN videoroom.connection.disconnected_callback IS 'Timestamp of participant-disconnected; the greatest';
COMMENT ON COLUMN videoroom.connection.disconnected_rest IS 'end_time in an answer of Twilio''s; the greatest';
COMMENT ON COLUMN videoroom.connection.duration IS 'Length in seconds as Twilio reported it; the greatest';
COMMENT ON COLUMN videoroom.connection.connected_at IS 'Start: callback before answer; NULL if never reported';
COMMENT ON COLUMN videoroom.connection.disconnected_at IS 'End, by the same rule; NULL while connected';

CREATE TABLE videoroom.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id    text COLLATE "C" NOT NULL REFERENCES videoroom.room,
    action     text NOT NULL CHECK (action IN ('create-room', 'complete-room', 'remove-participant')),
    target     text COLLATE "C" NOT NULL DEFAULT '',
    priority   smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 0 AND 3),
    params     jsonb NOT NULL DEFAULT '{}',
    run_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at    timestamptz,
    attempts   integer NOT NULL DEFAULT 0,
    last_error jsonb,
    dead_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX outbox_once ON videoroom.outbox (room_id, action, target) WHERE dead_at IS NULL;
CREATE INDEX outbox_room ON videoroom.outbox (room_id);
CREATE INDEX outbox_due ON videoroom.outbox (run_at) WHERE dead_at IS NULL;
CREATE INDEX outbox_dead ON videoroom.outbox (dead_at) WHERE dead_at IS NOT NULL;
COMMENT ON TABLE videoroom.outbox IS 'Calls to Twilio that are still to be made; a row goes only with the transaction that records its outcome';
COMMENT ON COLUMN videoroom.outbox.id IS 'Number of the row, for videoroom_retry';
COMMENT ON COLUMN videoroom.outbox.room_id IS 'The room it is about';
COMMENT ON COLUMN videoroom.outbox.action IS 'create-room, complete-room or remove-participant';
COMMENT ON COLUMN videoroom.outbox.target IS 'remove-participant: the PA sid, or identity/ and the user_id while none is known';
COMMENT ON COLUMN videoroom.outbox.priority IS '0 asked for by a person, 1 somebody waits for the room, 2 provisioning ahead, 3 housekeeping';
COMMENT ON COLUMN videoroom.outbox.params IS 'Further facts the call needs; empty today';
COMMENT ON COLUMN videoroom.outbox.run_at IS 'Not before this moment';
COMMENT ON COLUMN videoroom.outbox.sent_at IS 'When it last left for Twilio and may have arrived; put back to what it was once a try is known to have done nothing';
COMMENT ON COLUMN videoroom.outbox.attempts IS 'How often it was tried';
COMMENT ON COLUMN videoroom.outbox.last_error IS 'Last failure: at, kind, status, code, message, more_info, request_id';
COMMENT ON COLUMN videoroom.outbox.dead_at IS 'When it was given up; stays until videoroom_retry';
COMMENT ON COLUMN videoroom.outbox.created_at IS 'When it was asked for';

CREATE TABLE videoroom.callback (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body        text NOT NULL,
    signature   text NOT NULL,
    url         text,
    digest      bytea NOT NULL,
    room_id     text COLLATE "C",
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_at  timestamptz,
    outcome     text CHECK (outcome IN ('applied', 'duplicate', 'ignored')),
    attempts    integer NOT NULL DEFAULT 0,
    retry_at    timestamptz,
    error       text
);
CREATE UNIQUE INDEX callback_once ON videoroom.callback (digest);
CREATE INDEX callback_received ON videoroom.callback (received_at);
CREATE INDEX callback_pending ON videoroom.callback (retry_at) WHERE applied_at IS NULL;
COMMENT ON TABLE videoroom.callback IS 'Status callbacks of Twilio''s as they came, verified; a relay inserts body, signature and url';
COMMENT ON COLUMN videoroom.callback.id IS 'Number of the row';
COMMENT ON COLUMN videoroom.callback.body IS 'Raw form body, 64 kB at most';
COMMENT ON COLUMN videoroom.callback.signature IS 'Header X-Twilio-Signature';
COMMENT ON COLUMN videoroom.callback.url IS 'Public URL that Twilio called; NULL: videoroom.callback_url';
COMMENT ON COLUMN videoroom.callback.digest IS 'SHA-256 of the body: an exact repeat is not stored again';
COMMENT ON COLUMN videoroom.callback.room_id IS 'RoomName of the body';
COMMENT ON COLUMN videoroom.callback.received_at IS 'When it came in';
COMMENT ON COLUMN videoroom.callback.applied_at IS 'When it was dealt with; NULL: the worker tries again';
COMMENT ON COLUMN videoroom.callback.outcome IS 'applied, duplicate or ignored';
COMMENT ON COLUMN videoroom.callback.attempts IS 'How often applying it failed';
COMMENT ON COLUMN videoroom.callback.retry_at IS 'When the worker tries again, while applied_at is NULL';
COMMENT ON COLUMN videoroom.callback.error IS 'Why it was ignored, or how applying it failed last';

CREATE TABLE videoroom.event (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL REFERENCES videoroom.room,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind    text NOT NULL,
    detail  jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX event_room ON videoroom.event (room_id, at);
COMMENT ON TABLE videoroom.event IS 'Audit trail: what happened to a room, in the order it became known';
COMMENT ON COLUMN videoroom.event.id IS 'Number of the row';
COMMENT ON COLUMN videoroom.event.room_id IS 'The room';
COMMENT ON COLUMN videoroom.event.at IS 'When it was recorded';
COMMENT ON COLUMN videoroom.event.kind IS 'What: booked, cancelled, session-started, status and so on';
COMMENT ON COLUMN videoroom.event.detail IS 'The particulars';
-- The facts: what Twilio reported, each end point on its own. They are merged by rules that do not depend on the order in
-- which they come in, so any order of the same facts, with any repeats, ends in the same rows. Callers hold the room's row.

CREATE FUNCTION videoroom.record_session(
    room_id          text,
    room_sid         text,
    started_callback timestamptz,
    started_rest     timestamptz,
    ended_callback   timestamptz,
    ended_rest       timestamptz,
    alive_at         timestamptz
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.session;
    new videoroom.session;
BEGIN
    INSERT INTO videoroom.session
        (room_sid, room_id, started_callback, started_rest, ended_callback, ended_rest, seen_alive_at)
    VALUES
        (record_session.room_sid, record_session.room_id, record_session.started_callback,
         record_session.started_rest, record_session.ended_callback, record_session.ended_rest,
         record_session.alive_at)
    ON CONFLICT (room_sid) DO NOTHING;
    IF FOUND THEN
        RETURN true;
    END IF;

    SELECT * INTO STRICT was FROM videoroom.session s WHERE s.room_sid = record_session.room_sid;
    IF was.room_id <> record_session.room_id THEN
        RETURN false;
    END IF;

    new := was;
    new.started_callback := least(was.started_callback, record_session.started_callback);
    new.started_rest := least(was.started_rest, record_session.started_rest);
    new.ended_callback := greatest(was.ended_callback, record_session.ended_callback);
    new.ended_rest := greatest(was.ended_rest, record_session.ended_rest);
    new.seen_alive_at := greatest(was.seen_alive_at, record_session.alive_at);
    -- A presumed end gives way to a reported one and follows the start.
    IF was.lost_at IS NOT NULL THEN
        new.lost_at := CASE WHEN coalesce(new.ended_callback, new.ended_rest) IS NULL THEN
            videoroom.presumed_end(was.room_id, coalesce(new.started_callback, new.started_rest)) END;
    END IF;
    IF new IS NOT DISTINCT FROM was THEN
        RETURN false;
    END IF;

    UPDATE videoroom.session s
       SET started_callback = new.started_callback,
           started_rest = new.started_rest,
           ended_callback = new.ended_callback,
           ended_rest = new.ended_rest,
           lost_at = new.lost_at,
           seen_alive_at = greatest(s.seen_alive_at, new.seen_alive_at)
     WHERE s.room_sid = record_session.room_sid;

    new.seen_alive_at := was.seen_alive_at;
    RETURN new IS DISTINCT FROM was;
END
$$;
COMMENT ON FUNCTION videoroom.record_session(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) IS
    'Merges what is known of a session: starts by min, ends by max, NULL says nothing; true if a fact other than alive_at is new';

CREATE FUNCTION videoroom.presumed_end(room_id text, started_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Twilio: no room outlives 24 hours. One of unknown start began before its booking closed.
    RETURN coalesce(
        started_at,
        (SELECT r.closes_at FROM videoroom.room r WHERE r.room_id = presumed_end.room_id)) + interval '24 hours';
END
$$;
COMMENT ON FUNCTION videoroom.presumed_end(text, timestamptz) IS
    'When a session is over at the latest, whether its end was reported or not';

CREATE FUNCTION videoroom.record_connection(
    participant_sid       text,
    room_sid              text,
    user_id               text,
    connected_callback    timestamptz,
    connected_rest        timestamptz,
    disconnected_callback timestamptz,
    disconnected_rest     timestamptz,
    duration              integer
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.connection;
    new videoroom.connection;
BEGIN
    INSERT INTO videoroom.connection
        (participant_sid, room_sid, user_id, connected_callback, connected_rest,
         disconnected_callback, disconnected_rest, duration)
    VALUES
        (record_connection.participant_sid, record_connection.room_sid, record_connection.user_id,
         record_connection.connected_callback, record_connection.connected_rest,
         record_connection.disconnected_callback, record_connection.disconnected_rest,
         record_connection.duration)
    ON CONFLICT (participant_sid) DO NOTHING;
    IF FOUND THEN
        RETURN true;
    END IF;

    -- The first user_id stays: Twilio never changes it, save to forget a person.
    SELECT * INTO STRICT was FROM videoroom.connection c
     WHERE c.participant_sid = record_connection.participant_sid;
    IF was.room_sid <> record_connection.room_sid THEN
        RETURN false;
    END IF;

    new := was;
    new.connected_callback := least(was.connected_callback, record_connection.connected_callback);
    new.connected_rest := least(was.connected_rest, record_connection.connected_rest);
    new.disconnected_callback := greatest(was.disconnected_callback, record_connection.disconnected_callback);
    new.disconnected_rest := greatest(was.disconnected_rest, record_connection.disconnected_rest);
    new.duration := greatest(was.duration, record_connection.duration);
    IF new IS NOT DISTINCT FROM was THEN
        RETURN false;
    END IF;

    UPDATE videoroom.connection c
       SET connected_callback = new.connected_callback,
           connected_rest = new.connected_rest,
           disconnected_callback = new.disconnected_callback,
           disconnected_rest = new.disconnected_rest,
           duration = new.duration
     WHERE c.participant_sid = record_connection.participant_sid;
    RETURN true;
END
$$;
COMMENT ON FUNCTION videoroom.record_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer) IS
    'Merges what is known of a connection, by the rules of record_session; true if a fact is new';

CREATE FUNCTION videoroom.room_status(room videoroom.room) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN room.cancelled_at IS NOT NULL THEN 'cancelled'
        WHEN room.ended_at IS NOT NULL THEN 'completed'
        WHEN EXISTS (SELECT FROM videoroom.session s
                      WHERE s.room_id = room.room_id AND s.ended_at IS NULL) THEN 'in-progress'
        WHEN EXISTS (SELECT FROM videoroom.session s
                       JOIN videoroom.connection c ON c.room_sid = s.room_sid
                      WHERE s.room_id = room.room_id) THEN 'completed'
        WHEN room.closed_at IS NOT NULL OR room.closes_at <= clock_timestamp() THEN 'expired'
        ELSE 'not-started'
    END;
END
$$;
COMMENT ON FUNCTION videoroom.room_status(videoroom.room) IS
    'Status of a room, derived from the facts: the first of these rules that holds';
-- Asking for a call to Twilio. Callers hold the room's row.

CREATE FUNCTION videoroom.enqueue(room_id text, action text, target text, priority integer, run_at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO videoroom.outbox AS o (room_id, action, target, priority, run_at)
    VALUES (enqueue.room_id, enqueue.action, enqueue.target, enqueue.priority, enqueue.run_at)
    ON CONFLICT (room_id, action, target) WHERE dead_at IS NULL
    DO UPDATE SET run_at = least(o.run_at, excluded.run_at), priority = least(o.priority, excluded.priority)
        WHERE o.run_at > excluded.run_at OR o.priority > excluded.priority;
END
$$;
COMMENT ON FUNCTION videoroom.enqueue(text, text, text, integer, timestamptz) IS
    'Asks for a call; asked again, it only becomes due earlier and more urgent';

CREATE FUNCTION videoroom.require(
    room_id text, action text, target text, priority integer, run_at timestamptz, since timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Pulling a row out of its backoff, or raising one that was given up, each time a fact comes in would call
    -- Twilio as often as facts come in.
    IF NOT EXISTS (
        SELECT FROM videoroom.outbox o
         WHERE o.room_id = require.room_id AND o.action = require.action AND o.target = require.target
           AND CASE WHEN o.dead_at IS NOT NULL THEN o.dead_at >= coalesce(require.since, '-infinity')
                    ELSE o.priority <= require.priority AND (o.run_at <= require.run_at OR o.attempts > 0)
               END)
    THEN
        PERFORM videoroom.enqueue(
            require.room_id, require.action, require.target, require.priority, require.run_at);
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.require(text, text, text, integer, timestamptz, timestamptz) IS
    'Sees to it that a call is asked for: like enqueue, but a row backing off at that priority or given up since then is left alone';
-- What follows from the facts. Called after any change of them, by whoever holds the room's row.

CREATE FUNCTION videoroom.settle_room(room_id text, announce boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.room;
    new videoroom.room;
BEGIN
    SELECT * INTO was FROM videoroom.room r WHERE r.room_id = settle_room.room_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    new := was;
    IF was.closed_at IS NULL
       AND (was.cancelled_at IS NOT NULL OR was.ended_at IS NOT NULL OR was.closes_at <= clock_timestamp()) THEN
        new.closed_at := least(was.cancelled_at, was.ended_at, was.closes_at);
    END IF;
    new.status := videoroom.room_status(new);

    IF new.status <> was.status OR new.closed_at IS DISTINCT FROM was.closed_at THEN
        UPDATE videoroom.room r
           SET status = new.status, closed_at = new.closed_at
         WHERE r.room_id = new.room_id;
    END IF;
    IF new.status <> was.status THEN
        INSERT INTO videoroom.event (room_id, kind, detail)
        VALUES (new.room_id, 'status', jsonb_build_object('from', was.status, 'to', new.status));
    END IF;

    PERFORM videoroom.settle_outbox(new);
    IF announce AND current_setting('videoroom.notify', true) = 'on' THEN
        PERFORM pg_notify('videoroom', json_build_object(
            'room_id', new.room_id, 'booking_id', new.booking_id, 'status', new.status)::text);
    END IF;
    RETURN new.status;
END
$$;
COMMENT ON FUNCTION videoroom.settle_room(text, boolean) IS
    'Derives a room''s status from its facts, closes it once, keeps the outbox in step and returns the status; announce: tell listeners, if videoroom.notify is on (never in a client''s transaction, which NOTIFY would keep from being prepared)';

CREATE FUNCTION videoroom.settle_outbox(room videoroom.room) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment      timestamptz := clock_timestamp();
    open_since  timestamptz;
    on_purpose  timestamptz := least(room.cancelled_at, room.ended_at);
    stay        record;
BEGIN
    SELECT max(s.started_at) INTO open_since
      FROM videoroom.session s
     WHERE s.room_id = room.room_id AND s.ended_at IS NULL
    HAVING count(*) > 0;

    IF NOT FOUND THEN
        PERFORM videoroom.provide_again(room, moment);
        RETURN;
    END IF;

    IF on_purpose IS NOT NULL THEN
        PERFORM videoroom.require(
            room.room_id, 'complete-room', '', 0, moment, greatest(open_since, on_purpose));
    ELSE
        -- An extended booking takes the end of its call with it.
        UPDATE videoroom.outbox o
           SET run_at = room.completes_at
         WHERE o.room_id = room.room_id AND o.action = 'complete-room' AND o.dead_at IS NULL
           AND o.priority = 3 AND o.attempts = 0 AND o.run_at < room.completes_at;
        PERFORM videoroom.require(
            room.room_id, 'complete-room', '', 3, room.completes_at, open_since);
    END IF;

    FOR stay IN
        SELECT c.participant_sid, p.removed_at
          FROM videoroom.session s
          JOIN videoroom.connection c ON c.room_sid = s.room_sid
          JOIN videoroom.participant p ON p.room_id = s.room_id AND p.user_id = c.user_id
         WHERE s.room_id = room.room_id AND s.ended_at IS NULL
           AND c.disconnected_at IS NULL AND p.removed_at IS NOT NULL
    LOOP
        PERFORM videoroom.require(
            room.room_id, 'remove-participant', stay.participant_sid, 0, moment, stay.removed_at);
    END LOOP;
END
$$;
COMMENT ON FUNCTION videoroom.settle_outbox(videoroom.room) IS
    'Sees to it that an open session will be ended, that removed people are put out, and that a room stands ready while its booking is on';

CREATE FUNCTION videoroom.provide_again(room videoroom.room, moment timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest videoroom.session;
BEGIN
    IF room.closed_at IS NOT NULL OR moment < room.opens_at OR moment >= room.ends_at
       OR EXISTS (SELECT FROM videoroom.outbox o
                   WHERE o.room_id = room.room_id AND o.action = 'create-room') THEN
        RETURN;
    END IF;

    SELECT * INTO newest FROM videoroom.session s
     WHERE s.room_id = room.room_id
     ORDER BY coalesce(s.started_at, s.seen_alive_at, s.ended_at) DESC, s.room_sid DESC
     LIMIT 1;
    IF FOUND AND NOT EXISTS (SELECT FROM videoroom.connection c WHERE c.room_sid = newest.room_sid) THEN
        PERFORM videoroom.enqueue(
            room.room_id, 'create-room', '', 2,
            greatest(moment, newest.started_at + interval '5 minutes'));
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.provide_again(videoroom.room, timestamptz) IS
    'Asks for a new session of an open room whose last one ended unattended, five minutes after its start at the earliest; a call that people left is made again by the next join';
-- Status callbacks. A relay inserts what Twilio posted; the trigger verifies, decodes and applies it in that transaction.

CREATE FUNCTION videoroom.decode_callback(
    body text, signature text, url text, OUT payload jsonb, OUT room_id text, OUT ignored text)
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_decode_callback';
COMMENT ON FUNCTION videoroom.decode_callback(text, text, text) IS
    'Verifies a callback''s signature and decodes its body: PT403 if it is forged, ignored says why a genuine one is not to be applied';

CREATE FUNCTION @extschema@.videoroom_apply_callback(payload jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind     text := replace(payload ->> 'StatusCallbackEvent', '_', '-');
    room     text := payload ->> 'RoomName';
    session  text := payload ->> 'RoomSid';
    stay     text := payload ->> 'ParticipantSid';
    person   text := payload ->> 'ParticipantIdentity';
    at       timestamptz := payload ->> 'Timestamp';
    ended    boolean := kind = 'room-ended';
    is_new   boolean;
BEGIN
    IF kind IN ('room-created', 'room-ended') THEN
        stay := NULL;
    ELSIF kind IN ('participant-connected', 'participant-disconnected',
                   'track-added', 'track-removed', 'track-enabled', 'track-disabled') THEN
        IF stay IS NULL OR person IS NULL THEN
            RETURN 'ignored';
        END IF;
    ELSE
        RETURN 'ignored';
    END IF;
    IF kind IS NULL OR session IS NULL OR at IS NULL THEN
        RETURN 'ignored';
    END IF;

    PERFORM FROM videoroom.room r WHERE r.room_id = room FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'ignored';
    END IF;

    is_new := videoroom.record_session(
        room, session,
        CASE WHEN kind = 'room-created' THEN at END, NULL,
        CASE WHEN ended THEN at END, NULL,
        CASE WHEN NOT ended THEN at END);
    IF NOT is_new AND NOT EXISTS (
        SELECT FROM videoroom.session s WHERE s.room_sid = session AND s.room_id = room) THEN
        RETURN 'ignored';
    END IF;

    IF stay IS NOT NULL THEN
        is_new := videoroom.record_connection(
            stay, session, person,
            CASE WHEN kind = 'participant-connected' THEN at END, NULL,
            CASE WHEN kind = 'participant-disconnected' THEN at END, NULL,
            CASE WHEN kind = 'participant-disconnected' THEN (payload ->> 'ParticipantDuration')::integer END)
            OR is_new;
    END IF;
    IF NOT is_new THEN
        RETURN 'duplicate';
    END IF;

    INSERT INTO videoroom.event (room_id, kind, detail)
    VALUES (room, 'callback', jsonb_strip_nulls(jsonb_build_object(
        'event', kind, 'at', at, 'room_sid', session, 'participant_sid', stay,
        'user_id', CASE WHEN stay IS NOT NULL THEN person END)));
    PERFORM videoroom.settle_room(room);
    RETURN 'applied';
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_apply_callback(jsonb) IS
    'Applies one decoded status callback, Twilio''s parameter names with string values: applied, duplicate or ignored. Trusts its input';

CREATE FUNCTION videoroom.retry_time(attempts integer) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN clock_timestamp() + least(300, 2 ^ least(attempts, 10)) * (0.5 + random() / 2) * interval '1 second';
END
$$;
COMMENT ON FUNCTION videoroom.retry_time(integer) IS
    'When a callback that failed so often is tried again: two seconds, doubling to five minutes, less up to half at random';

CREATE FUNCTION videoroom.receive() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    decoded record;
    fault   text;
BEGIN
    IF NEW.body IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'callback body must not be null';
    ELSIF octet_length(NEW.body) > 65536 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'callback body is longer than 65536 bytes';
    END IF;

    NEW.signature := coalesce(NEW.signature, '');
    decoded := videoroom.decode_callback(NEW.body, NEW.signature, NEW.url);

    NEW.digest := sha256(convert_to(NEW.body, 'UTF8'));
    PERFORM pg_advisory_xact_lock(hashtextextended('videoroom.callback/' || encode(NEW.digest, 'hex'), 0));
    IF EXISTS (SELECT FROM videoroom.callback c WHERE c.digest = NEW.digest) THEN
        RETURN NULL;
    END IF;

    NEW.room_id := decoded.room_id;
    NEW.received_at := clock_timestamp();
    NEW.applied_at := NULL;
    NEW.outcome := NULL;
    NEW.attempts := 0;
    NEW.retry_at := NULL;
    NEW.error := decoded.ignored;
    IF decoded.ignored IS NOT NULL THEN
        NEW.outcome := 'ignored';
    ELSE
        -- Twilio will not send it twice: what fails now is kept and tried again.
        BEGIN
            NEW.outcome := @extschema@.videoroom_apply_callback(decoded.payload);
            NEW.error := CASE WHEN NEW.outcome = 'ignored' THEN 'not about a room of ours' END;
        EXCEPTION WHEN OTHERS THEN
            fault := format('%s: %s', SQLSTATE, SQLERRM);
        END;
    END IF;

    IF fault IS NULL THEN
        NEW.applied_at := clock_timestamp();
    ELSE
        NEW.attempts := 1;
        NEW.retry_at := videoroom.retry_time(1);
        NEW.error := fault;
        PERFORM videoroom.wake();
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION videoroom.receive() IS
    'Refuses a forged or oversized callback, drops an exact repeat, applies the rest; one that cannot be applied now stays with its error';

CREATE TRIGGER receive BEFORE INSERT ON videoroom.callback
    FOR EACH ROW EXECUTE FUNCTION videoroom.receive();
COMMENT ON TRIGGER receive ON videoroom.callback IS 'Verifies, decodes and applies what a relay inserts';

CREATE FUNCTION videoroom.apply_pending("limit" integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pending videoroom.callback;
    decoded record;
    result  text;
    fault   text;
    tried   integer := 0;
BEGIN
    FOR pending IN
        SELECT * FROM videoroom.callback c
         WHERE c.applied_at IS NULL AND c.retry_at <= clock_timestamp()
         ORDER BY c.retry_at, c.id
         LIMIT "limit"
           FOR UPDATE SKIP LOCKED
    LOOP
        tried := tried + 1;
        result := NULL;
        -- NOWAIT: a client's open transaction must not stall the worker, and several rooms are held at once here.
        BEGIN
            decoded := videoroom.decode_callback(pending.body, pending.signature, pending.url);
            fault := decoded.ignored;
            IF fault IS NULL THEN
                PERFORM FROM videoroom.room r WHERE r.room_id = decoded.room_id FOR NO KEY UPDATE NOWAIT;
                result := @extschema@.videoroom_apply_callback(decoded.payload);
                fault := CASE WHEN result = 'ignored' THEN 'not about a room of ours' END;
            ELSE
                result := 'ignored';
            END IF;
        EXCEPTION WHEN OTHERS THEN
            result := NULL;
            fault := format('%s: %s', SQLSTATE, SQLERRM);
        END;

        UPDATE videoroom.callback c
           SET applied_at = CASE WHEN result IS NOT NULL THEN clock_timestamp() END,
               outcome = result,
               attempts = c.attempts + CASE WHEN result IS NULL THEN 1 ELSE 0 END,
               retry_at = CASE WHEN result IS NULL THEN videoroom.retry_time(c.attempts + 1) END,
               error = fault
         WHERE c.id = pending.id;
    END LOOP;
    RETURN tried;
END
$$;
COMMENT ON FUNCTION videoroom.apply_pending(integer) IS
    'Tries kept callbacks again whose time has come, each on its own; returns how many it tried';
-- What may be read. Views are plain SQL, so they act as their owner and no reader runs code of ours; what the clock
-- brings, the step to expired, shows here before housekeeping has written it.

CREATE VIEW videoroom.stay AS
SELECT s.room_id, c.user_id, c.participant_sid,
       coalesce(c.connected_at,
                coalesce(c.disconnected_at, s.ended_at) - c.duration * interval '1 second') AS joined_at,
       coalesce(c.disconnected_at, s.ended_at) AS left_at,
       c.disconnected_at IS NULL AND s.ended_at IS NULL AS open
  FROM videoroom.connection c
  JOIN videoroom.session s ON s.room_sid = c.room_sid;
COMMENT ON VIEW videoroom.stay IS
    'Connections with the ends that follow from other facts: a session''s end closes what is open in it, a duration gives a start';
COMMENT ON COLUMN videoroom.stay.room_id IS 'The room';
COMMENT ON COLUMN videoroom.stay.user_id IS 'The user';
COMMENT ON COLUMN videoroom.stay.participant_sid IS 'Twilio''s PA sid';
COMMENT ON COLUMN videoroom.stay.joined_at IS 'connected_at, else end - duration; NULL if neither is known';
COMMENT ON COLUMN videoroom.stay.left_at IS 'disconnected_at, else the session''s end; NULL while open';
COMMENT ON COLUMN videoroom.stay.open IS 'An open connection in an open session';

CREATE VIEW @extschema@.videoroom_rooms AS
SELECT r.room_id,
       r.booking_id,
       CASE WHEN r.status = 'not-started' AND over.at IS NOT NULL THEN 'expired' ELSE r.status END AS status,
       r.starts_at,
       r.ends_at,
       r.opens_at,
       r.closes_at,
       over.at AS closed_at,
       over.at IS NOT NULL AND NOT EXISTS (
           SELECT FROM videoroom.session s WHERE s.room_id = r.room_id AND s.ended_at IS NULL) AS final,
       r.successor,
       people.invited,
       people.removed,
       presence.connected,
       presence.attended,
       presence.first_joined_at,
       r.cancelled_at IS NULL AND over.at IS NOT NULL AND presence.attended = 0 AS no_show,
       r.created_at,
       r.cancelled_at,
       r.ended_at,
       r.reason,
       r.metadata
  FROM videoroom.room r
 CROSS JOIN LATERAL (
       SELECT coalesce(r.closed_at, CASE WHEN r.closes_at <= clock_timestamp() THEN r.closes_at END) AS at
     ) over
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE p.removed_at IS NULL) AS invited,
              count(*) FILTER (WHERE p.removed_at IS NOT NULL) AS removed
         FROM videoroom.participant p
        WHERE p.room_id = r.room_id
     ) people
 CROSS JOIN LATERAL (
       SELECT count(DISTINCT t.user_id) FILTER (WHERE t.open) AS connected,
              count(DISTINCT t.user_id) AS attended,
              min(t.joined_at) AS first_joined_at
         FROM videoroom.stay t
        WHERE t.room_id = r.room_id
     ) presence;
COMMENT ON VIEW @extschema@.videoroom_rooms IS 'Rooms, one row each: for lists by booking, by time, by status';
COMMENT ON COLUMN @extschema@.videoroom_rooms.room_id IS 'Name of the room';
COMMENT ON COLUMN @extschema@.videoroom_rooms.booking_id IS 'The scheduler''s name for the booking';
COMMENT ON COLUMN @extschema@.videoroom_rooms.status IS 'not-started, in-progress, completed, cancelled or expired';
COMMENT ON COLUMN @extschema@.videoroom_rooms.starts_at IS 'Start of the booking';
COMMENT ON COLUMN @extschema@.videoroom_rooms.ends_at IS 'End of the booking';
COMMENT ON COLUMN @extschema@.videoroom_rooms.opens_at IS 'Joins are let in from here';
COMMENT ON COLUMN @extschema@.videoroom_rooms.closes_at IS 'Joins are refused from here';
COMMENT ON COLUMN @extschema@.videoroom_rooms.closed_at IS 'When it closed: cancelled, ended on purpose or over; NULL while open';
COMMENT ON COLUMN @extschema@.videoroom_rooms.final IS 'Closed and nothing going on at Twilio: connected times will not grow any more';
COMMENT ON COLUMN @extschema@.videoroom_rooms.successor IS 'The room that took its place';
COMMENT ON COLUMN @extschema@.videoroom_rooms.invited IS 'How many people are invited';
COMMENT ON COLUMN @extschema@.videoroom_rooms.removed IS 'How many were put out';
COMMENT ON COLUMN @extschema@.videoroom_rooms.connected IS 'How many people are in it now';
COMMENT ON COLUMN @extschema@.videoroom_rooms.attended IS 'How many people were ever in it';
COMMENT ON COLUMN @extschema@.videoroom_rooms.first_joined_at IS 'When the first of them came';
COMMENT ON COLUMN @extschema@.videoroom_rooms.no_show IS 'Closed, not cancelled, and nobody came';
COMMENT ON COLUMN @extschema@.videoroom_rooms.created_at IS 'When it was booked';
COMMENT ON COLUMN @extschema@.videoroom_rooms.cancelled_at IS 'When it was cancelled or rescheduled';
COMMENT ON COLUMN @extschema@.videoroom_rooms.ended_at IS 'When it was ended on purpose';
COMMENT ON COLUMN @extschema@.videoroom_rooms.reason IS 'Why it was cancelled';
COMMENT ON COLUMN @extschema@.videoroom_rooms.metadata IS 'The scheduler''s own object';

CREATE VIEW @extschema@.videoroom_participants AS
SELECT person.room_id,
       r.booking_id,
       r.starts_at,
       r.ends_at,
       person.user_id,
       CASE WHEN person.removed_at IS NOT NULL THEN 'removed'
            WHEN presence.connected THEN 'connected'
            WHEN presence.ever THEN 'disconnected'
            ELSE 'invited' END AS status,
       person.invited,
       presence.connected AND NOT EXISTS (
           SELECT FROM videoroom.stay t
            WHERE t.room_id = person.room_id AND t.open AND t.user_id <> person.user_id) AS waiting,
       presence.connected_since,
       coalesce(length.seconds, 0) AS connected_seconds,
       presence.first_joined_at,
       CASE WHEN NOT presence.connected THEN presence.last_left_at END AS last_left_at,
       NOT presence.ever AND person.removed_at IS NULL AND r.cancelled_at IS NULL
           AND (r.closed_at IS NOT NULL OR r.closes_at <= clock_timestamp()) AS no_show,
       person.invited_at,
       person.removed_at
  FROM (SELECT p.room_id, p.user_id, true AS invited, p.invited_at, p.removed_at
          FROM videoroom.participant p
        UNION ALL
        SELECT DISTINCT s.room_id, c.user_id, false, NULL::timestamptz, NULL::timestamptz
          FROM videoroom.connection c
          JOIN videoroom.session s ON s.room_sid = c.room_sid
         WHERE NOT EXISTS (SELECT FROM videoroom.participant p
                            WHERE p.room_id = s.room_id AND p.user_id = c.user_id)
       ) person
  JOIN videoroom.room r ON r.room_id = person.room_id
 CROSS JOIN LATERAL (
       SELECT count(*) > 0 AS ever,
              coalesce(bool_or(t.open), false) AS connected,
              min(t.joined_at) FILTER (WHERE t.open) AS connected_since,
              min(t.joined_at) AS first_joined_at,
              max(t.left_at) AS last_left_at,
              range_agg(tstzrange(t.joined_at, greatest(t.joined_at, coalesce(t.left_at, clock_timestamp()))))
                  FILTER (WHERE t.joined_at IS NOT NULL) AS intervals
         FROM videoroom.stay t
        WHERE t.room_id = person.room_id AND t.user_id = person.user_id
     ) presence
 CROSS JOIN LATERAL (
       SELECT round(extract(epoch FROM sum(upper(i) - lower(i))))::bigint AS seconds
         FROM unnest(presence.intervals) i
     ) length;
COMMENT ON VIEW @extschema@.videoroom_participants IS
    'People of rooms, one row for each person and room: who is there, who waits, who did not come; also who came uninvited';
COMMENT ON COLUMN @extschema@.videoroom_participants.room_id IS 'Name of the room';
COMMENT ON COLUMN @extschema@.videoroom_participants.booking_id IS 'The scheduler''s name for the booking';
COMMENT ON COLUMN @extschema@.videoroom_participants.starts_at IS 'Start of the booking';
COMMENT ON COLUMN @extschema@.videoroom_participants.ends_at IS 'End of the booking';
COMMENT ON COLUMN @extschema@.videoroom_participants.user_id IS 'The person';
COMMENT ON COLUMN @extschema@.videoroom_participants.status IS 'removed, connected, disconnected or invited';
COMMENT ON COLUMN @extschema@.videoroom_participants.invited IS 'On the list of the room; false: seen there uninvited';
COMMENT ON COLUMN @extschema@.videoroom_participants.waiting IS 'In the room, and nobody else is';
COMMENT ON COLUMN @extschema@.videoroom_participants.connected_since IS 'Start of the present stay; NULL while not connected';
COMMENT ON COLUMN @extschema@.videoroom_participants.connected_seconds IS 'Seconds in the room, overlapping connections counted once, up to now while connected';
COMMENT ON COLUMN @extschema@.videoroom_participants.first_joined_at IS 'When the person first came';
COMMENT ON COLUMN @extschema@.videoroom_participants.last_left_at IS 'When the person left last; NULL while connected';
COMMENT ON COLUMN @extschema@.videoroom_participants.no_show IS 'The room closed, not cancelled, and the person never came';
COMMENT ON COLUMN @extschema@.videoroom_participants.invited_at IS 'When the person was invited, last';
COMMENT ON COLUMN @extschema@.videoroom_participants.removed_at IS 'When the person was put out';

CREATE FUNCTION @extschema@.videoroom_get(room_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    answer jsonb;
BEGIN
    IF videoroom_get.room_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'room_id must not be null';
    END IF;

    SELECT jsonb_build_object(
               'room_id', r.room_id, 'booking_id', r.booking_id, 'status', r.status,
               'starts_at', r.starts_at, 'ends_at', r.ends_at, 'opens_at', r.opens_at, 'closes_at', r.closes_at,
               'closed_at', r.closed_at, 'final', r.final, 'successor', r.successor, 'connected', r.connected,
               'participants', people.list, 'sessions', sessions.list)
      INTO answer
      FROM @extschema@.videoroom_rooms r
     CROSS JOIN LATERAL (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
                      'user_id', p.user_id, 'status', p.status, 'invited', p.invited,
                      'connected_seconds', p.connected_seconds, 'first_joined_at', p.first_joined_at,
                      'last_left_at', p.last_left_at) ORDER BY p.user_id), '[]') AS list
             FROM @extschema@.videoroom_participants p
            WHERE p.room_id = r.room_id
         ) people
     CROSS JOIN LATERAL (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
                      'room_sid', s.room_sid,
                      'status', CASE WHEN s.ended_at IS NULL THEN 'in-progress' ELSE 'completed' END,
                      'started_at', s.started_at, 'ended_at', s.ended_at)
                      ORDER BY coalesce(s.started_at, s.ended_at), s.room_sid), '[]') AS list
             FROM videoroom.session s
            WHERE s.room_id = r.room_id
         ) sessions
     WHERE r.room_id = videoroom_get.room_id;

    IF answer IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PT404', MESSAGE = 'room not found', DETAIL = '{"reason":"unknown"}';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_get(text) IS
    'Everything about one room: status, times, people and sessions; PT404 for an unknown one';
-- What only the clock brings, in batches that never wait for a room somebody else holds.

CREATE FUNCTION videoroom.expire_rooms(batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    room   text;
    closed integer := 0;
BEGIN
    FOR room IN
        SELECT r.room_id FROM videoroom.room r
         WHERE r.closed_at IS NULL AND r.closes_at <= clock_timestamp()
         ORDER BY r.closes_at
         LIMIT batch
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        PERFORM videoroom.settle_room(room);
        closed := closed + 1;
    END LOOP;
    RETURN closed;
END
$$;
COMMENT ON FUNCTION videoroom.expire_rooms(integer) IS
    'Closes rooms whose window is over, at most so many; returns how many';

CREATE FUNCTION videoroom.lose_sessions(batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stale record;
    lost  integer := 0;
BEGIN
    FOR stale IN
        SELECT r.room_id, s.room_sid
          FROM videoroom.session s
          JOIN videoroom.room r ON r.room_id = s.room_id
         WHERE s.ended_at IS NULL
           AND coalesce(s.started_at, r.closes_at) + interval '24 hours' <= clock_timestamp()
         ORDER BY s.room_sid
         LIMIT batch
           FOR NO KEY UPDATE OF r SKIP LOCKED
    LOOP
        -- Looked at again now that the room is ours.
        UPDATE videoroom.session s
           SET lost_at = videoroom.presumed_end(s.room_id, s.started_at)
         WHERE s.room_sid = stale.room_sid AND s.ended_at IS NULL
           AND videoroom.presumed_end(s.room_id, s.started_at) <= clock_timestamp();
        IF FOUND THEN
            INSERT INTO videoroom.event (room_id, kind, detail)
            VALUES (stale.room_id, 'session-lost', jsonb_build_object('room_sid', stale.room_sid));
            PERFORM videoroom.settle_room(stale.room_id);
            lost := lost + 1;
        END IF;
    END LOOP;
    RETURN lost;
END
$$;
COMMENT ON FUNCTION videoroom.lose_sessions(integer) IS
    'Gives up sessions whose end nobody reported and that Twilio cannot have any more, at most so many; returns how many';

CREATE FUNCTION videoroom.done_with(room videoroom.room, before timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- An old room_id joins the newest room of its chain, so it is needed as long as that one is.
    RETURN NOT EXISTS (
        WITH RECURSIVE chain AS (
            SELECT room.room_id
            UNION
            SELECT r.successor FROM chain JOIN videoroom.room r ON r.room_id = chain.room_id
             WHERE r.successor IS NOT NULL)
        SELECT FROM chain JOIN videoroom.room r ON r.room_id = chain.room_id
         WHERE r.closed_at IS NULL OR r.closed_at >= before
            OR EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = r.room_id AND s.ended_at IS NULL)
            OR EXISTS (SELECT FROM videoroom.outbox o WHERE o.room_id = r.room_id AND o.dead_at IS NULL));
END
$$;
COMMENT ON FUNCTION videoroom.done_with(videoroom.room, timestamptz) IS
    'Whether a room and all that came after it closed before that moment, with nothing going on and nothing left to do';

CREATE FUNCTION videoroom.purge(retention interval, batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before timestamptz := clock_timestamp() - retention;
    rooms  text[];
    purged integer;
    gone   integer;
BEGIN
    SELECT array_agg(locked.room_id) INTO rooms
      FROM (SELECT r.room_id FROM videoroom.room r
             WHERE r.closed_at < before AND videoroom.done_with(r, before)
             ORDER BY r.closed_at
             LIMIT batch
               FOR UPDATE SKIP LOCKED) locked;
    -- A successor may have been booked before the lock was ours.
    SELECT coalesce(array_agg(r.room_id), '{}') INTO rooms
      FROM videoroom.room r
     WHERE r.room_id = ANY (rooms) AND videoroom.done_with(r, before);

    DELETE FROM videoroom.event e WHERE e.room_id = ANY (rooms);
    DELETE FROM videoroom.outbox o WHERE o.room_id = ANY (rooms);
    DELETE FROM videoroom.connection c
     USING videoroom.session s
     WHERE s.room_sid = c.room_sid AND s.room_id = ANY (rooms);
    DELETE FROM videoroom.session s WHERE s.room_id = ANY (rooms);
    DELETE FROM videoroom.participant p WHERE p.room_id = ANY (rooms);
    DELETE FROM videoroom.room r WHERE r.room_id = ANY (rooms);
    GET DIAGNOSTICS purged = ROW_COUNT;

    DELETE FROM videoroom.callback c
     WHERE c.id = ANY (ARRAY(
        SELECT k.id FROM videoroom.callback k
         WHERE k.received_at < before
         ORDER BY k.received_at
         LIMIT batch
           FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN purged + gone;
END
$$;
COMMENT ON FUNCTION videoroom.purge(interval, integer) IS
    'Forgets rooms that are over for longer than retention, and callbacks that old, at most so many of each; returns how many';
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
-- Who may do what: nobody anything, until videoroom_grant says so.

CREATE FUNCTION @extschema@.videoroom_grant(role regrole, part text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    can_login boolean;
    functions text[];
    views     text[] := '{}';
    name      text;
BEGIN
    IF role IS NULL OR part IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'role and part must not be null';
    END IF;
    SELECT r.rolcanlogin INTO can_login FROM pg_roles r WHERE r.oid = role;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('role %s does not exist', role);
    END IF;

    CASE part
    WHEN 'scheduler' THEN
        functions := ARRAY[
            'videoroom_create_booking(text, timestamptz, timestamptz, text[], jsonb)',
            'videoroom_cancel(text, text)',
            'videoroom_reschedule(text, timestamptz, timestamptz, text[], jsonb)',
            'videoroom_extend(text, timestamptz)',
            'videoroom_add_participants(text, text[])',
            'videoroom_remove_participant(text, text)',
            'videoroom_end(text)',
            'videoroom_get(text)'];
        views := ARRAY['videoroom_rooms', 'videoroom_participants'];
    WHEN 'backend' THEN
        functions := ARRAY[
            'videoroom_join(text, text)',
            'videoroom_end(text)',
            'videoroom_remove_participant(text, text)',
            'videoroom_get(text)'];
    WHEN 'member' THEN
        IF can_login THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('role %s can log in and so cannot be a member', role),
                DETAIL = 'In a session of its own it could set request.jwt.claims and join as anybody.',
                HINT = 'Use a NOLOGIN role that PostgREST switches to, or part backend.';
        END IF;
        functions := ARRAY['videoroom_join(text)'];
    WHEN 'relay' THEN
        functions := ARRAY['videoroom_receive_callback(text)'];
        EXECUTE format('GRANT USAGE ON SCHEMA videoroom TO %s', role);
        EXECUTE format('GRANT INSERT (body, signature, url) ON videoroom.callback TO %s', role);
    WHEN 'reader' THEN
        functions := ARRAY['videoroom_get(text)'];
        views := ARRAY['videoroom_rooms', 'videoroom_participants'];
    WHEN 'operator' THEN
        functions := ARRAY[
            'videoroom_health()',
            'videoroom_retry(bigint)',
            'videoroom_apply_callback(jsonb)'];
    ELSE
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('unknown part %L', part),
            HINT = 'The parts are scheduler, backend, member, relay, reader and operator.';
    END CASE;

    EXECUTE format('GRANT USAGE ON SCHEMA @extschema@ TO %s', role);
    FOREACH name IN ARRAY functions LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', ('@extschema@.' || name)::regprocedure, role);
    END LOOP;
    FOREACH name IN ARRAY views LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', ('@extschema@.' || name)::regclass, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_grant(regrole, text) IS
    'Gives a role its part: scheduler, backend, member, relay, reader or operator; again has no effect';

-- Functions are PUBLIC's by default, and default privileges may have given away more, to anybody. Whatever the
-- extension has made so far, whichever module made it, is taken back here from everybody but its owner.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT member.kind, member.name,
               CASE WHEN entry.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC'
                    ELSE entry.grantee::pg_catalog.regrole::pg_catalog.text END AS grantee
          FROM (SELECT 'FUNCTION' AS kind, p.oid::pg_catalog.regprocedure::pg_catalog.text AS name, p.proowner AS owner,
                       coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)) AS acl,
                       'pg_catalog.pg_proc'::pg_catalog.regclass AS catalog, p.oid AS object
                  FROM pg_catalog.pg_proc p
                UNION ALL
                SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                       c.oid::pg_catalog.regclass::pg_catalog.text, c.relowner, c.relacl,
                       'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
                  FROM pg_catalog.pg_class c
                UNION ALL
                SELECT 'TYPE', t.oid::pg_catalog.regtype::pg_catalog.text, t.typowner, t.typacl,
                       'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
                  FROM pg_catalog.pg_type t
                UNION ALL
                SELECT 'SCHEMA', pg_catalog.quote_ident(n.nspname), n.nspowner, n.nspacl,
                       'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid
                  FROM pg_catalog.pg_namespace n) AS member
          JOIN pg_catalog.pg_depend d
            ON d.classid OPERATOR(pg_catalog.=) member.catalog AND d.objid OPERATOR(pg_catalog.=) member.object
           AND d.deptype OPERATOR(pg_catalog.=) 'e'
           AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
          JOIN pg_catalog.pg_extension e
            ON e.oid OPERATOR(pg_catalog.=) d.refobjid AND e.extname OPERATOR(pg_catalog.=) 'videoroom'
         CROSS JOIN LATERAL pg_catalog.aclexplode(member.acl) AS entry
         WHERE entry.grantee OPERATOR(pg_catalog.<>) member.owner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', given.kind, given.name, given.grantee);
    END LOOP;
END
$$;
-- What pg_dump takes along: the rooms and all that is known of them, and what is still to be done. Not callback, which
-- is Twilio's raw words, already applied.

SELECT pg_catalog.pg_extension_config_dump('videoroom.home', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.room', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.participant', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.session', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.connection', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.outbox', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.outbox_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.event', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.event_id_seq', '');
-- Off it goes: the worker starts when this transaction commits.

DO $$
DECLARE
    advice text;
BEGIN
    SELECT h.hint INTO advice FROM @extschema@.videoroom_health() h
     WHERE h.name OPERATOR(pg_catalog.=) 'preload' AND NOT h.ok;
    IF FOUND THEN
        RAISE WARNING USING
            MESSAGE = 'videoroom is not preloaded: bookings are taken, but no rooms are made',
            HINT = advice;
    END IF;
END
$$;

SELECT videoroom.wake();
NOTIFY pgrst, 'reload schema';
