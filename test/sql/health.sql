-- Each check has its row; what is not well comes with the line or command that helps.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home, videoroom.callback CASCADE;
SELECT name FROM videoroom_health();
SELECT name FROM videoroom_health() WHERE NOT ok AND hint IS NULL OR ok AND hint IS NOT NULL;

-- What is not set.
SELECT name, ok, detail, hint FROM videoroom_health() WHERE name IN ('credentials', 'callback_url', 'link_template');

-- An installation at rest.
CREATE VIEW pg_temp.health AS SELECT * FROM videoroom_health() WHERE name IN ('home', 'outbox', 'callbacks', 'version');
SELECT name, ok, detail FROM pg_temp.health WHERE name <> 'version';

-- A call that is late, then one that was given up.
SELECT videoroom_create_booking('b', now(), now() + '1 hour', '{ann}') AS room \gset
SELECT name, ok, detail FROM pg_temp.health WHERE name IN ('home', 'outbox');
UPDATE videoroom.outbox SET run_at = now() - interval '61 seconds';
SELECT name, ok, regexp_replace(detail, '\d{4}-\d\d-\d\dT[0-9:.]+Z', '…'), hint FROM pg_temp.health WHERE NOT ok;
UPDATE videoroom.outbox SET dead_at = now(), last_error = '{"kind": "permanent", "message": "Invalid media region"}';
SELECT name, ok, detail, hint FROM pg_temp.health WHERE NOT ok;
SELECT videoroom_retry();
SELECT name, ok, detail, hint FROM pg_temp.health WHERE NOT ok;

-- A callback that could not be applied.
ALTER TABLE videoroom.callback DISABLE TRIGGER USER;
INSERT INTO videoroom.callback (body, signature, digest, attempts, retry_at, error)
VALUES ('x', 'x', '\x00', 1, now(), '55P03: canceling statement due to lock timeout');
SELECT name, ok, detail, hint FROM pg_temp.health WHERE NOT ok;
DELETE FROM videoroom.callback;

-- A restored copy, and tables of another version.
UPDATE videoroom.home SET system_identifier = 1, database_oid = 1;
SELECT name, ok, detail, hint FROM pg_temp.health WHERE NOT ok;
UPDATE videoroom.home SET database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()), server_major = 14;
UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'videoroom';
SELECT name, ok, regexp_replace(detail, '\d+\.\d+\.\d+', '…'), hint ~ 'ALTER EXTENSION videoroom UPDATE TO' AS hint
  FROM pg_temp.health WHERE NOT ok;
ROLLBACK;

-- What is set is well.
\set ECHO none
\i :inputs/settings.psql
\set ECHO all
SELECT name, ok, detail FROM videoroom_health() WHERE name IN ('credentials', 'callback_url', 'link_template');
\set ECHO none
\i :inputs/settings_reset.psql
