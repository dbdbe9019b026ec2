-- What pg_dump takes along: the rooms and all that is known of them, and what is still to be done. Not callback, which
-- is Twilio's raw words, already applied.

SELECT pg_catalog.pg_extension_config_dump('videoroom.home', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.room', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.participant', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.session', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.connection', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.outbox', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.outbox_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.event', '');
SELECT pg_catalog.pg_extension_config_dump('videoroom.event_id_seq', '');
