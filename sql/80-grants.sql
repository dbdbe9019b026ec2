-- Who may do what: nobody anything, until videoroom_grant says so.

CREATE FUNCTION @extschema@.videoroom_grant(role regrole, part text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    can_login boolean;
    functions text[];
    views     text[] := '{}';
    name      text;
BEGIN
    IF role IS NULL OR part IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'role and part must not be null';
    END IF;
    SELECT r.rolcanlogin INTO can_login FROM pg_roles r WHERE r.oid = role;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('role %s does not exist', role);
    END IF;

    CASE part
    WHEN 'scheduler' THEN
        functions := ARRAY[
            'videoroom_create_booking(text, timestamptz, timestamptz, text[], jsonb)',
            'videoroom_cancel(text, text)',
            'videoroom_reschedule(text, timestamptz, timestamptz, text[], jsonb)',
            'videoroom_extend(text, timestamptz)',
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
        IF can_login THEN
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
            'videoroom_retry(bigint)',
            'videoroom_apply_callback(jsonb)'];
    ELSE
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('unknown part %L', part),
            HINT = 'The parts are scheduler, backend, member, relay, reader and operator.';
    END CASE;

    EXECUTE format('GRANT USAGE ON SCHEMA @extschema@ TO %s', role);
    FOREACH name IN ARRAY functions LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', ('@extschema@.' || name)::regprocedure, role);
    END LOOP;
    FOREACH name IN ARRAY views LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', ('@extschema@.' || name)::regclass, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_grant(regrole, text) IS
    'Gives a role its part: scheduler, backend, member, relay, reader or operator; again has no effect';

-- Functions are PUBLIC's by default, and default privileges may have given away more. Every function of the extension
-- is taken back here, whichever module made it, so that none can be forgotten.
REVOKE ALL ON SCHEMA videoroom FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA videoroom FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA videoroom FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA videoroom FROM PUBLIC;
REVOKE ALL ON @extschema@.videoroom_rooms, @extschema@.videoroom_participants FROM PUBLIC;

DO $$
DECLARE
    member regprocedure;
BEGIN
    FOR member IN
        SELECT d.objid
          FROM pg_catalog.pg_depend d
          JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
         WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
           AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
           AND d.deptype OPERATOR(pg_catalog.=) 'e' AND e.extname OPERATOR(pg_catalog.=) 'videoroom'
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member);
    END LOOP;
END
$$;
