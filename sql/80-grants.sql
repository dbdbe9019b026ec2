-- Who may do what: nobody anything, until videoroom_grant says so.

CREATE FUNCTION @extschema@.videoroom_grant(role regrole, part text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    can_login boolean;
    functions text[];
    views     text[] := ARRAY[]::text[];
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
            'videoroom_stats()',
            'videoroom_explain(text, text)',
            'videoroom_retry(bigint)',
            'videoroom_discard(bigint)',
            'videoroom_replay(timestamptz)',
            'videoroom_erase(text)',
            'videoroom_adopt(boolean)',
            'videoroom_apply_callback(jsonb)'];
        -- What videoroom_health() tells to look at, and nothing of what Twilio said.
        EXECUTE format('GRANT USAGE ON SCHEMA videoroom TO %s', role);
        EXECUTE format('GRANT SELECT ON videoroom.outbox TO %s', role);
        EXECUTE format('GRANT SELECT (id, room_id, received_at, applied_at, outcome, attempts, retry_at, error)'
                       ' ON videoroom.callback TO %s', role);
        EXECUTE format('GRANT EXECUTE ON FUNCTION videoroom.wake() TO %s', role);
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

-- Functions are PUBLIC's by default, and default privileges may have given away more, to anybody. Whatever the
-- extension has made so far, whichever module made it, is taken back here from everybody but its owner.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT member.kind, member.name,
               CASE WHEN entry.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC'
                    ELSE entry.grantee::pg_catalog.regrole::pg_catalog.text END AS grantee
          FROM (SELECT 'FUNCTION' AS kind, p.oid::pg_catalog.regprocedure::pg_catalog.text AS name, p.proowner AS owner,
                       coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)) AS acl,
                       'pg_catalog.pg_proc'::pg_catalog.regclass AS catalog, p.oid AS object
                  FROM pg_catalog.pg_proc p
                UNION ALL
                SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                       c.oid::pg_catalog.regclass::pg_catalog.text, c.relowner, c.relacl,
                       'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
                  FROM pg_catalog.pg_class c
                UNION ALL
                SELECT 'TYPE', t.oid::pg_catalog.regtype::pg_catalog.text, t.typowner, t.typacl,
                       'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
                  FROM pg_catalog.pg_type t
                UNION ALL
                SELECT 'SCHEMA', pg_catalog.quote_ident(n.nspname), n.nspowner, n.nspacl,
                       'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid
                  FROM pg_catalog.pg_namespace n) AS member
          JOIN pg_catalog.pg_depend d
            ON d.classid OPERATOR(pg_catalog.=) member.catalog AND d.objid OPERATOR(pg_catalog.=) member.object
           AND d.deptype OPERATOR(pg_catalog.=) 'e'
           AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
          JOIN pg_catalog.pg_extension e
            ON e.oid OPERATOR(pg_catalog.=) d.refobjid AND e.extname OPERATOR(pg_catalog.=) 'videoroom'
         CROSS JOIN LATERAL pg_catalog.aclexplode(member.acl) AS entry
         WHERE entry.grantee OPERATOR(pg_catalog.<>) member.owner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', given.kind, given.name, given.grantee);
    END LOOP;
END
$$;
