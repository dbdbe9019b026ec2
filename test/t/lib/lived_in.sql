-- What is in a database of 0.2.0 that has been in use for a while, as its rows were written: rooms of every kind, with people, sessions
-- and calls, callbacks of every outcome, somebody forgotten. No function of the extension takes part.
SET session_replication_role = replica;    -- no triggers
SET TimeZone = 'UTC';
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major)
SELECT c.system_identifier, d.oid, 'videoroom.home'::regclass, current_setting('server_version_num')::int / 10000
  FROM pg_control_system() c, pg_database d WHERE d.datname = current_database();

CREATE TEMP TABLE life AS
SELECT l.*, substr(encode(sha256(convert_to(booking, 'UTF8')), 'hex'), 1, 3) || rpad(booking || n, 22, 'x') AS room,
       date_trunc('second', now()) + start AS starts_at, date_trunc('second', now()) + start + length AS ends_at
  FROM (VALUES
    ('upcoming',  1, interval '20 hours',   interval '1 hour',  'not-started'),
    ('open',      1, interval '-10 min',    interval '2 hours', 'not-started'),
    ('live',      1, interval '-2 hours',   interval '8 hours', 'in-progress'),
    ('left',      1, interval '-2 hours',   interval '6 hours', 'completed'),
    ('done',      1, interval '-30 hours',  interval '1 hour',  'completed'),
    ('ended',     1, interval '-2 hours',   interval '4 hours', 'completed'),
    ('cancelled', 1, interval '-1 hour',    interval '3 hours', 'cancelled'),
    ('expired',   1, interval '-50 hours',  interval '1 hour',  'expired'),
    ('over',      1, interval '-3 hours',   interval '1 hour',  'not-started'),
    ('moved',     1, interval '-10 hours',  interval '1 hour',  'cancelled'),
    ('moved',     2, interval '-5 hours',   interval '1 hour',  'cancelled'),
    ('moved',     3, interval '6 hours',    interval '1 hour',  'not-started'),
    ('again',     1, interval '-26 hours',  interval '1 hour',  'expired'),
    ('again',     2, interval '-5 min',     interval '5 hours', 'not-started'),
    ('failed',    1, interval '-1 min',     interval '3 hours', 'not-started'),
    ('lost',      1, interval '-60 hours',  interval '1 hour',  'completed'),
    ('forgotten', 1, interval '-70 hours',  interval '1 hour',  'completed')) AS l (booking, n, start, length, status);

INSERT INTO videoroom.room (room_id, booking_id, status, starts_at, ends_at, opens_at, closes_at, completes_at, options, metadata,
       request, successor, created_at, cancelled_at, ended_at, closed_at, reason)
