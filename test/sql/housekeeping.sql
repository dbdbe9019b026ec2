-- What only the clock brings: rooms expire, sessions are given up, what is old is forgotten.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
TRUNCATE videoroom.home CASCADE;
INSERT INTO videoroom.home (system_identifier, database_oid, table_oid, server_major)
VALUES (1, 1, 1, 15);
CREATE FUNCTION pg_temp.room(id text, ago interval) RETURNS void LANGUAGE sql AS $$
    INSERT INTO videoroom.room
        (room_id, booking_id, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
    VALUES (id, 'booking of ' || id, now() - ago, now() - ago + '1 hour', now() - ago - '15 min'::interval,
            now() - ago + '75 min', now() - ago + '2 hours', '{}', '{}')
$$;
CREATE FUNCTION pg_temp.rm(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'RM' || lpad(n::text, 32, '0') $$;
CREATE FUNCTION pg_temp.pa(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'PA' || lpad(n::text, 32, '0') $$;

-- Rooms close when their window is over, the oldest first, in batches; each as its facts say.
SELECT pg_temp.room('over-1', '5 h'), pg_temp.room('over-2', '4 h'), pg_temp.room('over-3', '3 h'),
       pg_temp.room('still-on', '70 min'), pg_temp.room('coming', '-1 day');
SELECT videoroom.record_session('over-2', pg_temp.rm(1), now() - interval '4 h', NULL, NULL, NULL, NULL),
       videoroom.record_session('over-3', pg_temp.rm(2), now() - interval '3 h', NULL, now(), NULL, NULL),
       videoroom.record_connection(pg_temp.pa(1), pg_temp.rm(2), 'alice', now() - interval '3 h', NULL, NULL, NULL, NULL);
SELECT videoroom.expire_rooms(0);
SELECT videoroom.expire_rooms(1);
SELECT room_id FROM videoroom.room WHERE closed_at IS NOT NULL ORDER BY 1;
SELECT videoroom.expire_rooms(10);
SELECT videoroom.expire_rooms(10);
SELECT room_id, status, closed_at = closes_at AS closed FROM videoroom.room ORDER BY room_id;
SELECT room_id, detail FROM videoroom.event WHERE kind = 'status' ORDER BY room_id;
SELECT o.room_id, o.action, o.priority, o.run_at = r.completes_at AS at_completes_at
  FROM videoroom.outbox o JOIN videoroom.room r USING (room_id) ORDER BY 1;

-- A session whose end nobody reported is over 24 hours after its start, or after its booking if that is not known.
SELECT pg_temp.room('lost-1', '30 h'), pg_temp.room('lost-2', '30 h'), pg_temp.room('lost-3', '20 h'),
       pg_temp.room('lost-4', '25 h');
SELECT videoroom.expire_rooms(10);
SELECT videoroom.record_session('lost-1', pg_temp.rm(10), now() - interval '25 h', NULL, NULL, NULL, NULL),
       videoroom.record_session('lost-2', pg_temp.rm(11), NULL, NULL, NULL, NULL, now() - interval '29 h'),
       videoroom.record_session('lost-3', pg_temp.rm(12), now() - interval '20 h', NULL, NULL, NULL, NULL),
       videoroom.record_session('lost-4', pg_temp.rm(13), NULL, NULL, NULL, NULL, now() - interval '1 h');
SELECT videoroom.record_connection(pg_temp.pa(10), pg_temp.rm(10), 'alice', now() - interval '25 h', NULL, NULL, NULL, NULL);
SELECT count(videoroom.settle_room(room_id)) FROM videoroom.room WHERE room_id LIKE 'lost%';
SELECT videoroom.lose_sessions(1);
SELECT videoroom.lose_sessions(10);
SELECT videoroom.lose_sessions(10);
SELECT r.room_id, r.status, s.lost_at = s.started_at + interval '24 h' AS after_start,
       s.lost_at = r.closes_at + interval '24 h' AS after_closing, s.ended_at = s.lost_at AS ended
  FROM videoroom.session s JOIN videoroom.room r USING (room_id) WHERE r.room_id LIKE 'lost%' ORDER BY 1;
SELECT room_id, kind FROM videoroom.event WHERE kind = 'session-lost' ORDER BY 1;
SELECT user_id, connected_seconds FROM videoroom_participants WHERE room_id = 'lost-1';
-- A presumed end follows a start that is reported late and gives way to an end that is.
SELECT videoroom.record_session('lost-2', pg_temp.rm(11), NULL, now() - interval '31 h', NULL, NULL, NULL),
       videoroom.record_session('lost-1', pg_temp.rm(10), NULL, NULL, NULL, now() - interval '2 h', NULL);
SELECT room_id, lost_at - now() AS lost, ended_at - now() AS ended FROM videoroom.session
 WHERE room_id IN ('lost-1', 'lost-2') ORDER BY 1;

-- A sign of life after the presumed end brings a session back, an earlier one does not; a later fact of another kind changes nothing.
-- It is given up again an hour after its last sign of life. One that a copy left to its original stays over.
SELECT pg_temp.room(r, '30 h') FROM unnest('{back-1,back-2,back-3}'::text[]) r;
SELECT videoroom.record_session(r, pg_temp.rm(n), now() - interval '26 h', NULL, NULL, NULL, NULL)
  FROM (VALUES ('back-1', 14), ('back-2', 15), ('back-3', 16)) v (r, n);
SELECT videoroom.lose_sessions(10);
UPDATE videoroom.session SET detached_at = now() WHERE room_sid = pg_temp.rm(16);
SELECT videoroom.record_session('back-1', pg_temp.rm(14), NULL, NULL, NULL, NULL, now() - interval '90 min'),
       videoroom.record_session('back-2', pg_temp.rm(15), NULL, NULL, NULL, NULL, now() - interval '3 h'),
       videoroom.record_session('back-3', pg_temp.rm(16), NULL, NULL, NULL, NULL, now() - interval '1 h');
SELECT count(videoroom.settle_room(r)) FROM unnest('{back-1,back-2,back-3}'::text[]) r;
SELECT room_id, now() - lost_at AS lost, ended_at IS NULL AS open FROM videoroom.session WHERE room_id LIKE 'back-%' ORDER BY 1;
SELECT action, priority FROM videoroom.outbox WHERE room_id = 'back-1';
SELECT videoroom.record_session('back-1', pg_temp.rm(14), NULL, now() - interval '26 h', NULL, NULL, NULL);
SELECT videoroom.lose_sessions(10);
SELECT now() - lost_at AS lost FROM videoroom.session WHERE room_id = 'back-1';
SELECT videoroom.record_session('back-1', pg_temp.rm(14), NULL, NULL, NULL, NULL, now());
SELECT videoroom.lose_sessions(10);

-- What is old is forgotten, children first, by the last room of a chain.
SELECT pg_temp.room(n, '100 days') FROM unnest(ARRAY['p-plain', 'p-chain-1', 'p-chain-2', 'p-open', 'p-todo', 'p-dead',
                                                      'p-loop-1', 'p-loop-2', 'p-gone']) n;
SELECT pg_temp.room('p-young', '80 days'), pg_temp.room('p-chain-3', '80 days');
UPDATE videoroom.room SET successor = s FROM (VALUES ('p-chain-1', 'p-chain-2'), ('p-chain-2', 'p-chain-3'),
    ('p-loop-1', 'p-loop-2'), ('p-loop-2', 'p-loop-1'), ('p-gone', 'forgotten')) v (r, s) WHERE room_id = r;
INSERT INTO videoroom.participant (room_id, user_id) SELECT room_id, 'alice' FROM videoroom.room WHERE room_id LIKE 'p-%';
SELECT videoroom.record_session(r, pg_temp.rm(n), now() - interval '100 days', NULL, e, NULL, NULL),
       videoroom.record_connection(pg_temp.pa(n), pg_temp.rm(n), 'alice', now() - interval '100 days', NULL, NULL, NULL, NULL)
  FROM (VALUES ('p-plain', 20, now() - interval '99 days'), ('p-open', 21, NULL)) v (r, n, e);
SELECT videoroom.expire_rooms(100);
SELECT videoroom.enqueue('p-todo', 'complete-room', '', 0, now()), videoroom.enqueue('p-dead', 'create-room', '', 0, now());
UPDATE videoroom.outbox SET dead_at = now() WHERE room_id = 'p-dead';
SELECT videoroom.purge('200 days', 100);
SELECT videoroom.purge('90 days', 2);
SELECT videoroom.purge('90 days', 100);
SELECT videoroom.purge('90 days', 100);
SELECT room_id FROM videoroom.room WHERE room_id LIKE 'p-%' ORDER BY 1;
SELECT (SELECT count(*) FROM videoroom.session WHERE room_sid = pg_temp.rm(20)) AS session,
       (SELECT count(*) FROM videoroom.connection WHERE participant_sid = pg_temp.pa(20)) AS connection,
       (SELECT count(*) FROM videoroom.event WHERE room_id IN ('p-plain', 'p-dead')) AS event;
-- Once the end of the chain is old enough, all of it goes; an open session, work to do and a loop, which there cannot be, hold a room for ever.
SELECT videoroom.purge('75 days', 100);
SELECT room_id FROM videoroom.room WHERE room_id LIKE 'p-%' ORDER BY 1;
-- A long chain goes in batches, from its end.
SELECT pg_temp.room('l-' || lpad(n::text, 4, '0'), '100 days') FROM generate_series(1, 450) n \g (format=unaligned tuples_only) /dev/null
UPDATE videoroom.room SET closed_at = closes_at, successor = CASE WHEN room_id <> 'l-0450' THEN 'l-' || lpad((substr(room_id, 3)::int + 1)::text, 4, '0') END
 WHERE room_id LIKE 'l-%';
SELECT videoroom.purge('90 days', 200), max(room_id) FROM videoroom.room WHERE room_id LIKE 'l-%';
SELECT max(room_id), count(*) FROM videoroom.room WHERE room_id LIKE 'l-%';
SELECT videoroom.purge('90 days', 200), videoroom.purge('90 days', 200), videoroom.purge('90 days', 200);
ROLLBACK;
