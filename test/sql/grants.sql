-- Who may do what: nobody anything until videoroom_grant says so, and then just that.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
BEGIN;
CREATE ROLE regress_videoroom_nobody;
CREATE ROLE regress_videoroom_scheduler;
CREATE ROLE "regress videoroom backend";
CREATE ROLE regress_videoroom_member;
CREATE ROLE regress_videoroom_relay;
CREATE ROLE regress_videoroom_reader;
CREATE ROLE regress_videoroom_operator;
CREATE ROLE regress_videoroom_login LOGIN;

CREATE VIEW pg_temp.member AS
SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'videoroom';

-- Nothing is PUBLIC's, whoever made it.
CREATE FUNCTION pg_temp.rights(role text) RETURNS TABLE (what text, it text) LANGUAGE sql AS $$
    SELECT 'execute', p.proname || '(' || oidvectortypes(p.proargtypes) || ')'
      FROM pg_proc p JOIN pg_temp.member m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
     WHERE has_function_privilege(role, p.oid, 'EXECUTE')
    UNION ALL
    SELECT lower(r.r), c.relname::text
      FROM pg_class c JOIN pg_temp.member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass,
           unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) r (r)
     WHERE c.relkind IN ('r', 'v') AND has_table_privilege(role, c.oid, r.r)
    UNION ALL
    SELECT lower(r.r), c.relname || ' (' || string_agg(a.attname, ', ' ORDER BY a.attnum) || ')'
      FROM pg_class c JOIN pg_temp.member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,
           unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) r (r)
     WHERE c.relkind IN ('r', 'v') AND NOT has_table_privilege(role, c.oid, r.r)
       AND has_column_privilege(role, c.oid, a.attnum, r.r)
     GROUP BY r.r, c.relname
    UNION ALL
    SELECT lower(r.r), c.relname::text
      FROM pg_class c JOIN pg_temp.member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass,
           unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) r (r)
     WHERE CASE c.relkind WHEN 'S' THEN has_sequence_privilege(role, c.oid, r.r) END
    UNION ALL
    SELECT 'usage', 'schema videoroom' WHERE has_schema_privilege(role, 'videoroom', 'USAGE')
     ORDER BY 1, 2
$$;
SELECT * FROM pg_temp.rights('regress_videoroom_nobody');
SELECT p.oid::regprocedure AS function_without_a_revoke
  FROM pg_proc p JOIN pg_temp.member m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
 WHERE p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0);

-- Each part, and again.
SELECT videoroom_grant('regress_videoroom_scheduler', 'scheduler');
SELECT videoroom_grant('"regress videoroom backend"', 'backend');
SELECT videoroom_grant('regress_videoroom_member', 'member');
SELECT videoroom_grant('regress_videoroom_relay', 'relay');
SELECT videoroom_grant('regress_videoroom_reader', 'reader');
SELECT videoroom_grant('regress_videoroom_operator', 'operator');
SELECT * FROM pg_temp.rights('regress_videoroom_scheduler');
SELECT * FROM pg_temp.rights('regress videoroom backend');
SELECT * FROM pg_temp.rights('regress_videoroom_member');
SELECT * FROM pg_temp.rights('regress_videoroom_relay');
SELECT * FROM pg_temp.rights('regress_videoroom_reader');
SELECT * FROM pg_temp.rights('regress_videoroom_operator');
SELECT count(videoroom_grant('regress_videoroom_scheduler', 'scheduler')) AS again;
SELECT count(*) FROM pg_temp.rights('regress_videoroom_scheduler');
SELECT * FROM pg_temp.rights('regress_videoroom_nobody');

-- A role may have several parts, and a role that can log in any but member.
SELECT videoroom_grant('regress_videoroom_login', part) FROM unnest(ARRAY['reader', 'backend']) part;
SELECT * FROM pg_temp.rights('regress_videoroom_login');
SAVEPOINT s;
SELECT videoroom_grant('regress_videoroom_login', 'member');
ROLLBACK TO s;

