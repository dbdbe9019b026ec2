-- Status callbacks. A relay inserts what Twilio posted; the trigger verifies, decodes and applies it in that transaction.

CREATE FUNCTION videoroom.verify_callback(body text, signature text, url text) RETURNS bytea
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_verify_callback';
COMMENT ON FUNCTION videoroom.verify_callback(text, text, text) IS
    'Verifies a callback''s signature and gives its digest: PT403 if it is forged; url NULL: videoroom.callback_url';

CREATE FUNCTION videoroom.decode_callback(
    body               text,
    OUT payload        jsonb,
    OUT room_id        text,
    OUT ignored        text,
    OUT not_understood text,
    OUT behind         text
)
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_decode_callback';
COMMENT ON FUNCTION videoroom.decode_callback(text) IS
    'Decodes the body of a genuine callback. Why it is not to be applied: ignored: not ours, or nobody uses it; not_understood: it would be, if it could be read. behind: what stands behind the identity, where that may have been cut from it';

CREATE FUNCTION videoroom.knows_callback(digest bytea) RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'videoroom_knows_callback';
COMMENT ON FUNCTION videoroom.knows_callback(bytea) IS
    'Whether a callback with that digest is kept, as of now at any isolation level; waits for whoever is inserting one, and holds off others until the transaction ends';

CREATE FUNCTION videoroom.count_callback(outcome text, sent_at text, received_at timestamptz) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_count_callback';
COMMENT ON FUNCTION videoroom.count_callback(text, text, timestamptz) IS
    'Counts a genuine callback for videoroom_stats; outcome NULL: it could not be applied. sent_at is Twilio''s Timestamp; true if counters are kept, which needs the preload';

CREATE FUNCTION videoroom.is_believed(room text, sid text, stay text, person text, behind text) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    WITH known (user_id) AS (
        SELECT p.user_id FROM videoroom.participant p WHERE p.room_id = room
        UNION
        SELECT c.user_id FROM videoroom.session s JOIN videoroom.connection c ON c.room_sid = s.room_sid WHERE s.room_id = room)
    SELECT EXISTS (SELECT FROM videoroom.connection c WHERE c.participant_sid = stay AND c.room_sid = sid)
        OR EXISTS (SELECT FROM known k WHERE k.user_id = person)
           AND NOT EXISTS (SELECT FROM known k
                            WHERE k.user_id <> person
                              AND (starts_with(k.user_id, person) AND starts_with(person || behind, k.user_id)
                                   OR starts_with(person, k.user_id || 'Participant')))
$$;
COMMENT ON FUNCTION videoroom.is_believed(text, text, text, text, text) IS
    'Whether a callback is about that person, though the signature holds for another cut between the identity and what stands behind it: of all who are known in the room, only they can be meant';

