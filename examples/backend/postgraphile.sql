-- What PostGraphile 5 shows of videoroom. It leaves out what belongs to an extension, functions and the types that they give alike, so
-- these wrappers and their type stand in a schema of one's own, here graph, which is the one to name to it. End users are a NOLOGIN role
-- that is granted `member` (here web_user, see postgrest.sql); who asks, pgSettings says of each request, from the verified token alone:
--   { role: 'web_user', 'request.jwt.claims': JSON.stringify(claims) }
CREATE SCHEMA graph;
GRANT USAGE ON SCHEMA graph TO web_user;

CREATE TYPE graph.room_link AS (room_id text, link text, token text, expires_at timestamptz);
COMMENT ON TYPE graph.room_link IS 'What lets one person into a room; whoever has it is that person until it expires';

CREATE FUNCTION graph.join_room(room_id text) RETURNS graph.room_link
LANGUAGE sql VOLATILE
AS $$ SELECT j.room_id, j.link, j.token, j.expires_at FROM videoroom_join(room_id) AS j $$;
COMMENT ON FUNCTION graph.join_room(text) IS 'The way into a room, for whoever asks; PT401, PT403, PT404 and PT503 as videoroom_join';
REVOKE ALL ON FUNCTION graph.join_room(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION graph.join_room(text) TO web_user;
