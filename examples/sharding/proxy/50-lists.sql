-- The list views, over all shards. Through foreign tables rather than PL/Proxy, so that what a query asks for is looked up on
-- the shards, in their indexes, and not all rooms fetched first. rooms_columns, participants_columns: those of the extension.

CREATE EXTENSION postgres_fdw;

CREATE TABLE sharding.rooms (:rooms_columns);
COMMENT ON TABLE sharding.rooms IS 'Rooms of all shards: each shard''s foreign table inherits from it, and it has no rows of its own';
CREATE TABLE sharding.participants (:participants_columns);
COMMENT ON TABLE sharding.participants IS 'People of all shards'' rooms, in the same way';
GRANT SELECT ON sharding.rooms, sharding.participants TO videoroom_reader;

CREATE PROCEDURE sharding.list_shard(conninfo text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shard text := substring(conninfo FROM 'dbname=(\S+)');
BEGIN
    EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (%s, async_capable %L, fetch_size %L)', shard,
        (SELECT string_agg(format('%I %L', part[1], part[2]), ', ') FROM regexp_matches(conninfo, '(\w+)=(\S+)', 'g') AS part),
        'true', '1000');
    EXECUTE format('GRANT USAGE ON FOREIGN SERVER %I TO videoroom_reader', shard);
    EXECUTE format('CREATE USER MAPPING FOR videoroom_reader SERVER %I OPTIONS (%s, password_required %L)', shard,
        (SELECT string_agg(format('%I %L', o.option_name, o.option_value), ', ')
           FROM pg_user_mappings m CROSS JOIN LATERAL pg_options_to_table(m.umoptions) o
          WHERE m.srvname = 'shards' AND m.usename = 'videoroom_reader'), 'false');
    EXECUTE format('CREATE SCHEMA %I', shard);
    EXECUTE format('CREATE FOREIGN TABLE %1$I.videoroom_rooms () INHERITS (sharding.rooms) SERVER %1$I OPTIONS (schema_name %2$L)',
        shard, 'public');
    EXECUTE format('CREATE FOREIGN TABLE %1$I.videoroom_participants () INHERITS (sharding.participants) SERVER %1$I OPTIONS (schema_name %2$L)',
        shard, 'public');
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO videoroom_reader', shard);
    EXECUTE format('GRANT SELECT ON %1$I.videoroom_rooms, %1$I.videoroom_participants TO videoroom_reader', shard);
END
$$;
COMMENT ON PROCEDURE sharding.list_shard(text) IS 'Makes a shard part of the lists';

SELECT format('CALL sharding.list_shard(%L)', conninfo)
  FROM (SELECT conninfo FROM sharding.shard) AS s \gexec

CREATE VIEW videoroom_rooms AS SELECT * FROM sharding.rooms;
COMMENT ON VIEW videoroom_rooms IS 'Rooms, one row each: for lists by booking, by time, by status';
ALTER VIEW videoroom_rooms OWNER TO videoroom_reader;
CREATE VIEW videoroom_participants AS SELECT * FROM sharding.participants;
COMMENT ON VIEW videoroom_participants IS
    'People of rooms, one row for each person and room: who is there, who waits, who did not come; also who came uninvited';
ALTER VIEW videoroom_participants OWNER TO videoroom_reader;