SELECT room, booking, status, starts_at, ends_at, starts_at - interval '15 min', ends_at + interval '15 min', ends_at + interval '1 hour',
       '{"max_participants": 50, "empty_room_timeout": 5, "unused_room_timeout": 60, "max_participant_duration": 86400}'::jsonb
           || CASE booking WHEN 'live' THEN '{"audio_only": true, "media_region": "de1", "video_codecs": ["VP8"]}'::jsonb ELSE '{}' END,
       CASE booking WHEN 'live' THEN '{"ward": {"name": "Zoë", "beds": [1, 2.50]}}'::jsonb ELSE '{}' END,
       jsonb_build_object('starts_at', to_char(starts_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'ends_at', to_char(ends_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'participants', CASE booking WHEN 'forgotten' THEN '["ben", "erased-89abcdef0123456701234567abcdef89"]'::jsonb ELSE '["ann", "ben"]' END),
       lead(room) OVER (PARTITION BY booking ORDER BY n), starts_at - interval '3 days' + n * interval '1 min',
       CASE WHEN status = 'cancelled' THEN starts_at - interval '5 min' END,
       CASE WHEN booking = 'ended' THEN starts_at + interval '30 min' END,
       CASE WHEN booking = 'ended' THEN starts_at + interval '30 min' WHEN status = 'cancelled' THEN starts_at - interval '5 min'
            WHEN ends_at < now() AND booking <> 'over' THEN ends_at + interval '15 min' END,
       CASE WHEN booking = 'cancelled' THEN 'the doctor is ill' END
  FROM life;
INSERT INTO videoroom.participant (room_id, user_id, invited_at, removed_at)
SELECT room, CASE WHEN booking = 'forgotten' AND person = 'ann' THEN 'erased-89abcdef0123456701234567abcdef89' ELSE person END,
       starts_at - interval '2 days', CASE WHEN person = 'carl' THEN starts_at - interval '1 day' END
  FROM life, unnest(ARRAY['ann', 'ben', 'carl']) person WHERE person <> 'carl' OR booking IN ('live', 'open', 'done');

-- One session for each room that has been live, two where it was left and made again.
INSERT INTO videoroom.session (room_sid, room_id, started_callback, started_rest, ended_callback, ended_rest, lost_at, seen_alive_at, read_at)
SELECT 'RM' || md5(room || s), room, CASE WHEN booking <> 'lost' THEN starts_at + s * interval '10.125 min' END,
       date_trunc('second', starts_at + s * interval '10 min'),
       CASE WHEN booking IN ('left', 'done', 'cancelled', 'forgotten') THEN starts_at + s * interval '40.5 min' END,
       CASE WHEN booking IN ('left', 'ended') THEN date_trunc('second', starts_at + s * interval '40 min') END,
       CASE WHEN booking = 'lost' THEN starts_at + interval '24 hours 10 min' END,
       starts_at + s * interval '20 min', CASE WHEN booking = 'live' THEN now() - interval '10 min' END
  FROM life, generate_series(1, 2) s
 WHERE booking IN ('live', 'left', 'done', 'ended', 'cancelled', 'lost', 'forgotten') AND (s = 1 OR booking IN ('left', 'done'));
-- Stays: whole ones, overlapping ones, one of which only the end and the length are known, one that goes on, a stranger's.
INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_callback, connected_rest, disconnected_callback,
       disconnected_rest, duration)
SELECT 'PA' || md5(s.room_sid || c.n), s.room_sid, CASE WHEN l.booking = 'forgotten' AND c.person = 'ann' THEN 'erased-89abcdef0123456701234567abcdef89' ELSE c.person END,
       l.starts_at + c.came, l.starts_at + c.came_rest, l.starts_at + c.went, l.starts_at + c.went_rest, c.duration
  FROM life l JOIN videoroom.session s ON s.room_id = l.room
  JOIN (VALUES (1, 'ann', interval '12.5 min', interval '12 min', interval '25 min', NULL::interval, 750),
               (2, 'ann', NULL, interval '20 min', interval '38.25 min', interval '38 min', NULL),
               (3, 'ben', NULL, NULL, interval '30 min', NULL, 600),
               (4, 'stranger', interval '14 min', NULL, NULL, NULL, NULL),
               (5, 'ann', interval '30 min', NULL, NULL, NULL, NULL)) AS c (n, person, came, came_rest, went, went_rest, duration)
    ON c.n < 4 OR l.booking = 'live';

INSERT INTO videoroom.outbox (room_id, action, target, priority, run_at, sent_at, attempts, last_error, dead_at, created_at, starts_at)
SELECT l.room, o.action, coalesce(o.target, ''), o.priority, now() + o.due, now() - interval '5 min' * sign(o.attempts), o.attempts, o.last_error::jsonb,
       CASE WHEN o.dead THEN now() - interval '1 hour' END, l.starts_at - interval '3 days', l.starts_at
  FROM life l JOIN (VALUES
    ('upcoming', 'create-room', NULL, 2, interval '19 hours', 0, NULL, false),
    ('moved',    'create-room', NULL, 2, interval '5 hours', 0, NULL, false),
    ('open',     'create-room', NULL, 1, interval '2 hours', 3, '{"at": "2026-11-30T09:00:00Z", "kind": "unavailable", "message": "Failed to connect"}', false),
    ('failed',   'create-room', NULL, 2, interval '-1 hour', 1, '{"at": "2026-11-30T09:00:00Z", "kind": "permanent", "status": 400, "code": 53115, "message": "no", "request_id": "RQ1"}', true),
    ('live',     'complete-room', NULL, 3, interval '7 hours', 0, NULL, false),
    ('live',     'remove-participant', 'identity/carl', 0, interval '2 hours', 2, '{"at": "2026-11-30T09:00:00Z", "kind": "later", "status": 409}', false),
    ('done',     'complete-room', NULL, 3, interval '-28 hours', 9, '{"at": "2026-11-30T09:00:00Z", "kind": "deadline"}', true),
    ('forgotten', 'anonymize-participant', 'PA' || repeat('e', 32), 3, interval '1 hour', 0, NULL, false)
    ) AS o (booking, action, target, priority, due, attempts, last_error, dead) ON o.booking = l.booking AND (l.booking <> 'moved' OR l.n = 3);

INSERT INTO videoroom.callback (body, signature, url, digest, room_id, received_at, applied_at, outcome, attempts, retry_at, error)
SELECT CASE c.n WHEN 7 THEN '' ELSE 'AccountSid=AC' || repeat('0', 31) || '1&RoomName=' || l.room || '&SequenceNumber=' || c.n END,
       CASE c.n WHEN 7 THEN '' ELSE 'c2lnbmF0dXJl' || c.n END, CASE c.n WHEN 2 THEN 'https://rooms.example/twilio' END, sha256(c.n::text::bytea),
       CASE WHEN c.n <> 4 THEN l.room END, l.starts_at + c.n * interval '1 min', CASE WHEN c.done THEN l.starts_at + c.n * interval '1 min' END, c.outcome, c.attempts,
       CASE WHEN NOT c.done THEN now() + interval '1 day' END, c.error
  FROM life l JOIN (VALUES
    (1, true, 'applied', 0, NULL), (2, true, 'duplicate', 0, NULL), (3, true, 'ignored', 0, 'not about a room of ours'),
    (4, true, 'ignored', 0, 'RoomName is missing'), (5, false, NULL, 3, '55P03: canceling statement due to lock timeout'),
    (6, false, NULL, 0, NULL), (7, true, 'ignored', 0, 'erased')) AS c (n, done, outcome, attempts, error) ON l.booking = 'live';

INSERT INTO videoroom.event (room_id, at, kind, detail)
SELECT l.room, l.starts_at + e.n * interval '1 min', e.kind, e.detail::jsonb
  FROM life l JOIN (VALUES (-3000, 'booked', '{}', ''), (-2000, 'participants-added', '{"user_ids": ["ann", "carl"]}', 'live'),
    (-1440, 'participant-removed', '{"user_id": "carl"}', 'live'), (10, 'status', '{"from": "not-started", "to": "in-progress"}', 'live'),
    (12, 'callback', '{"event": "participant-connected", "at": "2026-11-30T09:00:00.000Z", "user_id": "ann"}', 'live'),
    (-5, 'cancelled', '{"reason": "the doctor is ill"}', 'cancelled'), (30, 'ended', '{}', 'ended'),
    (-4, 'rescheduled', '{"successor": "later"}', 'moved'), (99, 'erased', '{}', 'forgotten'),
    (20, 'session-lost', '{}', 'lost')) AS e (n, kind, detail, booking) ON e.booking IN ('', l.booking);

-- Each part, given as a scheduler's, a backend's and so on are; and rights that an operator gave by hand.
CREATE ROLE lived_scheduler; CREATE ROLE lived_backend; CREATE ROLE lived_member NOLOGIN; CREATE ROLE lived_relay; CREATE ROLE lived_reader;
CREATE ROLE lived_operator; CREATE ROLE lived_monitor;
SELECT videoroom_grant(('lived_' || part)::regrole, part) FROM unnest(ARRAY['scheduler', 'backend', 'member', 'relay', 'reader', 'operator']) part;
GRANT EXECUTE ON FUNCTION videoroom_stats(), videoroom_health() TO lived_monitor WITH GRANT OPTION;
GRANT SELECT (status, starts_at) ON videoroom.room TO lived_monitor;
GRANT SELECT ON videoroom_rooms TO lived_monitor;
CREATE VIEW joins AS SELECT since, joins_ok, joins_refused, call_seconds_sum FROM videoroom_stats();
CREATE FUNCTION numbers() RETURNS SETOF videoroom.stats LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT * FROM videoroom_stats(); END';
