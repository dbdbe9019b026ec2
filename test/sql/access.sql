-- The whole of what may be touched, object by object: a new one without a line in this table fails the test.
SET client_min_messages = warning;
BEGIN;
CREATE TEMP TABLE allowed (object text, parts text);
\copy allowed FROM stdin WITH (DELIMITER '|')
column callback.applied_at|operator
column callback.attempts|operator
column callback.body|relay
column callback.error|operator
column callback.id|operator
column callback.outcome|operator
column callback.received_at|operator
column callback.retry_at|operator
column callback.room_id|operator
column callback.signature|relay
column callback.url|relay
column outbox.action|operator
column outbox.attempts|operator
column outbox.created_at|operator
column outbox.dead_at|operator
column outbox.id|operator
column outbox.lane|operator
column outbox.last_error|operator
column outbox.params|operator
column outbox.priority|operator
column outbox.room_id|operator
column outbox.run_at|operator
column outbox.sent_at|operator
column outbox.starts_at|operator
column outbox.target|operator
function videoroom.announce(text)|
function videoroom.apply_callback(jsonb,text)|
function videoroom.identities_behind(boolean)|
function videoroom.is_believed(text,text,text,text,text)|
function videoroom.outcome_unapplied(text,text)|
function videoroom.why_unapplied(text)|
function videoroom.apply_pending(integer)|
function videoroom.count_callback(text,text,timestamp with time zone)|
function videoroom.callback_names(text,text)|
function videoroom.check_join(text,text)|
function videoroom.decode_callback(text)|
function videoroom.end_deserted(text[])|
function videoroom.done_with(videoroom.room,timestamp with time zone)|
function videoroom.forgettable(timestamp with time zone,integer,text[])|
function videoroom.enqueue(text,text,text,integer,timestamp with time zone)|
function videoroom.expire_rooms(integer)|
function videoroom.forget_callbacks(text)|
function videoroom.forget_in(text,text)|
function videoroom.knows_callback(bytea)|
function videoroom.lose_sessions(integer)|
function videoroom.merge_connection(text,text,text,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,integer)|
function videoroom.merge_session(text,text,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone)|
function videoroom.outbox_wake()|
function videoroom.presumed_end(text,timestamp with time zone)|
function videoroom.purge(interval,integer)|
function videoroom.receive()|
function videoroom.record_connection(text,text,text,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,integer)|
function videoroom.record_session(text,text,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone)|
function videoroom.retry_time(integer)|
function videoroom.rooms_of(text)|
function videoroom.settle_room(text,boolean)|
function videoroom.settle_rooms(text[],boolean)|
function videoroom.verify_callback(text,text,text)|
function videoroom.wake()|operator
function videoroom_add_participants(text,text[])|scheduler
function videoroom_adopt(boolean)|operator
function videoroom_apply_callback(jsonb)|operator
function videoroom_cancel(text,text)|scheduler
function videoroom_create_booking(text,timestamp with time zone,timestamp with time zone,text[],jsonb)|scheduler
function videoroom_discard(bigint)|operator
function videoroom_end(text)|backend scheduler
function videoroom_erase(text)|operator
function videoroom_extend(text,timestamp with time zone)|scheduler
function videoroom_get(text)|backend reader scheduler
function videoroom_grant(regrole,text)|
function videoroom_explain(text,text)|operator
function videoroom_health()|operator
function videoroom_join(text)|member
function videoroom_join(text,text)|backend
function videoroom_receive_callback(text)|relay
function videoroom_remove_participant(text,text)|backend scheduler
function videoroom_replay(timestamp with time zone)|operator
function videoroom_reschedule(text,timestamp with time zone,timestamp with time zone,text[],jsonb)|scheduler
function videoroom_retry(bigint)|operator
function videoroom_room_slot(text)|
function videoroom_slot(text)|
function videoroom_update(text,jsonb,jsonb)|scheduler
function videoroom_stats()|operator
schema videoroom|operator relay
sequence videoroom.callback_id_seq|
sequence videoroom.event_id_seq|
sequence videoroom.outbox_id_seq|
table videoroom.callback|
table videoroom.connection|
table videoroom.event|
table videoroom.home|
table videoroom.outbox|operator
table videoroom.participant|
table videoroom.room|
table videoroom.session|
view videoroom.stay|
view videoroom.standing|
view videoroom_participants|reader scheduler
view videoroom_rooms|reader scheduler
\.

CREATE TEMP TABLE part (name text, role text);
INSERT INTO part SELECT name, 'regress_part_' || name FROM unnest('{scheduler,backend,member,relay,reader,operator,nobody}'::text[]) name;
SELECT format('CREATE ROLE %I', role) FROM part \gexec
SELECT count(videoroom_grant(role::regrole, name)) AS granted FROM part WHERE name <> 'nobody';

CREATE VIEW pg_temp.member AS
SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'videoroom';
CREATE VIEW pg_temp.actual AS
SELECT object, coalesce(string_agg(part.name, ' ' ORDER BY part.name COLLATE "C") FILTER (WHERE may), '') AS parts
  FROM (SELECT 'function ' || p.oid::regprocedure AS object, part.role,
               has_function_privilege(part.role, p.oid, 'EXECUTE') AS may
          FROM pg_proc p JOIN pg_temp.member m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass, part
        UNION ALL
        SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' ELSE 'table ' END || c.oid::regclass, part.role,
               CASE c.relkind WHEN 'S' THEN has_sequence_privilege(part.role, c.oid, 'USAGE, SELECT, UPDATE')
                    ELSE has_table_privilege(part.role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') END
          FROM pg_class c JOIN pg_temp.member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass, part
         WHERE c.relkind <> 'c'
        UNION ALL
        SELECT 'column ' || c.relname || '.' || a.attname, part.role, true
          FROM pg_class c JOIN pg_temp.member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0, part
         WHERE c.relkind = 'r' AND has_column_privilege(part.role, c.oid, a.attnum, 'SELECT, INSERT, UPDATE, REFERENCES')
        UNION ALL
        SELECT 'schema ' || n.nspname, part.role, has_schema_privilege(part.role, n.oid, 'USAGE, CREATE')
          FROM pg_namespace n JOIN pg_temp.member m ON m.objid = n.oid AND m.classid = 'pg_namespace'::regclass, part) AS each
  JOIN part USING (role)
 GROUP BY object;

-- What differs from the table, in either direction.
SELECT object, allowed.parts AS allowed, actual.parts AS actual
  FROM allowed FULL JOIN pg_temp.actual USING (object)
 WHERE allowed.parts IS DISTINCT FROM actual.parts
 ORDER BY object COLLATE "C";

-- Nobody can hand on what was given, and all of it can be taken back.
SELECT DISTINCT a.is_grantable FROM pg_proc p JOIN pg_temp.member m ON m.objid = p.oid, aclexplode(p.proacl) a
 WHERE a.grantee IN (SELECT role::regrole::oid FROM part);
SELECT format('DROP OWNED BY %I', role) FROM part \gexec
SELECT count(*) AS left_over FROM pg_temp.actual WHERE parts <> '';
ROLLBACK;
