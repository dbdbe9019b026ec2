-- What the support desk asks: why can this person not join, and what happened.

CREATE FUNCTION videoroom.check_join(room_id text, user_id text, OUT what text, OUT verdict text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'videoroom_check_join';
COMMENT ON FUNCTION videoroom.check_join(text, text) IS
    'What a join would find, rule by rule, and what it comes to; user_id NULL: anybody on the list';

CREATE FUNCTION @extschema@.videoroom_explain(room_id text, user_id text DEFAULT NULL)
RETURNS TABLE (at timestamptz, what text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO'
AS $$
#variable_conflict use_column
DECLARE
    -- The room asked for and those that took its place, one after the other.
    chain text[] := ARRAY[videoroom_explain.room_id];
    next  text;
BEGIN
    RETURN QUERY
    SELECT clock_timestamp(), c.what, c.verdict, c.detail
      FROM videoroom.check_join(videoroom_explain.room_id, videoroom_explain.user_id) c;

    LOOP
        SELECT r.successor INTO next FROM videoroom.room r WHERE r.room_id = chain[cardinality(chain)];
        EXIT WHEN next IS NULL;
        chain := chain || next;
    END LOOP;

    -- The calls to Twilio that are still to be made, or were given up.
    RETURN QUERY
    SELECT coalesce(o.dead_at, o.run_at),
           'call ' || o.action,
           CASE WHEN o.dead_at IS NOT NULL THEN 'given up' WHEN o.attempts = 0 THEN 'to be made' ELSE 'to be made again' END,
           concat_ws('; ',
               nullif(o.target, ''),
               format('tried %s times', o.attempts),
               'Twilio last: ' || nullif(concat_ws(' ', o.last_error ->> 'kind', o.last_error ->> 'status',
                                                   o.last_error ->> 'code', o.last_error ->> 'message'), ''),
               CASE WHEN o.dead_at IS NOT NULL
                    THEN format('videoroom_retry(%s) tries again, videoroom_discard(%1$s) lets it go', o.id) END)
      FROM videoroom.outbox o
     WHERE o.room_id = ANY (chain)
     ORDER BY 1, o.id;

    -- The timeline: what is planned, what was done here, and what Twilio said.
    RETURN QUERY
    SELECT t.at, t.what, t.verdict, t.detail
      FROM (SELECT planned.at, planned.what, NULL AS verdict, r.room_id AS detail, 0 AS id
              FROM videoroom.room r
             CROSS JOIN LATERAL (VALUES (r.opens_at, 'opens'), (r.starts_at, 'starts'), (r.ends_at, 'ends'),
                                        (r.closes_at, 'closes')) AS planned (at, what)
             WHERE r.room_id = ANY (chain) AND r.cancelled_at IS NULL
            UNION ALL
            SELECT e.at, e.kind, NULL,
                   (SELECT string_agg(d.key || ' ' || d.value, ', ' ORDER BY d.key) FROM jsonb_each_text(e.detail) d), e.id
              FROM videoroom.event e
             WHERE e.room_id = ANY (chain)
               AND (videoroom_explain.user_id IS NULL OR NOT e.detail ?| '{user_id,user_ids}'
                    OR e.detail ->> 'user_id' = videoroom_explain.user_id
                    OR e.detail -> 'user_ids' ? videoroom_explain.user_id)
            UNION ALL
            SELECT coalesce(s.ended_at, s.seen_alive_at, s.started_at), 'session',
                   CASE WHEN s.ended_at IS NULL THEN 'in progress when last seen'
                        WHEN s.ended_at = s.lost_at THEN 'presumed over' ELSE 'over' END,
                   concat_ws(', ', s.room_sid, 'since ' || s.started_at), 0
              FROM videoroom.session s
             WHERE s.room_id = ANY (chain)
            UNION ALL
            SELECT coalesce(v.left_at, v.joined_at), 'connection', CASE WHEN v.open THEN 'connected' ELSE 'left' END,
                   concat_ws(', ', v.user_id, v.participant_sid, 'since ' || v.joined_at), 0
              FROM videoroom.stay v
             WHERE v.room_id = ANY (chain)
               AND (videoroom_explain.user_id IS NULL OR v.user_id = videoroom_explain.user_id)
            UNION ALL
            SELECT c.received_at, 'callback', 'not applied',
                   concat_ws(', ', c.error, 'again at ' || c.retry_at), c.id
              FROM videoroom.callback c
             WHERE c.applied_at IS NULL AND c.room_id = ANY (chain)) t
     ORDER BY t.at, t.id, t.what, t.detail;
END
$$;
COMMENT ON FUNCTION @extschema@.videoroom_explain(text, text) IS
    'For the support desk: why this person can or cannot join now, and what happened.

Row "join" is what a join would answer: ok, wait, or SQLSTATE and reason; the rows after it are the rules in
the order in which a join applies them. Then the calls to Twilio that are waiting or were given up, and the timeline, which
reaches into the rooms that took this one''s place. Without user_id the answer is for anybody on the list, and the timeline
everybody''s. It changes nothing, mints no token and works on a standby. 22023: room_id is missing or longer than 128
characters.';
