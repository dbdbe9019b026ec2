-- Status callbacks go to the shard of the room they name, which verifies them. The relay needs not know: it inserts into
-- videoroom.callback, as ever.

CREATE VIEW videoroom.callback AS SELECT NULL::text AS body, NULL::text AS signature, NULL::text AS url WHERE false;
COMMENT ON VIEW videoroom.callback IS 'Takes what a relay inserts to its shard; shows nothing';
COMMENT ON COLUMN videoroom.callback.body IS 'Raw form body, 64 kB at most';
COMMENT ON COLUMN videoroom.callback.signature IS 'Header X-Twilio-Signature';
COMMENT ON COLUMN videoroom.callback.url IS 'Public URL that Twilio called; NULL: videoroom.callback_url of the shard';

CREATE FUNCTION sharding.insert_callback() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM sharding.call_receive_callback(NEW.body, NEW.signature, NEW.url);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sharding.insert_callback() IS 'Has the shard take an inserted callback';
ALTER FUNCTION sharding.insert_callback() OWNER TO videoroom_relay;

CREATE TRIGGER receive INSTEAD OF INSERT ON videoroom.callback
    FOR EACH ROW EXECUTE FUNCTION sharding.insert_callback();

-- PostgREST's headers are this session's: the signature is taken from them here. None at all is a wrong one, for the shard
-- to refuse.
CREATE FUNCTION videoroom_receive_callback(text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    headers   jsonb := nullif(current_setting('request.headers', true), '');
    signature text;
BEGIN
    IF jsonb_typeof(headers) = 'object' THEN
        SELECT value INTO signature FROM jsonb_each_text(headers) WHERE lower(key) = 'x-twilio-signature' LIMIT 1;
    END IF;
    PERFORM sharding.call_receive_callback($1, signature, NULL);
END
$$;
COMMENT ON FUNCTION videoroom_receive_callback(text) IS
'Takes a status callback of Twilio''s, its raw form body

The signature comes from header X-Twilio-Signature, the URL is the shard''s videoroom.callback_url. PT403: forged.';
ALTER FUNCTION videoroom_receive_callback(text) OWNER TO videoroom_relay;
