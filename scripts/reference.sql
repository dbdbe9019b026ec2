-- docs/reference.md, from what the catalog of a database with the extension says, which has no role named reference_…
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
BEGIN;
CREATE TEMP TABLE part AS
    SELECT part, n, format('reference_%s', part) AS role
      FROM unnest('{scheduler,backend,member,relay,reader,operator}'::text[]) WITH ORDINALITY AS p (part, n);
SELECT format('CREATE ROLE %I NOLOGIN', role) FROM part \gexec
SELECT format('SELECT FROM videoroom_grant(%L, %L)', role, part) FROM part \gexec
CREATE TEMP VIEW member AS
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
     WHERE e.extname = 'videoroom' AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';
-- A comment as Markdown: its lists stay lists, and what looks like a placeholder is shown as it is.
CREATE FUNCTION pg_temp.said(comment text) RETURNS text LANGUAGE sql AS $$ SELECT replace(replace(comment, '{', '\{'), '<', '&lt;') $$;
CREATE FUNCTION pg_temp.shown(value text, unit text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN unit IN ('s', 'ms') AND value <> '0' THEN (SELECT value::bigint * of.size / u.size || ' ' || u.name
                       FROM (VALUES (86400000, 'd'), (3600000, 'h'), (60000, 'min'), (1000, 's'), (1, 'ms')) AS u (size, name),
                            (VALUES ('s', 1000), ('ms', 1)) AS of (unit, size)
                      WHERE of.unit = shown.unit AND value::bigint * of.size % u.size = 0 LIMIT 1) ELSE value END
$$;
CREATE FUNCTION pg_temp.columns(relation regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT '| column | type | |' || E'\n' || '|---|---|---|'
    UNION ALL
    (SELECT format('| `%s` | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod), pg_temp.said(col_description(a.attrelid, a.attnum)))
       FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
$$;

\qecho '# Reference'
\qecho
\qecho 'Made from the comments that are in the database itself by `make reference`: `\\df+ videoroom_*` and `\\d+ videoroom_rooms` in psql say'
\qecho 'the same. [README](../README.md) has it in order of use.'
\qecho
\qecho '## Functions'
\qecho
\qecho 'SQLSTATE PTnnn is a [refusal](#refusals). Bad input is 22023, a setting that is missing 55000.'
SELECT E'\n' || format('### %s', p.proname) || CASE WHEN count(*) OVER (PARTITION BY p.proname) > 1 THEN format('(%s)', array_to_string(p.proargnames, ', ')) ELSE '' END || E'\n\n'
       || format(E'    %s(%s)%s\n\n', p.proname, pg_get_function_arguments(p.oid),
                 CASE WHEN p.prorettype <> 'void'::regtype AND pg_get_function_result(p.oid) NOT LIKE 'SETOF record' THEN ' -> ' || pg_get_function_result(p.oid) ELSE '' END)
       || coalesce('Granted with ' || (SELECT string_agg(format('`%s`', part), ', ' ORDER BY n) FROM part WHERE has_function_privilege(role, p.oid, 'EXECUTE')) || E'.\n\n', '')
       || pg_temp.said(obj_description(p.oid, 'pg_proc'))
  FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.proname ^@ 'videoroom_'
 ORDER BY p.proname COLLATE "C", p.pronargs DESC;

\qecho
\qecho '## Views'
SELECT 'SELECT ' || quote_literal(E'\n### ' || c.relname || E'\n\n'
       || coalesce('Granted with ' || (SELECT string_agg(format('`%s`', part), ', ' ORDER BY n) FROM part WHERE has_table_privilege(role, c.oid, 'SELECT')) || E'.\n\n', '')
       || pg_temp.said(obj_description(c.oid, 'pg_class')) || E'.\n'), format('SELECT pg_temp.columns(%L)', c.oid::regclass)
  FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
 WHERE c.relname ^@ 'videoroom_' AND c.relkind = 'v' ORDER BY c.relname COLLATE "C" DESC \gexec

\qecho
\qecho '## What a join gives'
\qecho
SELECT pg_temp.columns('videoroom.join_link');
\qecho
\qecho '## What videoroom_stats() gives'
\qecho
SELECT pg_temp.columns('videoroom.stats');

\qecho
\qecho '## Settings'
\qecho
\qecho 'All reload with `SELECT pg_reload_conf()`; a value out of range is refused when it is set.'
\qecho
\qecho '| `videoroom.` | default | from, to | |'
\qecho '|---|---|---|---|'
SELECT format('| `%s` | %s | %s | %s%s |', substr(name, length('videoroom.') + 1),
              pg_temp.shown(boot_val, unit),
              CASE vartype WHEN 'integer' THEN format('%s to %s%s', min_val, max_val, coalesce(' ' || unit, ''))
                           WHEN 'enum' THEN array_to_string(enumvals, ', ') ELSE '' END,
              pg_temp.said(short_desc), coalesce(' ' || pg_temp.said(extra_desc), ''))
  FROM pg_settings WHERE name ^@ 'videoroom.' ORDER BY name COLLATE "C";

\qecho
\qecho '## Refusals'
\qecho
\qecho 'DETAIL is JSON with `reason`. PostgREST makes the SQLSTATE an HTTP status: PT404 is 404.'
\qecho
\qecho '| SQLSTATE | reason | |'
\qecho '|---|---|---|'
\qecho '| PT401 | `no-claim` | the claims name no user |'
\qecho '| | `bad-claim` | the claim is there, and is no text or integer that can be a `user_id` |'
\qecho '| PT403 | `not-participant` | not invited |'
\qecho '| | `removed` | put out |'
\qecho '| | `not-open` | too early; `opens_at` says until when |'
\qecho '| | `forged` | a callback that its signature does not fit |'
\qecho '| | `malformed` | a callback that is no form, or has no signature |'
\qecho '| PT404 | `unknown` | no such room, booking or call |'
\qecho '| | `cancelled` | the room was, and no other took its place |'
\qecho '| | `over` | the room was ended, or its time has passed |'
\qecho '| | `not-participant` | nobody of that name to put out |'
\qecho '| PT409 | `open` | another request is booked under that booking_id |'
\qecho '| | `cancelled`, `over` | nothing can be changed any more |'
\qecho '| | `alive` | the call was not given up, so its answer may still come |'
\qecho '| | `expected` | a room still expects the person who is to be forgotten |'
\qecho '| PT503 | `not-ready` | the room is being made; ask again in a moment, as for all of these |'
\qecho '| | `busy` | too many wait already |'
\qecho '| | `paused` | calls to Twilio are held back: `videoroom_health()` says why |'
\qecho '| | `no-worker` | the worker does not run |'
\qecho '| | `failed` | the call that makes the room was given up; somebody must look |'
\qecho '| | `refused` | Twilio has refused the room for a minute, with `code` |'
\qecho '| | `uncommitted` | the booking is the asker''s own, and not committed yet |'
\qecho '| | `standby` | the room is not ready, and a standby cannot wait for it |'
ROLLBACK;
