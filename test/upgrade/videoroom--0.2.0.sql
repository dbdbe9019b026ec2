\echo Use "CREATE EXTENSION videoroom" to load this file. \quit
-- The data. Nobody but the extension writes here: see 80-grants.sql.

-- The schema of the API may be somebody else's, with operators and functions in it that fit better than the server's own.
-- Nothing is looked up there: what is made there is named in full.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'videoroom needs a database with encoding UTF8',
            DETAIL = pg_catalog.format('This one has encoding %s.', pg_catalog.getdatabaseencoding());
    ELSIF pg_catalog.to_regnamespace('videoroom') IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42P06', MESSAGE = 'schema "videoroom" already exists',
            DETAIL = 'The extension makes that schema itself, for its tables. CREATE EXTENSION ... SCHEMA names the one for its functions.',
            HINT = 'Drop or rename the schema, and name another for the functions.';
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
    adopted_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    let_go_at         timestamptz
);
COMMENT ON TABLE videoroom.home IS 'The cluster and database that own these rooms; in any other, a restored copy, worker and joins pause';
COMMENT ON COLUMN videoroom.home.id IS 'Always 1: there is one row at most';
COMMENT ON COLUMN videoroom.home.system_identifier IS 'pg_control_system().system_identifier of the owning cluster';
COMMENT ON COLUMN videoroom.home.database_oid IS 'pg_database.oid of the owning database';
COMMENT ON COLUMN videoroom.home.table_oid IS 'pg_class.oid of this very table there';
COMMENT ON COLUMN videoroom.home.server_major IS 'Major version of the owning server: same oids and an older major is pg_upgrade';
COMMENT ON COLUMN videoroom.home.adopted_at IS 'When these rooms became this cluster''s';
COMMENT ON COLUMN videoroom.home.let_go_at IS 'When this copy let go of the original''s sessions; rooms booked before may have more of them there';

