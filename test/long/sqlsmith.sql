-- What sqlsmith finds: rooms in every state, and a role that may use all of the extension, also what nobody else may.
\set ON_ERROR_STOP on
CREATE EXTENSION videoroom;
SELECT videoroom_create_booking('soon-' || n, now() + interval '1 minute', now() + interval '8 hours', ARRAY['ann', 'ben-' || n])
  FROM generate_series(1, 60) n \g /dev/null
SELECT videoroom_create_booking('later-' || n, now() + interval '1 day', now() + interval '25 hours', ARRAY['ann', 'cid'])
  FROM generate_series(1, 60) n \g /dev/null
SELECT videoroom_cancel('later-' || n, 'no more') FROM generate_series(1, 10) n \g /dev/null
SELECT videoroom_reschedule('later-' || n, now() + interval '2 days', now() + interval '49 hours') FROM generate_series(11, 20) n \g /dev/null

CREATE ROLE smith LOGIN;
SELECT videoroom_grant('smith', part) FROM unnest('{scheduler,backend,relay,reader,operator}'::text[]) part \g /dev/null
GRANT USAGE ON SCHEMA videoroom TO smith;
GRANT ALL ON ALL TABLES IN SCHEMA videoroom TO smith;
GRANT ALL ON ALL SEQUENCES IN SCHEMA videoroom TO smith;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA videoroom, public TO smith;

-- It calls no function that returns rows, but reads views, and writes to them. What it takes for pg_proc is ours and little else,
-- so that its statements are about us.
CREATE SCHEMA smith;
GRANT USAGE ON SCHEMA smith TO smith;
CREATE VIEW smith.health AS SELECT * FROM videoroom_health();
CREATE VIEW smith.stats AS SELECT * FROM videoroom_stats();
CREATE VIEW smith.explain AS SELECT r.room_id AS of_room, e.* FROM videoroom.room r, LATERAL videoroom_explain(r.room_id, 'ann') e;
CREATE VIEW smith.link AS SELECT r.room_id AS of_room, j.* FROM videoroom.room r, LATERAL videoroom_join(r.room_id, 'ann') j;
CREATE VIEW smith.incoming AS SELECT body, signature, url FROM videoroom.callback;
CREATE VIEW smith.pg_proc AS
SELECT * FROM pg_catalog.pg_proc
 WHERE pronamespace IN ('public'::regnamespace, 'videoroom'::regnamespace)
    OR oid::regprocedure::text IN ('md5(text)', 'upper(text)', 'array_remove(text[],text)', 'jsonb_strip_nulls(jsonb)', 'justify_hours(interval)',
                                   'date_trunc(text,timestamp with time zone)', 'convert_to(text,name)');
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA smith TO smith;
ALTER ROLE smith SET search_path = smith, pg_catalog, public;

-- Most of the server's operators are for types that we have none of. Away with them, but for those that ranges are compared by.
SET allow_system_table_mods = on;
DELETE FROM pg_operator o USING pg_type t
 WHERE t.oid IN (oprleft, oprright) AND oprleft <> ALL ('{anyarray,record}'::regtype[])
   AND (typcategory IN ('G', 'I', 'V', 'E') OR typcategory = 'U' AND typname NOT IN ('bytea', 'jsonb')
        OR typcategory IN ('R', 'P') AND oprname NOT IN ('=', '<', '<=', '>', '>='));
