-- Roles for PostgREST: it logs in as authenticator, and becomes web_user for whoever shows a token (claim "role": "web_user"), web_anon
-- for everybody else. Exposed is the schema that the extension's functions are in: nobody may call one that is not granted here.
--   db-uri = "postgres://authenticator:…@/app"
--   db-schemas = "public"
--   db-anon-role = "web_anon"
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE web_anon NOLOGIN;
CREATE ROLE web_user NOLOGIN;
GRANT web_anon, web_user TO authenticator;

SELECT videoroom_grant('web_user', 'member');  -- POST /rpc/videoroom_join {"room_id": …}, as whom the token's claims name
SELECT videoroom_grant('web_anon', 'relay');   -- POST /rpc/videoroom_receive_callback, behind the proxy that the README shows
