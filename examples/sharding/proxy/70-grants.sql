-- Who may do what: nobody anything, until videoroom_grant says so. The parts are the extension's, but that no shard is adopted
-- from here.

SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure)
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'videoroom\_%' \gexec
REVOKE ALL ON ALL ROUTINES IN SCHEMA sharding FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sharding
    TO videoroom_scheduler, videoroom_backend, videoroom_relay, videoroom_reader, videoroom_operator;

CREATE FUNCTION videoroom_grant(role regrole, part text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    functions text[];
    views     text[] := '{}';
    name      text;
BEGIN
    IF role IS NULL OR part IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'role and part must not be null';
    END IF;

    CASE part
    WHEN 'scheduler' THEN
        functions := ARRAY[
            'videoroom_create_booking(text, timestamptz, timestamptz, text[], jsonb)',
            'videoroom_cancel(text, text)',
            'videoroom_reschedule(text, timestamptz, timestamptz, text[], jsonb)',
            'videoroom_extend(text, timestamptz)',
            'videoroom_update(text, jsonb, jsonb)',
            'videoroom_add_participants(text, text[])',
            'videoroom_remove_participant(text, text)',
            'videoroom_end(text)',
            'videoroom_get(text)'];
        views := ARRAY['videoroom_rooms', 'videoroom_participants'];
    WHEN 'backend' THEN
        functions := ARRAY[
            'videoroom_join(text, text)',
            'videoroom_end(text)',
            'videoroom_remove_participant(text, text)',
            'videoroom_get(text)'];
    WHEN 'member' THEN
        IF (SELECT r.rolcanlogin FROM pg_roles r WHERE r.oid = role) THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('role %s can log in and so cannot be a member', role),
                DETAIL = 'In a session of its own it could set request.jwt.claims and join as anybody.',
                HINT = 'Use a NOLOGIN role that PostgREST switches to, or part backend.';
        END IF;
        functions := ARRAY['videoroom_join(text)'];
    WHEN 'relay' THEN
        functions := ARRAY['videoroom_receive_callback(text)'];
        EXECUTE format('GRANT USAGE ON SCHEMA videoroom TO %s', role);
        EXECUTE format('GRANT INSERT (body, signature, url) ON videoroom.callback TO %s', role);
    WHEN 'reader' THEN
        functions := ARRAY['videoroom_get(text)'];
        views := ARRAY['videoroom_rooms', 'videoroom_participants'];
    WHEN 'operator' THEN
        functions := ARRAY[
            'videoroom_health()',
            'videoroom_stats()',
            'videoroom_explain(text, text)',
            'videoroom_retry(bigint, text)',
            'videoroom_discard(bigint, text)',
            'videoroom_replay(timestamptz)',
            'videoroom_erase(text)',
            'videoroom_apply_callback(jsonb)'];
    ELSE
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('unknown part %L', part),
            HINT = 'The parts are scheduler, backend, member, relay, reader and operator.';
    END CASE;

    EXECUTE format('GRANT USAGE ON SCHEMA public TO %s', role);
    FOREACH name IN ARRAY functions LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', ('public.' || name)::regprocedure, role);
    END LOOP;
    FOREACH name IN ARRAY views LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', ('public.' || name)::regclass, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION videoroom_grant(regrole, text) IS
    'Gives a role its part: scheduler, backend, member, relay, reader or operator; again has no effect';
REVOKE ALL ON FUNCTION videoroom_grant(regrole, text) FROM PUBLIC;