CREATE FUNCTION videoroom.apply_callback(payload jsonb, behind text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    kind     text := replace(payload ->> 'StatusCallbackEvent', '_', '-');
    room     text := payload ->> 'RoomName';
    sid      text := payload ->> 'RoomSid';
    stay     text := payload ->> 'ParticipantSid';
    person   text := payload ->> 'ParticipantIdentity';
    at       timestamptz := (payload ->> 'Timestamp')::timestamptz;
    session  record;
    visit    record;
    is_new   boolean;
    known_as text;
    settles  boolean;
    strange  boolean;
BEGIN
    IF kind IN ('room-created', 'room-ended') THEN
        stay := NULL;
    ELSIF kind IS NULL OR stay IS NULL OR person IS NULL
          OR kind NOT IN ('participant-connected', 'participant-disconnected',
                          'track-added', 'track-removed', 'track-enabled', 'track-disabled') THEN
        RETURN 'ignored';
    END IF;
    IF sid IS NULL OR at IS NULL THEN
        RETURN 'ignored';
    END IF;
    PERFORM FROM videoroom.room r WHERE r.room_id = room FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'ignored';
    ELSIF behind IS NOT NULL AND NOT videoroom.is_believed(room, sid, stay, person, behind) THEN
        RETURN 'not-understood';
    END IF;

    session := videoroom.merge_session(
        room, sid,
        CASE WHEN kind = 'room-created' THEN at END, NULL,
        CASE WHEN kind = 'room-ended' THEN at END, NULL,
        CASE WHEN kind <> 'room-ended' THEN at END);
    IF session.is_new IS NULL THEN
        RETURN 'ignored';
    ELSIF stay IS NULL THEN
        is_new := session.is_new;
    ELSE
        visit := videoroom.merge_connection(
            stay, sid, person,
            CASE WHEN kind = 'participant-connected' THEN at END, NULL,
            CASE WHEN kind = 'participant-disconnected' THEN at END, NULL,
            CASE WHEN kind = 'participant-disconnected' THEN (payload ->> 'ParticipantDuration')::integer END);
        is_new := visit.is_new OR session.is_new;
        known_as := visit.known_as;
    END IF;
    IF NOT is_new THEN
        RETURN 'duplicate';
    END IF;

    -- Under the name it is known by here: a person may have been forgotten since.
    INSERT INTO videoroom.event (room_id, kind, detail)
    VALUES (room, 'callback', jsonb_strip_nulls(jsonb_object(ARRAY[
        'event', kind, 'at', payload ->> 'Timestamp', 'room_sid', sid, 'participant_sid', stay, 'user_id', known_as])));

    -- Who is invited and comes into a session that is open, or leaves it, changes neither the room's status nor when it ends, unless
    -- they leave it to people who are not. One question after the other: to get ready for one takes longer than to ask it.
    settles := session.is_new OR NOT session.is_open;
    strange := stay IS NOT NULL AND NOT EXISTS (
        SELECT FROM videoroom.participant p WHERE p.room_id = room AND p.user_id = known_as AND p.removed_at IS NULL);
    IF settles OR strange THEN
        PERFORM videoroom.settle_rooms(ARRAY[room]);
    ELSIF current_setting('videoroom.notify', true) = 'on' THEN
        PERFORM videoroom.announce(room);
    END IF;
    -- So may the end of a session in which others were.
    IF kind = 'participant-disconnected' AND NOT strange THEN
        strange := NOT EXISTS (
            SELECT FROM videoroom.connection c
              JOIN videoroom.participant p ON p.room_id = room AND p.user_id = c.user_id AND p.removed_at IS NULL
             WHERE c.room_sid = sid AND c.disconnected_at IS NULL);
    END IF;
    IF strange OR kind = 'room-ended' THEN
        IF EXISTS (SELECT FROM videoroom.session s
                     JOIN videoroom.connection c ON c.room_sid = s.room_sid
                    WHERE s.room_id = room AND s.ended_at IS NULL AND c.disconnected_at IS NULL) THEN
            PERFORM videoroom.end_deserted(ARRAY[room]);
        END IF;
    END IF;
    RETURN 'applied';
END
$$;
COMMENT ON FUNCTION videoroom.apply_callback(jsonb, text) IS
    'Applies one decoded status callback: applied, duplicate, ignored or, where what stands behind the identity makes it doubtful, not-understood';

CREATE FUNCTION videoroom.outcome_unapplied(room_id text, ignored text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN outcome_unapplied.ignored IS NULL
                 AND (outcome_unapplied.room_id IS NULL
                      OR EXISTS (SELECT FROM videoroom.room r WHERE r.room_id = outcome_unapplied.room_id))
                THEN 'not-understood' ELSE 'ignored' END
$$;
COMMENT ON FUNCTION videoroom.outcome_unapplied(text, text) IS
    'What becomes of a callback that is not to be applied: one that cannot be read is ignored too if its room is not ours';

CREATE FUNCTION videoroom.why_unapplied(outcome text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE outcome WHEN 'ignored' THEN 'not about a room of ours'
                        WHEN 'not-understood' THEN 'whom it is about is not certain' END
$$;
COMMENT ON FUNCTION videoroom.why_unapplied(text) IS 'Why apply_callback() gave that outcome; NULL: it has applied it';

CREATE FUNCTION @extschema@.videoroom_apply_callback(payload jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Of what Twilio posts the decoder has seen to it; the tables do not look.
    IF payload ->> 'RoomSid' !~ '^RM[0-9a-fA-F]{32}$' OR payload ->> 'ParticipantSid' !~ '^PA[0-9a-fA-F]{32}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'RoomSid and ParticipantSid must be SIDs as Twilio gives them';
    END IF;
    RETURN videoroom.apply_callback(payload);
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_apply_callback(jsonb) IS
    'Applies one decoded status callback, Twilio''s parameter names with string values: applied, duplicate or ignored. Trusts its input; call it at READ COMMITTED';

CREATE FUNCTION videoroom.retry_time(attempts integer) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN clock_timestamp() + least(300, 2 ^ least(attempts, 10)) * (0.5 + random() / 2) * interval '1 second';
END
$$;
COMMENT ON FUNCTION videoroom.retry_time(integer) IS
    'When a callback that failed so often is tried again: two seconds, doubling to five minutes, less up to half at random';

CREATE FUNCTION videoroom.receive() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '50ms'
AS $$
DECLARE
    decoded record;
    failed  boolean := false;
BEGIN
    NEW.digest := videoroom.verify_callback(NEW.body, NEW.signature, NEW.url);
    IF videoroom.knows_callback(NEW.digest) THEN
        PERFORM videoroom.count_callback('duplicate', NULL, NULL);
        RETURN NULL;
    END IF;
    decoded := videoroom.decode_callback(NEW.body);

    NEW.room_id := decoded.room_id;
    IF decoded.ignored IS NOT NULL OR decoded.not_understood IS NOT NULL THEN
        NEW.error := coalesce(decoded.ignored, decoded.not_understood);
        NEW.outcome := videoroom.outcome_unapplied(decoded.room_id, decoded.ignored);
        NEW.applied_at := clock_timestamp();
    ELSIF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        -- Of what others have committed since, nothing is seen here: left to the worker, whose snapshots are new.
        NEW.retry_at := clock_timestamp();
        NEW.outcome := NULL;
        NEW.applied_at := NULL;
        NEW.attempts := 0;
        PERFORM videoroom.wake();
    ELSE
        -- Twilio will not send it twice: what fails now is kept and tried again.
        BEGIN
            NEW.outcome := videoroom.apply_callback(decoded.payload, decoded.behind);
            NEW.applied_at := clock_timestamp();
            IF NEW.outcome IN ('ignored', 'not-understood') THEN
                NEW.error := videoroom.why_unapplied(NEW.outcome);
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            -- Somebody's open transaction: Twilio waits 15 seconds at most, and the relay has others to take.
            NEW.outcome := NULL;
            NEW.applied_at := NULL;
            NEW.attempts := 0;
            NEW.retry_at := clock_timestamp();
            failed := true;
            PERFORM videoroom.wake();
        WHEN OTHERS THEN
            NEW.outcome := NULL;
            NEW.applied_at := NULL;
            NEW.attempts := 1;
            NEW.retry_at := videoroom.retry_time(1);
            NEW.error := format('%s: %s', SQLSTATE, SQLERRM);
            failed := true;
            PERFORM videoroom.wake();
        END;
    END IF;

    PERFORM videoroom.count_callback(
        CASE WHEN NOT failed THEN coalesce(NEW.outcome, 'kept') END,
        CASE WHEN decoded.ignored IS NULL AND decoded.not_understood IS NULL THEN decoded.payload ->> 'Timestamp' END,
        NEW.received_at);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION videoroom.receive() IS
    'Refuses a forged or oversized callback, drops an exact repeat, applies the rest; one that cannot be applied now stays with its error; one whose room is held, or that comes at REPEATABLE READ or SERIALIZABLE, is left to the worker';

CREATE TRIGGER receive BEFORE INSERT ON videoroom.callback
    FOR EACH ROW EXECUTE FUNCTION videoroom.receive();
COMMENT ON TRIGGER receive ON videoroom.callback IS 'Verifies, decodes and applies what a relay inserts';

CREATE FUNCTION videoroom.apply_pending(batch integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment  timestamptz := clock_timestamp();  -- an index cannot look for a volatile function
    rooms   text[];
    pending videoroom.callback;
    decoded record;
    result  text;
    fault   text;
    tried   integer := 0;
BEGIN
    -- A client's open transaction must stall neither the worker nor the callbacks of other rooms, and several rooms are held
    -- at once here: what somebody holds is passed over.
    rooms := ARRAY(
        SELECT r.room_id FROM videoroom.room r
         WHERE r.room_id = ANY (ARRAY(SELECT DISTINCT c.room_id FROM videoroom.callback c
                                       WHERE c.applied_at IS NULL AND c.retry_at <= moment))
         LIMIT batch
           FOR NO KEY UPDATE SKIP LOCKED);
    FOR pending IN
        SELECT * FROM videoroom.callback c
         WHERE c.applied_at IS NULL AND c.retry_at <= moment
           AND (c.room_id = ANY (rooms) OR c.room_id IS NULL
                OR NOT EXISTS (SELECT FROM videoroom.room r WHERE r.room_id = c.room_id OFFSET 0))
         ORDER BY c.retry_at, c.id
         LIMIT batch
           FOR UPDATE SKIP LOCKED
    LOOP
        tried := tried + 1;
        result := NULL;
        BEGIN
            decoded := videoroom.decode_callback(pending.body);
            fault := coalesce(decoded.ignored, decoded.not_understood);
            IF fault IS NULL THEN
                result := videoroom.apply_callback(decoded.payload, decoded.behind);
                fault := videoroom.why_unapplied(result);
            ELSE
                result := videoroom.outcome_unapplied(decoded.room_id, decoded.ignored);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            result := NULL;
            fault := format('%s: %s', SQLSTATE, SQLERRM);
        END;

        UPDATE videoroom.callback c
           SET applied_at = CASE WHEN result IS NOT NULL THEN clock_timestamp() END,
               outcome = result,
               attempts = c.attempts + CASE WHEN result IS NULL THEN 1 ELSE 0 END,
               retry_at = CASE WHEN result IS NULL THEN videoroom.retry_time(c.attempts + 1) END,
               error = fault
         WHERE c.id = pending.id;
    END LOOP;
    RETURN tried;
END
$$;
COMMENT ON FUNCTION videoroom.apply_pending(integer) IS
    'Tries kept callbacks again whose time has come and whose room nobody holds, each on its own; returns how many it tried';

CREATE FUNCTION @extschema@.videoroom_replay(since timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 100000;
    kept bigint;
    till timestamptz;
BEGIN
    IF since IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'since must not be null';
    END IF;
    -- The worker applies them, in batches that wait for nobody.
    WITH oldest AS (
        SELECT c.id FROM videoroom.callback c WHERE c.received_at >= since ORDER BY c.received_at LIMIT most),
    due AS (
        UPDATE videoroom.callback c
           SET applied_at = NULL, outcome = NULL, attempts = 0, retry_at = clock_timestamp(), error = NULL
          FROM oldest
         WHERE c.id = oldest.id
        RETURNING c.received_at)
    SELECT count(*), max(due.received_at) INTO kept, till FROM due;
    PERFORM videoroom.wake();
    IF EXISTS (SELECT FROM videoroom.callback c WHERE c.received_at > till) THEN
        RAISE NOTICE USING MESSAGE = format('callbacks up to %s are replayed, not those that came later', till),
            HINT = format('Run: SELECT videoroom_replay(%L);', till);
    END IF;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_replay(timestamptz) IS
'Has the kept callbacks that came in since then applied again, and gives their number

Harmless at any time: what is known already changes nothing. The worker does it; health check callbacks says what is left. Of more
than 100,000 it takes the oldest, and says where to go on.';
