-- Which shard has which slots. shards: the shards' connection strings, one a line, as many as a power of two.
\getenv password SHARD_PASSWORD
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';

CREATE EXTENSION plproxy;
CREATE SCHEMA videoroom;
COMMENT ON SCHEMA videoroom IS 'What callers name as they do on a server without shards';
GRANT USAGE ON SCHEMA videoroom TO videoroom_backend, videoroom_operator;
CREATE SCHEMA sharding;
COMMENT ON SCHEMA sharding IS 'How calls get to their shard: for the roles that own the functions which callers see';
GRANT USAGE ON SCHEMA sharding TO videoroom_scheduler, videoroom_backend, videoroom_relay, videoroom_reader, videoroom_operator;

-- Partition n has the slots with slot & (partitions - 1) = n; several partitions may be one shard's.
SELECT format('CREATE SERVER shards FOREIGN DATA WRAPPER plproxy OPTIONS (%s)',
              string_agg(format('p%s %L', n - 1, conninfo), ', ' ORDER BY n))
  FROM regexp_split_to_table(:'shards', '\n') WITH ORDINALITY AS shard (conninfo, n) \gexec

GRANT USAGE ON FOREIGN SERVER shards TO videoroom_scheduler, videoroom_backend, videoroom_relay, videoroom_reader, videoroom_operator;
SELECT format('CREATE USER MAPPING FOR %I SERVER shards OPTIONS (user %1$L, password %L)', 'videoroom_' || part, :'password')
  FROM unnest('{scheduler,backend,relay,reader,operator}'::text[]) AS part \gexec

CREATE VIEW sharding.map AS
SELECT substr(o.option_name, 2)::integer AS partition,
       substring(o.option_value FROM 'dbname=(\S+)') AS shard,
       o.option_value AS conninfo
  FROM pg_foreign_server s
 CROSS JOIN LATERAL pg_options_to_table(s.srvoptions) o
 WHERE s.srvname = 'shards' AND o.option_name ~ '^p[0-9]+$';
COMMENT ON VIEW sharding.map IS 'The map as server shards has it: ALTER SERVER changes it';
COMMENT ON COLUMN sharding.map.partition IS 'Has the slots with slot & (number of partitions - 1) = partition';
COMMENT ON COLUMN sharding.map.shard IS 'Name of the shard: that of its database';
COMMENT ON COLUMN sharding.map.conninfo IS 'Where it is';

CREATE VIEW sharding.shard AS
SELECT m.shard, min(m.partition) AS partition, array_agg(m.partition ORDER BY m.partition) AS partitions, min(m.conninfo) AS conninfo
  FROM sharding.map m
 GROUP BY m.shard;
COMMENT ON VIEW sharding.shard IS 'The shards, one row each';
COMMENT ON COLUMN sharding.shard.shard IS 'Name of the shard';
COMMENT ON COLUMN sharding.shard.partition IS 'One of its partitions';
COMMENT ON COLUMN sharding.shard.partitions IS 'All of them';
COMMENT ON COLUMN sharding.shard.conninfo IS 'Where it is';
GRANT SELECT ON sharding.map, sharding.shard TO videoroom_operator;
