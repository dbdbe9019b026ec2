-- One role for each part, on every server: on a shard the proxy logs in as it and may do that part alone, in the proxy's
-- database it owns the functions of its part. password: what the proxy logs in with, from the environment, so that no list
-- of processes shows it.
\getenv password SHARD_PASSWORD
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';

SELECT format('CREATE ROLE %I', part.role)
  FROM (SELECT 'videoroom_' || name AS role FROM unnest('{scheduler,backend,relay,reader,operator}'::text[]) AS name) AS part
 WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = part.role) \gexec

SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', 'videoroom_' || name, :'password')
  FROM unnest('{scheduler,backend,relay,reader,operator}'::text[]) AS name \gexec

-- A caller that waits for a shard waits no longer than that; an operator's work may take its time.
SELECT format('ALTER ROLE %I SET statement_timeout = %L', 'videoroom_' || name, '30s')
  FROM unnest('{scheduler,backend,relay,reader}'::text[]) AS name \gexec
