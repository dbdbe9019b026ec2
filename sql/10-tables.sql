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
    reason       text,
    overrun_until timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX room_open_booking ON videoroom.room (booking_id) WHERE closed_at IS NULL;
CREATE INDEX room_booking ON videoroom.room (booking_id, created_at);
CREATE INDEX room_open_closes ON videoroom.room ((coalesce(overrun_until, closes_at))) WHERE closed_at IS NULL;
CREATE INDEX room_closed ON videoroom.room (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX room_starts ON videoroom.room (starts_at);
CREATE INDEX room_successor ON videoroom.room (successor) WHERE successor IS NOT NULL;
COMMENT ON TABLE videoroom.room IS 'One room for one booking';
COMMENT ON COLUMN videoroom.room.room_id IS 'Unguessable name of the room, the UniqueName at Twilio';
COMMENT ON COLUMN videoroom.room.home IS 'NULL: the foreign key makes a dump restore home first, and NULL takes no lock on its one row';
COMMENT ON COLUMN videoroom.room.booking_id IS 'The scheduler''s name for one occurrence of a booking';
COMMENT ON COLUMN videoroom.room.status IS 'Derived from the facts by settle_room(): not-started, in-progress, completed, cancelled, expired';
COMMENT ON COLUMN videoroom.room.starts_at IS 'Start of the booking';
COMMENT ON COLUMN videoroom.room.ends_at IS 'End of the booking; extend moves it';
COMMENT ON COLUMN videoroom.room.opens_at IS 'Joins are let in from here: starts_at - join_early when it was booked';
COMMENT ON COLUMN videoroom.room.closes_at IS 'Joins are refused from here: ends_at + join_grace; while a call goes on, from completes_at';
COMMENT ON COLUMN videoroom.room.completes_at IS 'A call still going on is ended here: ends_at + end_after';
COMMENT ON COLUMN videoroom.room.options IS 'Complete set of options, defaults filled in';
COMMENT ON COLUMN videoroom.room.metadata IS 'Any object of the scheduler''s; never sent to Twilio';
COMMENT ON COLUMN videoroom.room.request IS 'What was asked for, to tell a repeat of it from another request';
COMMENT ON COLUMN videoroom.room.successor IS 'The room that took this one''s place; joins follow it';
COMMENT ON COLUMN videoroom.room.created_at IS 'When it was booked';
COMMENT ON COLUMN videoroom.room.cancelled_at IS 'When the booking was cancelled or rescheduled';
COMMENT ON COLUMN videoroom.room.ended_at IS 'When it was ended on purpose, by videoroom_end';
COMMENT ON COLUMN videoroom.room.closed_at IS 'Least of cancelled_at, ended_at and closes_at, set once when the first of them has come; while a call overruns closes_at, when that is over';
COMMENT ON COLUMN videoroom.room.reason IS 'Why it was cancelled, as the scheduler put it';
COMMENT ON COLUMN videoroom.room.overrun_until IS 'completes_at, once closes_at has come and a call goes on; then housekeeping looks again';

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
    read_at          timestamptz,
    detached_at      timestamptz
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
COMMENT ON COLUMN videoroom.session.lost_at IS 'Presumed end, 24 hours after the start, of a session whose end nobody reported; NULL again if Twilio shows it alive after that';
COMMENT ON COLUMN videoroom.session.started_at IS 'Start: the callback''s milliseconds before the answer''s seconds';
COMMENT ON COLUMN videoroom.session.ended_at IS 'End, by the same rule; NULL while open';
COMMENT ON COLUMN videoroom.session.seen_alive_at IS 'Last time Twilio is known to have had it in progress';
COMMENT ON COLUMN videoroom.session.read_at IS 'Last time the reconciler read it and its participants one by one';
COMMENT ON COLUMN videoroom.session.detached_at IS 'When a copy left it to the original: for this database it stays over, whatever Twilio shows';

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

-- No foreign key: what is still to be done at Twilio about a room's media outlives the room.
CREATE TABLE videoroom.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id    text COLLATE "C" NOT NULL,
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
    starts_at  timestamptz NOT NULL,
    lane       text NOT NULL DEFAULT 'call' CHECK (lane IN ('call', 'media'))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX outbox_once ON videoroom.outbox (room_id, action, target) WHERE dead_at IS NULL;
CREATE INDEX outbox_room ON videoroom.outbox (room_id, id);
-- What was never refused goes before what was.
CREATE INDEX outbox_due ON videoroom.outbox (priority, ((last_error IS NOT NULL)::int), run_at) WHERE dead_at IS NULL;
CREATE INDEX outbox_ahead ON videoroom.outbox (starts_at, id) WHERE dead_at IS NULL AND priority = 2 AND last_error IS NULL;
CREATE INDEX outbox_dead ON videoroom.outbox (dead_at) WHERE dead_at IS NOT NULL;
COMMENT ON TABLE videoroom.outbox IS 'Calls to Twilio that are still to be made; a row goes only with the transaction that records its outcome';
COMMENT ON COLUMN videoroom.outbox.id IS 'Number of the row, for videoroom_retry';
COMMENT ON COLUMN videoroom.outbox.room_id IS 'The room it is about';
COMMENT ON COLUMN videoroom.outbox.action IS 'create-room, complete-room, remove-participant or anonymize-participant';
COMMENT ON COLUMN videoroom.outbox.target IS 'remove-participant, anonymize-participant: the PA sid, or identity/ and the user_id to remove while none is known';
COMMENT ON COLUMN videoroom.outbox.priority IS '0 asked for by a person, 1 somebody waits for the room, 2 provisioning ahead, 3 housekeeping';
COMMENT ON COLUMN videoroom.outbox.params IS 'Further facts the call needs: asked_at, when Twilio was last asked who is in a call that is to be ended before its time';
COMMENT ON COLUMN videoroom.outbox.run_at IS 'Not before this moment';
COMMENT ON COLUMN videoroom.outbox.sent_at IS 'When it last left for Twilio and may have arrived; put back to what it was once a try is known to have done nothing';
COMMENT ON COLUMN videoroom.outbox.attempts IS 'How often it was tried';
COMMENT ON COLUMN videoroom.outbox.last_error IS 'Last failure: at, kind, status, code, message, more_info, request_id; since: of those with the same code the first';
COMMENT ON COLUMN videoroom.outbox.dead_at IS 'When it was given up; stays until videoroom_retry';
COMMENT ON COLUMN videoroom.outbox.created_at IS 'When it was asked for';
COMMENT ON COLUMN videoroom.outbox.starts_at IS 'Start of the booking, filled in where it is not given: rooms made ahead go in this order';
COMMENT ON COLUMN videoroom.outbox.lane IS 'call: about the room and its people, which is kept for it; media: about what it left behind. Of a room one row of each lane is under way at a time';

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
CREATE INDEX callback_not_understood ON videoroom.callback (received_at) WHERE outcome = 'not-understood';
COMMENT ON TABLE videoroom.callback IS 'Status callbacks of Twilio''s as they came, verified; a relay inserts body, signature and url';
COMMENT ON COLUMN videoroom.callback.id IS 'Number of the row';
COMMENT ON COLUMN videoroom.callback.body IS 'Raw form body, 64 kB at most';
COMMENT ON COLUMN videoroom.callback.signature IS 'Header X-Twilio-Signature';
COMMENT ON COLUMN videoroom.callback.url IS 'Public URL that Twilio called; NULL: videoroom.callback_url or callback_url_secondary';
COMMENT ON COLUMN videoroom.callback.digest IS 'SHA-256 of the body: an exact repeat is not stored again';
COMMENT ON COLUMN videoroom.callback.room_id IS 'RoomName of the body';
COMMENT ON COLUMN videoroom.callback.received_at IS 'When it came in';
COMMENT ON COLUMN videoroom.callback.applied_at IS 'When it was dealt with; NULL: the worker tries again';
COMMENT ON COLUMN videoroom.callback.outcome IS 'applied, duplicate, ignored, or not-understood: about a room of ours, and could not be read';
COMMENT ON COLUMN videoroom.callback.attempts IS 'How often applying it failed';
COMMENT ON COLUMN videoroom.callback.retry_at IS 'When the worker tries again, while applied_at is NULL';
COMMENT ON COLUMN videoroom.callback.error IS 'Why it was ignored or not understood, or how applying it failed last';

-- No foreign key: whoever adds an event holds its room, and to look the room up again for each takes as long as to add it.
CREATE TABLE videoroom.event (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind    text NOT NULL,
    detail  jsonb NOT NULL DEFAULT '{}',
    user_id text COLLATE "C",
    sid     text COLLATE "C",
    time    timestamptz,
    key     text COLLATE "C",
    epoch   bigint,
    xid8    xid8
);
CREATE INDEX event_room ON videoroom.event (room_id, at);
COMMENT ON TABLE videoroom.event IS 'Audit trail: what happened to a room, in the order it became known';
COMMENT ON COLUMN videoroom.event.id IS 'Number of the row';
COMMENT ON COLUMN videoroom.event.room_id IS 'The room';
COMMENT ON COLUMN videoroom.event.at IS 'When it was recorded';
COMMENT ON COLUMN videoroom.event.kind IS 'What: booked, cancelled, session-started, status and so on';
COMMENT ON COLUMN videoroom.event.detail IS 'The particulars';
COMMENT ON COLUMN videoroom.event.user_id IS 'Whom it is about; not filled in yet';
COMMENT ON COLUMN videoroom.event.sid IS 'Twilio''s name for what it is about; not filled in yet';
COMMENT ON COLUMN videoroom.event.time IS 'When it happened, by Twilio''s clock; not filled in yet';
COMMENT ON COLUMN videoroom.event.key IS 'What tells a repeat of the same fact; not filled in yet';
COMMENT ON COLUMN videoroom.event.epoch IS 'The stretch of the server''s life in which it was written; not filled in yet';
COMMENT ON COLUMN videoroom.event.xid8 IS 'The transaction that wrote it; not filled in yet';