-- Of a long history only the newest rows change: a fifth of all of them, the default, would be far too many dead ones.
CREATE TABLE videoroom.room (
    room_id      text COLLATE "C" PRIMARY KEY,
    home         smallint REFERENCES videoroom.home,
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
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX room_open_booking ON videoroom.room (booking_id) WHERE closed_at IS NULL;
CREATE INDEX room_booking ON videoroom.room (booking_id, created_at);
CREATE INDEX room_open_closes ON videoroom.room (closes_at) WHERE closed_at IS NULL;
CREATE INDEX room_closed ON videoroom.room (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX room_starts ON videoroom.room (starts_at);
COMMENT ON TABLE videoroom.room IS 'One room for one booking';
COMMENT ON COLUMN videoroom.room.room_id IS 'Unguessable name of the room, the UniqueName at Twilio';
COMMENT ON COLUMN videoroom.room.home IS 'NULL, or 1 where it was booked by 0.1.0: the foreign key makes a dump restore home first, and NULL takes no lock on its one row';
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
    room_sid         text COLLATE "C" PRIMARY KEY,
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
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX session_room ON videoroom.session (room_id);
CREATE INDEX session_open ON videoroom.session (room_id) WHERE ended_at IS NULL;
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
    participant_sid       text COLLATE "C" PRIMARY KEY,
    room_sid              text COLLATE "C" NOT NULL REFERENCES videoroom.session,
    user_id               text COLLATE "C" NOT NULL,
    connected_callback    timestamptz,
    connected_rest        timestamptz,
    disconnected_callback timestamptz,
    disconnected_rest     timestamptz,
    duration              integer,
    connected_at          timestamptz GENERATED ALWAYS AS (coalesce(connected_callback, connected_rest)) STORED,
    disconnected_at       timestamptz GENERATED ALWAYS AS (coalesce(disconnected_callback, disconnected_rest)) STORED
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
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
    action     text NOT NULL CHECK (action IN ('create-room', 'complete-room', 'remove-participant', 'anonymize-participant')),
    target     text COLLATE "C" NOT NULL DEFAULT '',
    priority   smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 0 AND 3),
    params     jsonb NOT NULL DEFAULT '{}',
    run_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at    timestamptz,
    attempts   integer NOT NULL DEFAULT 0,
    last_error jsonb,
    dead_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    starts_at  timestamptz NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX outbox_once ON videoroom.outbox (room_id, action, target) WHERE dead_at IS NULL;
CREATE INDEX outbox_room ON videoroom.outbox (room_id, id);
CREATE INDEX outbox_due ON videoroom.outbox (priority, run_at) WHERE dead_at IS NULL;
CREATE INDEX outbox_ahead ON videoroom.outbox (starts_at, id) WHERE dead_at IS NULL AND priority = 2;
CREATE INDEX outbox_dead ON videoroom.outbox (dead_at) WHERE dead_at IS NOT NULL;
COMMENT ON TABLE videoroom.outbox IS 'Calls to Twilio that are still to be made; a row goes only with the transaction that records its outcome';
COMMENT ON COLUMN videoroom.outbox.id IS 'Number of the row, for videoroom_retry';
COMMENT ON COLUMN videoroom.outbox.room_id IS 'The room it is about';
COMMENT ON COLUMN videoroom.outbox.action IS 'create-room, complete-room, remove-participant or anonymize-participant';
COMMENT ON COLUMN videoroom.outbox.target IS 'remove-participant, anonymize-participant: the PA sid, or identity/ and the user_id to remove while none is known';
COMMENT ON COLUMN videoroom.outbox.priority IS '0 asked for by a person, 1 somebody waits for the room, 2 provisioning ahead, 3 housekeeping';
COMMENT ON COLUMN videoroom.outbox.params IS 'Further facts the call needs; empty today';
COMMENT ON COLUMN videoroom.outbox.run_at IS 'Not before this moment';
COMMENT ON COLUMN videoroom.outbox.sent_at IS 'When it last left for Twilio and may have arrived; put back to what it was once a try is known to have done nothing';
COMMENT ON COLUMN videoroom.outbox.attempts IS 'How often it was tried';
COMMENT ON COLUMN videoroom.outbox.last_error IS 'Last failure: at, kind, status, code, message, more_info, request_id';
COMMENT ON COLUMN videoroom.outbox.dead_at IS 'When it was given up; stays until videoroom_retry';
COMMENT ON COLUMN videoroom.outbox.created_at IS 'When it was asked for';
COMMENT ON COLUMN videoroom.outbox.starts_at IS 'Start of the booking, filled in where it is not given: rooms made ahead go in this order';

CREATE TABLE videoroom.callback (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body        text NOT NULL,
    signature   text NOT NULL,
    url         text,
    digest      bytea NOT NULL,
    room_id     text COLLATE "C",
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_at  timestamptz,
    outcome     text,
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

-- No foreign key: whoever adds an event holds its room, and to look the room up again for each takes as long as to add it.
CREATE TABLE videoroom.event (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL,
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
--
-- Functions that are called many times for each callback or answer, here and in the next files, have no search_path of their
-- own, which takes three times as long as the call itself. Nobody but the owner may call them, and whoever calls them for
-- somebody else (triggers, the functions of the API, the worker) has pinned it.

CREATE FUNCTION videoroom.find_room(room_id text) RETURNS videoroom.room
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_find_room';
COMMENT ON FUNCTION videoroom.find_room(text) IS 'A room by its key, NULL if there is none; faster than SELECT';

CREATE FUNCTION videoroom.lock_room(room_id text) RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_lock_room';
COMMENT ON FUNCTION videoroom.lock_room(text) IS 'Locks a room FOR NO KEY UPDATE, false if there is none; faster than SELECT';

CREATE FUNCTION videoroom.find_participant(room_id text, user_id text) RETURNS videoroom.participant
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_find_participant';
COMMENT ON FUNCTION videoroom.find_participant(text, text) IS 'A participant by its key, NULL if there is none; faster than SELECT';

CREATE FUNCTION videoroom.find_session(room_sid text) RETURNS videoroom.session
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_find_session';
COMMENT ON FUNCTION videoroom.find_session(text) IS 'A session by its key, NULL if there is none; faster than SELECT';

CREATE FUNCTION videoroom.find_connection(participant_sid text) RETURNS videoroom.connection
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_find_connection';
COMMENT ON FUNCTION videoroom.find_connection(text) IS 'A connection by its key, NULL if there is none; faster than SELECT';

CREATE FUNCTION videoroom.note_event(room_id text, kind text, detail jsonb) RETURNS bigint
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_note_event';
COMMENT ON FUNCTION videoroom.note_event(text, text, jsonb) IS 'Adds an event and gives its number; faster than INSERT';

CREATE FUNCTION videoroom.insert_connection(
    participant_sid       text,
    room_sid              text,
    user_id               text,
    connected_callback    timestamptz,
    connected_rest        timestamptz,
    disconnected_callback timestamptz,
    disconnected_rest     timestamptz,
    duration              integer
) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_insert_connection';
COMMENT ON FUNCTION videoroom.insert_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer) IS
    'Adds a connection and gives true; faster than INSERT';

CREATE FUNCTION videoroom.stamp_session(room_id text, room_sid text, alive_at timestamptz) RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_stamp_session';
COMMENT ON FUNCTION videoroom.stamp_session(text, text, timestamptz) IS
    'merge_session where alive_at is all there is to merge: whether the session is open, NULL if merge_session has to see to it: unknown, lost, another room''s, or changed meanwhile; faster than UPDATE';

CREATE FUNCTION videoroom.merge_session(
    room_id          text,
    room_sid         text,
    started_callback timestamptz,
    started_rest     timestamptz,
    ended_callback   timestamptz,
    ended_rest       timestamptz,
    alive_at         timestamptz,
    OUT is_new       boolean,
    OUT is_open      boolean
)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.session;
    new videoroom.session;
BEGIN
    was := videoroom.find_session(merge_session.room_sid);
    IF was.room_sid IS NULL THEN
        INSERT INTO videoroom.session
            (room_sid, room_id, started_callback, started_rest, ended_callback, ended_rest, seen_alive_at)
        VALUES
            (merge_session.room_sid, merge_session.room_id, merge_session.started_callback,
             merge_session.started_rest, merge_session.ended_callback, merge_session.ended_rest,
             merge_session.alive_at)
        ON CONFLICT (room_sid) DO NOTHING
        RETURNING true, ended_at IS NULL INTO is_new, is_open;
        IF FOUND THEN
            RETURN;
        END IF;
        was := videoroom.find_session(merge_session.room_sid);
    END IF;
    IF was.room_id <> merge_session.room_id THEN
        RETURN;
    END IF;

    new := was;
    new.started_callback := least(was.started_callback, merge_session.started_callback);
    new.started_rest := least(was.started_rest, merge_session.started_rest);
    new.ended_callback := greatest(was.ended_callback, merge_session.ended_callback);
    new.ended_rest := greatest(was.ended_rest, merge_session.ended_rest);
    -- A presumed end gives way to a reported one and follows the start.
    IF was.lost_at IS NOT NULL THEN
        new.lost_at := CASE WHEN coalesce(new.ended_callback, new.ended_rest) IS NULL THEN
            videoroom.presumed_end(was.room_id, coalesce(new.started_callback, new.started_rest)) END;
    END IF;
    is_new := new IS DISTINCT FROM was;
    is_open := coalesce(new.ended_callback, new.ended_rest, new.lost_at) IS NULL;
    IF is_new OR merge_session.alive_at > was.seen_alive_at
       OR was.seen_alive_at IS NULL AND merge_session.alive_at IS NOT NULL THEN
        UPDATE videoroom.session s
           SET started_callback = new.started_callback,
               started_rest = new.started_rest,
               ended_callback = new.ended_callback,
               ended_rest = new.ended_rest,
               lost_at = new.lost_at,
               seen_alive_at = greatest(s.seen_alive_at, merge_session.alive_at)
         WHERE s.room_sid = merge_session.room_sid;
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.merge_session(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) IS
    'Merges what is known of a session: starts by min, ends by max, NULL says nothing. is_new: a fact other than alive_at is, NULL if the session is another room''s; is_open: whether it is now';

CREATE FUNCTION videoroom.record_session(
    room_id          text,
    room_sid         text,
    started_callback timestamptz,
    started_rest     timestamptz,
    ended_callback   timestamptz,
    ended_rest       timestamptz,
    alive_at         timestamptz
) RETURNS boolean
LANGUAGE sql
AS $$
    SELECT coalesce((videoroom.merge_session(
        room_id, room_sid, started_callback, started_rest, ended_callback, ended_rest, alive_at)).is_new, false)
$$;
COMMENT ON FUNCTION videoroom.record_session(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) IS
    'merge_session for whoever only asks whether anything is new';

CREATE FUNCTION videoroom.presumed_end(room_id text, started_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
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

CREATE FUNCTION videoroom.merge_connection(
    participant_sid       text,
    room_sid              text,
    user_id               text,
    connected_callback    timestamptz,
    connected_rest        timestamptz,
    disconnected_callback timestamptz,
    disconnected_rest     timestamptz,
    duration              integer,
    OUT is_new            boolean,
    OUT known_as          text
)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    was videoroom.connection;
    new videoroom.connection;
BEGIN
    was := videoroom.find_connection(merge_connection.participant_sid);
    IF was.participant_sid IS NULL THEN
        is_new := videoroom.insert_connection(
            merge_connection.participant_sid, merge_connection.room_sid, merge_connection.user_id,
            merge_connection.connected_callback, merge_connection.connected_rest,
            merge_connection.disconnected_callback, merge_connection.disconnected_rest, merge_connection.duration);
        known_as := merge_connection.user_id;
        RETURN;
    END IF;
    -- The first user_id stays: Twilio never changes it, save to forget a person.
    known_as := was.user_id;
    IF was.room_sid <> merge_connection.room_sid THEN
        is_new := false;
        RETURN;
    END IF;

    new := was;
    new.connected_callback := least(was.connected_callback, merge_connection.connected_callback);
    new.connected_rest := least(was.connected_rest, merge_connection.connected_rest);
    new.disconnected_callback := greatest(was.disconnected_callback, merge_connection.disconnected_callback);
    new.disconnected_rest := greatest(was.disconnected_rest, merge_connection.disconnected_rest);
    new.duration := greatest(was.duration, merge_connection.duration);
    is_new := new IS DISTINCT FROM was;
    IF is_new THEN
        UPDATE videoroom.connection c
           SET connected_callback = new.connected_callback,
               connected_rest = new.connected_rest,
               disconnected_callback = new.disconnected_callback,
               disconnected_rest = new.disconnected_rest,
               duration = new.duration
         WHERE c.participant_sid = merge_connection.participant_sid;
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.merge_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer) IS
    'Merges what is known of a connection, by the rules of merge_session. is_new: a fact is; known_as: the user_id that it has here, perhaps a stand-in';

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
LANGUAGE sql
AS $$
    SELECT (videoroom.merge_connection(
        participant_sid, room_sid, user_id, connected_callback, connected_rest,
        disconnected_callback, disconnected_rest, duration)).is_new
$$;
COMMENT ON FUNCTION videoroom.record_connection(text, text, text, timestamptz, timestamptz, timestamptz, timestamptz, integer) IS
    'merge_connection for whoever only asks whether anything is new';
-- Asking for a call to Twilio. Callers hold the room's row.

CREATE FUNCTION videoroom.enqueue(room_id text, action text, target text, priority integer, run_at timestamptz)
RETURNS void
LANGUAGE plpgsql
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
-- What follows from the facts. Called after any change of them, by whoever holds the rooms.

CREATE FUNCTION videoroom.settle_rooms(room_ids text[], announce boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan  -- else planned anew for each array
AS $$
DECLARE
    moment timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
BEGIN
    -- The status is the first of these that holds. OFFSET 0, here and below: else the planner may read all sessions there are
    -- into a hash table to ask about a few.
    WITH derived AS (
        SELECT r.room_id, r.starts_at, r.opens_at, r.ends_at, r.completes_at, live.open, live.since,
               least(r.cancelled_at, r.ended_at) AS stopped_at,
               r.status AS was, r.closed_at AS was_closed_at, over.at AS closed_at,
               CASE
                   WHEN r.cancelled_at IS NOT NULL THEN 'cancelled'
                   WHEN r.ended_at IS NOT NULL THEN 'completed'
                   WHEN live.open THEN 'in-progress'
                   WHEN EXISTS (SELECT FROM videoroom.session s
                                  JOIN videoroom.connection c ON c.room_sid = s.room_sid
                                 WHERE s.room_id = r.room_id OFFSET 0) THEN 'completed'
                   WHEN over.at IS NOT NULL THEN 'expired'
                   ELSE 'not-started'
               END AS status
          FROM videoroom.room r
         CROSS JOIN LATERAL (
               SELECT count(*) > 0 AS open, max(s.started_at) AS since
                 FROM videoroom.session s
                WHERE s.room_id = r.room_id AND s.ended_at IS NULL) AS live
         CROSS JOIN LATERAL (
               SELECT coalesce(r.closed_at, CASE
                   WHEN r.cancelled_at IS NOT NULL OR r.ended_at IS NOT NULL OR r.closes_at <= moment
                   THEN least(r.cancelled_at, r.ended_at, r.closes_at) END) AS at) AS over
         WHERE r.room_id = ANY (room_ids)),
    changed AS (
        UPDATE videoroom.room r
           SET status = d.status, closed_at = d.closed_at
          FROM derived d
         WHERE r.room_id = d.room_id AND (d.status <> d.was OR d.closed_at IS DISTINCT FROM d.was_closed_at)
        RETURNING r.room_id, d.was, d.status),
    noted AS (
        INSERT INTO videoroom.event (room_id, kind, detail)
        SELECT c.room_id, 'status', jsonb_build_object('from', c.was, 'to', c.status)
          FROM changed c
         WHERE c.status <> c.was)
    -- The calls that the facts ask for. One that backs off, or was given up since, is left alone: else Twilio would be
    -- called as often as facts come in.
    INSERT INTO videoroom.outbox AS o (room_id, action, target, priority, run_at, starts_at)
    SELECT d.room_id, call.action, call.target, call.priority, call.run_at, d.starts_at
      FROM derived d
     CROSS JOIN LATERAL (
           -- An open session is ended when its call may not go on, or now if the room was closed on purpose.
           SELECT 'complete-room', '',
                  CASE WHEN d.stopped_at IS NULL THEN 3 ELSE 0 END,
                  CASE WHEN d.stopped_at IS NULL THEN d.completes_at ELSE moment END,
                  greatest(d.since, d.stopped_at)
            WHERE d.open
           UNION ALL
           -- Removed people who are in it are put out.
           SELECT 'remove-participant', c.participant_sid, 0, moment, p.removed_at
             FROM videoroom.participant p
             JOIN videoroom.session s ON s.room_id = p.room_id AND s.ended_at IS NULL
             JOIN videoroom.connection c ON c.room_sid = s.room_sid AND c.user_id = p.user_id
            WHERE d.open AND p.room_id = d.room_id AND p.removed_at IS NOT NULL AND c.disconnected_at IS NULL
           UNION ALL
           -- An open room whose last session ended unattended gets a new one, five minutes after the start of that one at
           -- the earliest; a call that people left is made again by the next join.
           SELECT 'create-room', '', 2, greatest(moment, last.at + interval '5 minutes'), NULL
             FROM (SELECT s.room_sid, coalesce(s.started_at, s.seen_alive_at, s.ended_at) AS at
                     FROM videoroom.session s
                    WHERE s.room_id = d.room_id
                    ORDER BY at DESC, s.room_sid DESC
                    LIMIT 1) AS last
            WHERE NOT d.open AND d.closed_at IS NULL AND d.opens_at <= moment AND d.ends_at > moment
              AND NOT EXISTS (SELECT FROM videoroom.connection c WHERE c.room_sid = last.room_sid OFFSET 0)
              AND NOT EXISTS (SELECT FROM videoroom.outbox o
                               WHERE o.room_id = d.room_id AND o.action = 'create-room' OFFSET 0)
           ) AS call (action, target, priority, run_at, since)
     WHERE NOT EXISTS (
           SELECT FROM videoroom.outbox o
            WHERE o.room_id = d.room_id AND o.action = call.action AND o.target = call.target
              AND CASE WHEN o.dead_at IS NOT NULL THEN o.dead_at >= coalesce(call.since, '-infinity')
                       ELSE o.priority <= call.priority AND (o.run_at <= call.run_at OR o.attempts > 0)
                  END)
    ON CONFLICT (room_id, action, target) WHERE dead_at IS NULL
    DO UPDATE SET run_at = least(o.run_at, excluded.run_at), priority = least(o.priority, excluded.priority)
        WHERE o.run_at > excluded.run_at OR o.priority > excluded.priority;

    IF announce AND current_setting('videoroom.notify', true) = 'on' THEN
        PERFORM videoroom.announce(room_id) FROM unnest(room_ids) AS r (room_id);
    END IF;
END
$$;
COMMENT ON FUNCTION videoroom.settle_rooms(text[], boolean) IS
    'Derives the rooms'' status from their facts, closes each once and sees to the calls that follow; announce: tell listeners, if videoroom.notify is on (never in a client''s transaction, which NOTIFY would keep from being prepared)';

CREATE FUNCTION videoroom.settle_room(room_id text, announce boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM videoroom.settle_rooms(ARRAY[room_id], announce);
    RETURN (videoroom.find_room(room_id)).status;
END
$$;
COMMENT ON FUNCTION videoroom.settle_room(text, boolean) IS 'settle_rooms for one room, whose status it returns';

CREATE FUNCTION videoroom.announce(room_id text) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_notify('videoroom', json_build_object(
                'room_id', r.room_id, 'booking_id', r.booking_id, 'status', r.status)::text)
       FROM videoroom.room r WHERE r.room_id = announce.room_id;
END
$$;
COMMENT ON FUNCTION videoroom.announce(text) IS 'Tells listeners on channel videoroom of a room and its status';
-- Status callbacks. A relay inserts what Twilio posted; the trigger verifies, decodes and applies it in that transaction.

CREATE FUNCTION videoroom.verify_callback(body text, signature text, url text) RETURNS bytea
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_verify_callback';
COMMENT ON FUNCTION videoroom.verify_callback(text, text, text) IS
    'Verifies a callback''s signature and gives its digest: PT403 if it is forged; url NULL: videoroom.callback_url';

CREATE FUNCTION videoroom.decode_callback(body text, OUT payload jsonb, OUT room_id text, OUT ignored text)
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_decode_callback';
COMMENT ON FUNCTION videoroom.decode_callback(text) IS
    'Decodes the body of a genuine callback; ignored says why it is not to be applied';

CREATE FUNCTION videoroom.knows_callback(digest bytea) RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_knows_callback';
COMMENT ON FUNCTION videoroom.knows_callback(bytea) IS
    'Whether a callback with that digest is kept, as of now at any isolation level; waits for whoever is inserting one, and holds off others until the transaction ends';

CREATE FUNCTION videoroom.count_callback(outcome text, sent_at text, received_at timestamptz) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_count_callback';
COMMENT ON FUNCTION videoroom.count_callback(text, text, timestamptz) IS
    'Counts a genuine callback for videoroom_stats; outcome NULL: it could not be applied. sent_at is Twilio''s Timestamp; true if counters are kept, which needs the preload';

CREATE FUNCTION videoroom.apply_callback(payload jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    kind           text := replace(payload ->> 'StatusCallbackEvent', '_', '-');
    room           text := payload ->> 'RoomName';
    sid            text := payload ->> 'RoomSid';
    stay           text := payload ->> 'ParticipantSid';
    person         text := payload ->> 'ParticipantIdentity';
    at             timestamptz := payload ->> 'Timestamp';
    session        record;
    session_is_new boolean := false;
    is_open        boolean;
    visit          record;
    is_new         boolean;
    known_as       text;
    noted          bigint;
    status         text;
BEGIN
    IF kind IN ('room-created', 'room-ended') THEN
        stay := NULL;
    ELSIF kind IS NULL OR stay IS NULL OR person IS NULL
          OR kind NOT IN ('participant-connected', 'participant-disconnected',
                          'track-added', 'track-removed', 'track-enabled', 'track-disabled') THEN
        RETURN 'ignored';
    END IF;
    IF sid IS NULL OR at IS NULL OR videoroom.lock_room(room) IS NOT TRUE THEN
        RETURN 'ignored';
    END IF;

    -- Most of what comes says of its session only that it was alive.
    IF stay IS NOT NULL THEN
        is_open := videoroom.stamp_session(room, sid, at);
    END IF;
    IF is_open IS NULL THEN
        session := videoroom.merge_session(
            room, sid,
            CASE WHEN kind = 'room-created' THEN at END, NULL,
            CASE WHEN kind = 'room-ended' THEN at END, NULL,
            CASE WHEN kind <> 'room-ended' THEN at END);
        IF session.is_new IS NULL THEN
            RETURN 'ignored';
        END IF;
        session_is_new := session.is_new;
        is_open := session.is_open;
    END IF;
    IF stay IS NULL THEN
        is_new := session_is_new;
    ELSE
        visit := videoroom.merge_connection(
            stay, sid, person,
            CASE WHEN kind = 'participant-connected' THEN at END, NULL,
            CASE WHEN kind = 'participant-disconnected' THEN at END, NULL,
            CASE WHEN kind = 'participant-disconnected' THEN (payload ->> 'ParticipantDuration')::integer END);
        is_new := visit.is_new OR session_is_new;
        known_as := visit.known_as;
    END IF;
    IF NOT is_new THEN
        RETURN 'duplicate';
    END IF;

    -- Under the name it is known by here: a person may have been forgotten since.
    noted := videoroom.note_event(room, 'callback', jsonb_strip_nulls(jsonb_object(ARRAY[
        'event', kind, 'at', payload ->> 'Timestamp', 'room_sid', sid, 'participant_sid', stay, 'user_id', known_as])));

    -- Who comes into a session that is open, or leaves it, changes neither the room's status nor when it ends.
    IF session_is_new OR NOT is_open OR (videoroom.find_participant(room, known_as)).removed_at IS NOT NULL THEN
        status := videoroom.settle_room(room);
    ELSIF current_setting('videoroom.notify', true) = 'on' THEN
        PERFORM videoroom.announce(room);
    END IF;
    RETURN 'applied';
END
$$;
COMMENT ON FUNCTION videoroom.apply_callback(jsonb) IS
    'Applies one decoded status callback: applied, duplicate or ignored';

CREATE FUNCTION @extschema@.videoroom_apply_callback(payload jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Of what Twilio posts the decoder has seen to it; the tables do not look.
    IF payload ->> 'RoomSid' !~ '^RM[0-9a-fA-F]{32}$' OR payload ->> 'ParticipantSid' !~ '^PA[0-9a-fA-F]{32}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'RoomSid and ParticipantSid must be SIDs as Twilio gives them';
    END IF;
    RETURN videoroom.apply_callback(payload);
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_apply_callback(jsonb) IS
    'Applies one decoded status callback, Twilio''s parameter names with string values: applied, duplicate or ignored. Trusts its input; call it at READ COMMITTED';

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
    counted boolean;
BEGIN
    NEW.digest := videoroom.verify_callback(NEW.body, NEW.signature, NEW.url);
    IF videoroom.knows_callback(NEW.digest) THEN
        counted := videoroom.count_callback('duplicate', NULL, NULL);
        RETURN NULL;
    END IF;
    decoded := videoroom.decode_callback(NEW.body);

    NEW.room_id := decoded.room_id;
    IF decoded.ignored IS NOT NULL THEN
        NEW.error := decoded.ignored;
        NEW.outcome := 'ignored';
        NEW.applied_at := clock_timestamp();
    ELSIF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        -- Of what others have committed since, nothing is seen here: left to the worker, whose snapshots are new.
        NEW.retry_at := clock_timestamp();
        NEW.outcome := NULL;
        NEW.applied_at := NULL;
        NEW.attempts := 0;
        PERFORM videoroom.wake();
    ELSE
        -- Twilio will not send it twice: what fails now is kept and tried again.
        BEGIN
            NEW.outcome := videoroom.apply_callback(decoded.payload);
            NEW.applied_at := clock_timestamp();
            IF NEW.outcome = 'ignored' THEN
                NEW.error := 'not about a room of ours';
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NEW.outcome := NULL;
            NEW.applied_at := NULL;
            NEW.attempts := 1;
            NEW.retry_at := videoroom.retry_time(1);
            NEW.error := format('%s: %s', SQLSTATE, SQLERRM);
            PERFORM videoroom.wake();
        END;
    END IF;

    counted := videoroom.count_callback(
        CASE WHEN NEW.attempts = 0 THEN coalesce(NEW.outcome, 'kept') END,
        CASE WHEN decoded.ignored IS NULL THEN decoded.payload ->> 'Timestamp' END, NEW.received_at);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION videoroom.receive() IS
    'Refuses a forged or oversized callback, drops an exact repeat, applies the rest; one that cannot be applied now stays with its error, one that comes at REPEATABLE READ or SERIALIZABLE is left to the worker';

CREATE TRIGGER receive BEFORE INSERT ON videoroom.callback
    FOR EACH ROW EXECUTE FUNCTION videoroom.receive();
COMMENT ON TRIGGER receive ON videoroom.callback IS 'Verifies, decodes and applies what a relay inserts';

CREATE FUNCTION videoroom.apply_pending("limit" integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment  timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
    pending videoroom.callback;
    decoded record;
    result  text;
    fault   text;
    tried   integer := 0;
BEGIN
    FOR pending IN
        SELECT * FROM videoroom.callback c
         WHERE c.applied_at IS NULL AND c.retry_at <= moment
         ORDER BY c.retry_at, c.id
         LIMIT "limit"
           FOR UPDATE SKIP LOCKED
    LOOP
        tried := tried + 1;
        result := NULL;
        -- NOWAIT: a client's open transaction must not stall the worker, and several rooms are held at once here.
        BEGIN
            decoded := videoroom.decode_callback(pending.body);
            fault := decoded.ignored;
            IF fault IS NULL THEN
                PERFORM FROM videoroom.room r WHERE r.room_id = decoded.room_id FOR NO KEY UPDATE NOWAIT;
                result := videoroom.apply_callback(decoded.payload);
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

CREATE FUNCTION @extschema@.videoroom_replay(since timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept bigint;
BEGIN
    IF since IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'since must not be null';
    END IF;
    -- The worker applies them, in batches that wait for nobody.
    UPDATE videoroom.callback c
       SET applied_at = NULL, outcome = NULL, attempts = 0, retry_at = clock_timestamp(), error = NULL
     WHERE c.received_at >= since;
    GET DIAGNOSTICS kept = ROW_COUNT;
    PERFORM videoroom.wake();
    RETURN kept;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_replay(timestamptz) IS
'Has the kept callbacks that came in since then applied again, and gives their number

Harmless at any time: what is known already changes nothing. The worker does it; health check callbacks says what is left.';
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
-- What the support desk asks: why can this person not join, and what happened.

CREATE FUNCTION videoroom.check_join(room_id text, user_id text, OUT what text, OUT verdict text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_check_join';
COMMENT ON FUNCTION videoroom.check_join(text, text) IS
    'What a join would find, rule by rule, and what it comes to; user_id NULL: anybody on the list';

CREATE FUNCTION @extschema@.videoroom_explain(room_id text, user_id text DEFAULT NULL)
RETURNS TABLE (at timestamptz, what text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO'
AS $$
#variable_conflict use_column
DECLARE
    -- The room asked for and those that took its place, one after the other.
    chain text[] := ARRAY[videoroom_explain.room_id];
    next  text;
BEGIN
    RETURN QUERY
    SELECT clock_timestamp(), c.what, c.verdict, c.detail
      FROM videoroom.check_join(videoroom_explain.room_id, videoroom_explain.user_id) c;

    LOOP
        SELECT r.successor INTO next FROM videoroom.room r WHERE r.room_id = chain[cardinality(chain)];
        EXIT WHEN next IS NULL;
        chain := chain || next;
    END LOOP;

    -- The calls to Twilio that are still to be made, or were given up.
    RETURN QUERY
    SELECT coalesce(o.dead_at, o.run_at),
           'call ' || o.action,
           CASE WHEN o.dead_at IS NOT NULL THEN 'given up' WHEN o.attempts = 0 THEN 'to be made' ELSE 'to be made again' END,
           concat_ws('; ',
               nullif(o.target, ''),
               format('tried %s times', o.attempts),
               'Twilio last: ' || nullif(concat_ws(' ', o.last_error ->> 'kind', o.last_error ->> 'status',
                                                   o.last_error ->> 'code', o.last_error ->> 'message'), ''),
               CASE WHEN o.dead_at IS NOT NULL
                    THEN format('videoroom_retry(%s) tries again, videoroom_discard(%1$s) lets it go', o.id) END)
      FROM videoroom.outbox o
     WHERE o.room_id = ANY (chain)
     ORDER BY 1, o.id;

    -- The timeline: what is planned, what was done here, and what Twilio said.
    RETURN QUERY
    SELECT t.at, t.what, t.verdict, t.detail
      FROM (SELECT planned.at, planned.what, NULL AS verdict, r.room_id AS detail, 0 AS id
              FROM videoroom.room r
             CROSS JOIN LATERAL (VALUES (r.opens_at, 'opens'), (r.starts_at, 'starts'), (r.ends_at, 'ends'),
                                        (r.closes_at, 'closes')) AS planned (at, what)
             WHERE r.room_id = ANY (chain) AND r.cancelled_at IS NULL
            UNION ALL
            SELECT e.at, e.kind, NULL,
                   (SELECT string_agg(d.key || ' ' || d.value, ', ' ORDER BY d.key) FROM jsonb_each_text(e.detail) d), e.id
              FROM videoroom.event e
             WHERE e.room_id = ANY (chain)
               AND (videoroom_explain.user_id IS NULL OR NOT e.detail ?| '{user_id,user_ids}'
                    OR e.detail ->> 'user_id' = videoroom_explain.user_id
                    OR e.detail -> 'user_ids' ? videoroom_explain.user_id)
            UNION ALL
            SELECT coalesce(s.ended_at, s.seen_alive_at, s.started_at), 'session',
                   CASE WHEN s.ended_at IS NULL THEN 'in progress when last seen'
                        WHEN s.ended_at = s.lost_at THEN 'presumed over' ELSE 'over' END,
                   concat_ws(', ', s.room_sid, 'since ' || s.started_at), 0
              FROM videoroom.session s
             WHERE s.room_id = ANY (chain)
            UNION ALL
            SELECT coalesce(v.left_at, v.joined_at), 'connection', CASE WHEN v.open THEN 'connected' ELSE 'left' END,
                   concat_ws(', ', v.user_id, v.participant_sid, 'since ' || v.joined_at), 0
              FROM videoroom.stay v
             WHERE v.room_id = ANY (chain)
               AND (videoroom_explain.user_id IS NULL OR v.user_id = videoroom_explain.user_id)
            UNION ALL
            SELECT c.received_at, 'callback', 'not applied',
                   concat_ws(', ', c.error, 'again at ' || c.retry_at), c.id
              FROM videoroom.callback c
             WHERE c.applied_at IS NULL AND c.room_id = ANY (chain)) t
     ORDER BY t.at, t.id, t.what, t.detail;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_explain(text, text) IS
    'For the support desk: why this person can or cannot join now, and what happened.

Row "join" is what a join would answer: ok, wait, or SQLSTATE and reason; the rows after it are the rules in
the order in which a join applies them. Then the calls to Twilio that are waiting or were given up, and the timeline, which
reaches into the rooms that took this one''s place. Without user_id the answer is for anybody on the list, and the timeline
everybody''s. It changes nothing, mints no token and works on a standby. 22023: room_id is missing or longer than 128
characters.';
-- What only the clock brings, in batches that never wait for a room somebody else holds.

CREATE FUNCTION videoroom.expire_rooms(batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
    over   text[];
BEGIN
    over := ARRAY(
        SELECT r.room_id FROM videoroom.room r
         WHERE r.closed_at IS NULL AND r.closes_at <= moment
         ORDER BY r.closes_at
         LIMIT batch
           FOR NO KEY UPDATE SKIP LOCKED);
    IF over <> '{}' THEN
        PERFORM videoroom.settle_rooms(over);
    END IF;
    RETURN cardinality(over);
END
$$;
COMMENT ON FUNCTION videoroom.expire_rooms(integer) IS
    'Closes rooms whose window is over, at most so many; returns how many';

CREATE FUNCTION videoroom.lose_sessions(batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
    stale  record;
    lost   integer := 0;
BEGIN
    FOR stale IN
        SELECT r.room_id, s.room_sid
          FROM videoroom.session s
          JOIN videoroom.room r ON r.room_id = s.room_id
         WHERE s.ended_at IS NULL
           AND (s.started_at <= moment - interval '24 hours' OR s.started_at IS NULL)
           AND coalesce(s.started_at, r.closes_at) + interval '24 hours' <= moment
         ORDER BY s.room_id
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
    -- An old room_id joins the newest room of its chain, so it is needed as long as that one is. OFFSET 0: as in settle_rooms.
    RETURN NOT EXISTS (
        WITH RECURSIVE chain AS (
            SELECT room.room_id
            UNION
            SELECT r.successor FROM chain JOIN videoroom.room r ON r.room_id = chain.room_id
             WHERE r.successor IS NOT NULL)
        SELECT FROM chain JOIN videoroom.room r ON r.room_id = chain.room_id
         WHERE r.closed_at IS NULL OR r.closed_at >= before
            OR EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = r.room_id AND s.ended_at IS NULL OFFSET 0)
            OR EXISTS (SELECT FROM videoroom.outbox o WHERE o.room_id = r.room_id AND o.dead_at IS NULL OFFSET 0));
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
-- Forgetting a person: here at once, at Twilio through the outbox.

CREATE FUNCTION videoroom.rooms_of(user_id text) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    rooms text[];
    going text;
BEGIN
    SELECT coalesce(array_agg(locked.room_id), '{}') INTO rooms
      FROM (SELECT r.room_id FROM videoroom.room r
             WHERE r.room_id IN (
                   SELECT p.room_id FROM videoroom.participant p WHERE p.user_id = rooms_of.user_id
                   UNION
                   SELECT s.room_id FROM videoroom.connection c JOIN videoroom.session s ON s.room_sid = c.room_sid
                    WHERE c.user_id = rooms_of.user_id)
             ORDER BY r.room_id
               FOR NO KEY UPDATE) locked;

    SELECT r.room_id INTO going
      FROM videoroom.room r
     WHERE r.room_id = ANY (rooms)
       AND (EXISTS (SELECT FROM videoroom.participant p
                     WHERE p.room_id = r.room_id AND p.user_id = rooms_of.user_id AND p.removed_at IS NULL
                       AND r.closed_at IS NULL AND r.closes_at > clock_timestamp())
            OR EXISTS (SELECT FROM videoroom.stay t
                        WHERE t.room_id = r.room_id AND t.user_id = rooms_of.user_id AND t.open))
     ORDER BY r.starts_at
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PT409', MESSAGE = 'person still expected in a room',
            DETAIL = json_build_object('reason', 'expected', 'room_id', going)::text,
            HINT = 'Remove the person with videoroom_remove_participant, or cancel or end the room, first.';
    END IF;
    RETURN rooms;
END
$$;
COMMENT ON FUNCTION videoroom.rooms_of(text) IS
    'Locks and returns the rooms a person was invited to or seen in; PT409 while one of them still expects or has them';

CREATE FUNCTION videoroom.forget_in(room text, person text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- One stand-in for each room: how long and how often somebody was there stays true, who it was is gone.
    nobody text := 'erased-' || replace(gen_random_uuid()::text, '-', '');
    stay   text;
BEGIN
    UPDATE videoroom.participant p SET user_id = nobody WHERE p.room_id = room AND p.user_id = person;
    FOR stay IN
        UPDATE videoroom.connection c SET user_id = nobody
          FROM videoroom.session s
         WHERE s.room_sid = c.room_sid AND s.room_id = room AND c.user_id = person
        RETURNING c.participant_sid
    LOOP
        PERFORM videoroom.enqueue(room, 'anonymize-participant', stay, 3, clock_timestamp());
    END LOOP;

    UPDATE videoroom.room r
       SET request = jsonb_set(r.request, '{participants}', (r.request -> 'participants') - person || to_jsonb(nobody))
     WHERE r.room_id = room AND r.request -> 'participants' ? person;
    UPDATE videoroom.event e SET detail = jsonb_set(e.detail, '{user_id}', to_jsonb(nobody))
     WHERE e.room_id = room AND e.detail ->> 'user_id' = person;
    UPDATE videoroom.event e
       SET detail = jsonb_set(e.detail, '{user_ids}', (e.detail -> 'user_ids') - person || to_jsonb(nobody))
     WHERE e.room_id = room AND e.detail -> 'user_ids' ? person;
    DELETE FROM videoroom.outbox o
     WHERE o.room_id = room AND o.action = 'remove-participant' AND o.target = 'identity/' || person;

    INSERT INTO videoroom.event (room_id, kind) VALUES (room, 'erased');
END
$$;
COMMENT ON FUNCTION videoroom.forget_in(text, text) IS
    'Puts a stand-in in the place of a person in one room, and asks Twilio to anonymize their stays; the caller holds the room';

CREATE FUNCTION videoroom.callback_names(body text, user_id text) RETURNS boolean
LANGUAGE C IMMUTABLE
AS 'MODULE_PATHNAME', 'videoroom_callback_names';
COMMENT ON FUNCTION videoroom.callback_names(text, text) IS 'Whether the body of a callback names a person; needs no credentials';

CREATE FUNCTION videoroom.forget_callbacks(person text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The digest stays, so that a repeat is still told from news.
    UPDATE videoroom.callback c
       SET body = '', signature = '',
           applied_at = coalesce(c.applied_at, clock_timestamp()), outcome = coalesce(c.outcome, 'ignored'),
           retry_at = NULL, error = 'erased'
     WHERE videoroom.callback_names(c.body, person);
END
$$;
COMMENT ON FUNCTION videoroom.forget_callbacks(text) IS 'Empties the kept callbacks that name a person';

CREATE FUNCTION @extschema@.videoroom_erase(user_id text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person text := videoroom_erase.user_id;
    rooms  text[];
    room   text;
BEGIN
    IF person IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'user_id must not be null';
    ELSIF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'a person can only be forgotten at READ COMMITTED',
            DETAIL = 'A snapshot taken before does not show what has come in since, which would stay.';
    END IF;
    rooms := videoroom.rooms_of(person);
    FOREACH room IN ARRAY rooms LOOP
        PERFORM videoroom.forget_in(room, person);
    END LOOP;
    PERFORM videoroom.forget_callbacks(person);
    RETURN cardinality(rooms);
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_erase(text) IS
'Forgets a person: here at once, at Twilio by Anonymize through the outbox; gives the number of rooms they were in

Invitations, connections, events and raw callbacks keep a stand-in, one for each room, so times and numbers stay true.
What the scheduler wrote itself (booking_id, metadata, reason) stays. PT409: a room still expects the person.
0A000: at REPEATABLE READ or SERIALIZABLE.';
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
    call_seconds_p50           double precision,
    call_seconds_p95           double precision,
    call_seconds_p99           double precision,
    call_seconds_sum           double precision,
    call_seconds_count         bigint,
    callbacks_ok               bigint,
    callbacks_ignored          bigint,
    callbacks_failed           bigint,
    callbacks_forged           bigint,
    callback_lag_seconds_p50   double precision,
    callback_lag_seconds_p95   double precision,
    callback_lag_seconds_p99   double precision,
    callback_lag_seconds_sum   double precision,
    callback_lag_seconds_count bigint,
    joins_ok                   bigint,
    joins_refused              bigint,
    joins_unavailable          bigint,
    joins_failed               bigint,
    joins_waiting              bigint
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
COMMENT ON COLUMN videoroom.stats.call_seconds_p50 IS 'Half of the requests took at most so long, those included that were given up waiting; exact to an eighth, as the next two';
COMMENT ON COLUMN videoroom.stats.call_seconds_p95 IS '95 of 100 took at most so long';
COMMENT ON COLUMN videoroom.stats.call_seconds_p99 IS '99 of 100 took at most so long';
COMMENT ON COLUMN videoroom.stats.call_seconds_sum IS 'All of them together; its growth by that of call_seconds_count is the mean of a stretch of time';
COMMENT ON COLUMN videoroom.stats.call_seconds_count IS 'Their number';
COMMENT ON COLUMN videoroom.stats.callbacks_ok IS 'Genuine callbacks that were applied, or told nothing new';
COMMENT ON COLUMN videoroom.stats.callbacks_ignored IS 'Genuine ones that were kept and not applied: malformed, of another account, or of no room of ours';
COMMENT ON COLUMN videoroom.stats.callbacks_failed IS 'Genuine ones that could not be applied at once; the worker tries them again';
COMMENT ON COLUMN videoroom.stats.callbacks_forged IS 'Refused: their signature is not the accounts';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_p50 IS 'Half of the callbacks came at most so long after what they tell of';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_p95 IS '95 of 100 came at most so late';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_p99 IS '99 of 100 came at most so late';
COMMENT ON COLUMN videoroom.stats.callback_lag_seconds_sum IS 'All of the lags together';
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
            'videoroom_stats()',
            'videoroom_explain(text, text)',
            'videoroom_retry(bigint)',
            'videoroom_discard(bigint)',
            'videoroom_replay(timestamptz)',
            'videoroom_erase(text)',
            'videoroom_adopt(boolean)',
            'videoroom_apply_callback(jsonb)'];
        -- What videoroom_health() tells to look at, and nothing of what Twilio said.
        EXECUTE format('GRANT USAGE ON SCHEMA videoroom TO %s', role);
        EXECUTE format('GRANT SELECT ON videoroom.outbox TO %s', role);
        EXECUTE format('GRANT SELECT (id, room_id, received_at, applied_at, outcome, attempts, retry_at, error)'
                       ' ON videoroom.callback TO %s', role);
        EXECUTE format('GRANT EXECUTE ON FUNCTION videoroom.wake() TO %s', role);
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
