-- Forgetting a person: here at once, at Twilio through the outbox.

CREATE FUNCTION videoroom.rooms_of(user_id text) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    rooms text[];
    going text;
BEGIN
    SELECT coalesce(array_agg(locked.room_id), '{}') INTO rooms
      FROM (SELECT r.room_id FROM videoroom.room r
             WHERE r.room_id IN (
                   SELECT p.room_id FROM videoroom.participant p WHERE p.user_id = rooms_of.user_id
                   UNION
                   SELECT s.room_id FROM videoroom.connection c JOIN videoroom.session s ON s.room_sid = c.room_sid
                    WHERE c.user_id = rooms_of.user_id)
             ORDER BY r.room_id
               FOR NO KEY UPDATE) locked;

    SELECT r.room_id INTO going
      FROM videoroom.room r
      JOIN videoroom.standing now ON now.room_id = r.room_id
     WHERE r.room_id = ANY (rooms)
       AND (EXISTS (SELECT FROM videoroom.participant p
                     WHERE p.room_id = r.room_id AND p.user_id = rooms_of.user_id AND p.removed_at IS NULL
                       AND now.closed_at IS NULL)
            OR EXISTS (SELECT FROM videoroom.stay t
                        WHERE t.room_id = r.room_id AND t.user_id = rooms_of.user_id AND t.open))
     ORDER BY r.starts_at
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PT409', MESSAGE = 'person still expected in a room',
            DETAIL = json_build_object('reason', 'expected', 'room_id', going)::text,
            HINT = 'Remove the person with videoroom_remove_participant, or cancel or end the room, first.';
    END IF;
    RETURN rooms;
END
$$;
COMMENT ON FUNCTION videoroom.rooms_of(text) IS
    'Locks and returns the rooms a person was invited to or seen in; PT409 while one of them still expects or has them';

CREATE FUNCTION videoroom.forget_in(room text, person text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- One stand-in for each room: how long and how often somebody was there stays true, who it was is gone.
    nobody text := 'erased-' || replace(gen_random_uuid()::text, '-', '');
    stay   text;
BEGIN
    UPDATE videoroom.participant p SET user_id = nobody WHERE p.room_id = room AND p.user_id = person;
    FOR stay IN
        UPDATE videoroom.connection c SET user_id = nobody
          FROM videoroom.session s
         WHERE s.room_sid = c.room_sid AND s.room_id = room AND c.user_id = person
        RETURNING c.participant_sid
    LOOP
        PERFORM videoroom.enqueue(room, 'anonymize-participant', stay, 3, clock_timestamp());
    END LOOP;

    UPDATE videoroom.room r
       SET request = jsonb_set(r.request, '{participants}', (r.request -> 'participants') - person || to_jsonb(nobody))
     WHERE r.room_id = room AND r.request -> 'participants' ? person;
    UPDATE videoroom.event e SET detail = jsonb_set(e.detail, '{user_id}', to_jsonb(nobody))
     WHERE e.room_id = room AND e.detail ->> 'user_id' = person;
    UPDATE videoroom.event e
       SET detail = jsonb_set(e.detail, '{user_ids}', (e.detail -> 'user_ids') - person || to_jsonb(nobody))
     WHERE e.room_id = room AND e.detail -> 'user_ids' ? person;
    DELETE FROM videoroom.outbox o
     WHERE o.room_id = room AND o.action = 'remove-participant' AND o.target = 'identity/' || person;
    -- Twilio's words may hold the name of whom the call was about.
    UPDATE videoroom.event e
       SET detail = jsonb_set(e.detail, '{target}', to_jsonb('identity/' || nobody))
     WHERE e.room_id = room AND e.kind = 'discarded' AND e.detail ->> 'target' = 'identity/' || person;
    UPDATE videoroom.event e
       SET detail = e.detail #- '{error,message}' #- '{last_error,message}'
     WHERE e.room_id = room AND e.kind IN ('call-failed', 'discarded')
       AND strpos(concat(e.detail #>> '{error,message}', e.detail #>> '{last_error,message}'), person) > 0;
    UPDATE videoroom.outbox o SET last_error = o.last_error - 'message'
     WHERE o.room_id = room AND strpos(o.last_error ->> 'message', person) > 0;

    INSERT INTO videoroom.event (room_id, kind) VALUES (room, 'erased');
END
$$;
COMMENT ON FUNCTION videoroom.forget_in(text, text) IS
    'Puts a stand-in in the place of a person in one room, and asks Twilio to anonymize their stays; the caller holds the room';

CREATE FUNCTION videoroom.callback_names(body text, user_id text) RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'videoroom_callback_names';
COMMENT ON FUNCTION videoroom.callback_names(text, text) IS 'Whether the body of a callback names a person; needs no credentials';

CREATE FUNCTION videoroom.forget_callbacks(person text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The digest stays, so that a repeat is still told from news.
    UPDATE videoroom.callback c
       SET body = '', signature = '',
           applied_at = coalesce(c.applied_at, clock_timestamp()), outcome = coalesce(c.outcome, 'ignored'),
           retry_at = NULL, error = 'erased'
     WHERE videoroom.callback_names(c.body, person);
END
$$;
COMMENT ON FUNCTION videoroom.forget_callbacks(text) IS 'Empties the kept callbacks that name a person';

CREATE FUNCTION @extschema@.videoroom_erase(user_id text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person text := videoroom_erase.user_id;
    rooms  text[];
    room   text;
BEGIN
    IF person IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'user_id must not be null';
    ELSIF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'a person can only be forgotten at READ COMMITTED',
            DETAIL = 'A snapshot taken before does not show what has come in since, which would stay.';
    END IF;
    rooms := videoroom.rooms_of(person);
    FOREACH room IN ARRAY rooms LOOP
        PERFORM videoroom.forget_in(room, person);
    END LOOP;
    PERFORM videoroom.forget_callbacks(person);
    RETURN cardinality(rooms)::bigint;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_erase(text) IS
'Forgets a person: here at once, at Twilio by Anonymize through the outbox; gives the number of rooms they were in

Invitations, connections, events and raw callbacks keep a stand-in, one for each room, so times and numbers stay true.
What the scheduler wrote itself (booking_id, metadata, reason) stays. PT409: a room still expects the person.
0A000: at REPEATABLE READ or SERIALIZABLE.';