-- Refusals.
SELECT videoroom_grant('regress_videoroom_nobody', 'owner');
ROLLBACK TO s;
SELECT videoroom_grant('regress_videoroom_nobody', 'Reader');
ROLLBACK TO s;
SELECT videoroom_grant('regress_videoroom_nobody', NULL);
ROLLBACK TO s;
SELECT videoroom_grant(NULL, 'reader');
ROLLBACK TO s;
SELECT videoroom_grant('regress_videoroom_missing', 'reader');
ROLLBACK TO s;
SELECT videoroom_grant(0, 'reader');
ROLLBACK TO s;

-- What a reader reads is the views' and videoroom_get's, not the tables'.
SET LOCAL ROLE regress_videoroom_reader;
SELECT count(*) >= 0 AS reads FROM videoroom_rooms JOIN videoroom_participants USING (room_id);
SAVEPOINT r;
SELECT videoroom_get('nowhere');
ROLLBACK TO r;
SELECT count(*) FROM videoroom.room;
ROLLBACK TO r;
SELECT videoroom_grant('regress_videoroom_reader', 'operator');
ROLLBACK TO r;
SET LOCAL ROLE regress_videoroom_operator;
SELECT videoroom_apply_callback('{}') AS operator;
SET LOCAL ROLE regress_videoroom_relay;
SAVEPOINT r;
SELECT videoroom_apply_callback('{}');
ROLLBACK TO r;
INSERT INTO videoroom.callback (body, signature, url, outcome) VALUES ('', '', '', 'applied');
ROLLBACK TO r;
SELECT body FROM videoroom.callback;
ROLLBACK TO r;
INSERT INTO videoroom.callback (body, signature) VALUES (repeat('x', 65537), '');
ROLLBACK TO r;
INSERT INTO videoroom.callback (body, signature) VALUES (NULL, '');
ROLLBACK TO r;
RESET ROLE;

-- Every function of the extension that runs SQL pins its search_path, pg_temp last; or it is none but its owner's.
CREATE TEMP TABLE code AS
SELECT p.oid, p.oid::regprocedure::text AS name, p.proname, p.prosrc, p.proacl, p.proowner, l.lanname,
       coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false) AS pinned
  FROM pg_proc p JOIN pg_temp.member m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
  JOIN pg_language l ON l.oid = p.prolang;
SELECT name AS unpinned FROM code WHERE lanname IN ('sql', 'plpgsql') AND NOT pinned ORDER BY proname COLLATE "C";
SELECT name AS unpinned_and_given_away FROM code, aclexplode(proacl) a
 WHERE lanname IN ('sql', 'plpgsql') AND NOT pinned AND a.grantee <> proowner;
-- Nothing but other functions reaches them: no trigger, view, default, check or index, which would run with the path of
-- whoever writes or reads the row.
SELECT c.name AS unpinned, pg_describe_object(d.classid, d.objid, d.objsubid) AS reached_from
  FROM code c JOIN pg_depend d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = c.oid
 WHERE c.lanname IN ('sql', 'plpgsql') AND NOT c.pinned;
-- Nor does a function that others may call and that is in C without a pin.
SELECT name AS unpinned_in_c FROM code WHERE lanname = 'c' AND NOT pinned ORDER BY proname COLLATE "C";

-- Everything has its comment.
SELECT pg_describe_object(m.classid, m.objid, 0) AS without_comment FROM pg_temp.member m
 WHERE m.classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_namespace'::regclass)
   AND obj_description(m.objid, (SELECT relname::name FROM pg_class WHERE oid = m.classid)) IS NULL
   AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = m.objid AND m.classid = 'pg_class'::regclass
                                            AND c.relkind NOT IN ('r', 'v'));
SELECT c.relname, a.attname AS column_without_comment
  FROM pg_class c JOIN pg_temp.member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relkind IN ('r', 'v') AND col_description(c.oid, a.attnum) IS NULL;

-- A dump takes along everything but Twilio's raw callbacks.
SELECT c.oid::regclass FROM pg_extension e, unnest(e.extconfig) WITH ORDINALITY t (relid, n)
  JOIN pg_class c ON c.oid = t.relid WHERE e.extname = 'videoroom' ORDER BY n;
ROLLBACK;
