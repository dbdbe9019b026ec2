-- What goes on, what is late and what has failed, on one screen of 80 columns; for part operator. It draws itself anew every two
-- seconds, until it is interrupted: psql -X -f board.sql app. With -v once=1 it is drawn once.
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
\set clear ''
\if :{?once}
\else
\set clear '\033[H\033[J'
\endif
WITH
s AS (SELECT * FROM videoroom_stats()),
calls AS NOT MATERIALIZED (
    SELECT o.*, coalesce(o.last_error ->> 'code', o.last_error ->> 'status', '') || ' '
                || coalesce(o.last_error ->> 'message', o.last_error ->> 'kind', '') AS error
      FROM videoroom.outbox o),
late AS (
    SELECT * FROM calls
     WHERE dead_at IS NULL AND (last_error IS NOT NULL OR run_at < clock_timestamp() - interval '5 seconds')),
dead AS (SELECT * FROM calls WHERE dead_at IS NOT NULL),
pending AS (
    SELECT c.room_id, c.received_at, coalesce(c.error, 'its room is held') AS error
      FROM videoroom.callback c
     WHERE c.applied_at IS NULL),
failing AS (SELECT name, detail, ordinality FROM videoroom_health() WITH ORDINALITY WHERE NOT ok),
lines (section, place, line) AS (
    SELECT 1, 0, format('videoroom in %s, %s UTC; calls are %s', current_database(),
                        to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
                        coalesce('PAUSED, ' || s.paused, 'made'))
      FROM s
    UNION ALL
    SELECT 2, 0, format('now        %s calls under way, %s joins wait, %s rooms open, %s due in an hour',
                        s.calls_in_flight, s.joins_waiting,
                        (SELECT count(*) FROM calls WHERE action = 'complete-room' AND dead_at IS NULL),
                        (SELECT count(*) FROM calls WHERE action = 'create-room' AND dead_at IS NULL
                            AND run_at < clock_timestamp() + interval '1 hour'))
      FROM s
    UNION ALL
    SELECT 3, 0, format('calls      %s ok, %s times 429, %s failed, %s again, %s given up',
                        s.calls_ok, s.calls_limited, s.calls_failed, s.calls_retried, s.calls_dead)
      FROM s
    UNION ALL
    SELECT 4, 0, format('joins      %s ok, %s refused, %s unavailable, %s failed',
                        s.joins_ok, s.joins_refused, s.joins_unavailable, s.joins_failed)
      FROM s
    UNION ALL
    SELECT 5, 0, format('callbacks  %s ok, %s ignored, %s failed, %s forged, %s strange', s.callbacks_ok, s.callbacks_ignored,
                        s.callbacks_failed, s.callbacks_forged, s.callbacks_not_understood)
      FROM s
    UNION ALL
    SELECT 6, 0, format('means      a call takes %s s, a callback comes after %s s',
                        coalesce(round((s.call_seconds_sum / nullif(s.call_seconds_count, 0))::numeric, 3)::text, '-'),
                        coalesce(round((s.callback_lag_seconds_sum / nullif(s.callback_lag_seconds_count, 0))::numeric, 3)::text, '-'))
      FROM s
    UNION ALL
    SELECT 7, 0, format('late       %s calls', count(*)) FROM late
    UNION ALL
    (SELECT 7, row_number() OVER (ORDER BY created_at, id),
            format('  %s  %s, try %s: %s', room_id, action, attempts + 1, error)
       FROM late ORDER BY created_at, id LIMIT 4)
    UNION ALL
    SELECT 8, 0, format('given up   %s calls', count(*)) FROM dead
    UNION ALL
    (SELECT 8, row_number() OVER (ORDER BY dead_at DESC, id), format('  %s  %s: %s', room_id, action, error)
       FROM dead ORDER BY dead_at DESC, id LIMIT 3)
    UNION ALL
    SELECT 9, 0, format('callbacks  %s not applied', count(*)) FROM pending
    UNION ALL
    (SELECT 9, row_number() OVER (ORDER BY received_at), format('  %s  %s', room_id, error)
       FROM pending ORDER BY received_at LIMIT 2)
    UNION ALL
    SELECT 10, 0, 'checks     ' || coalesce('failing: ' || string_agg(name, ', ' ORDER BY ordinality), 'all are well') FROM failing
    UNION ALL
    (SELECT 10, ordinality, format('  %s: %s', name, detail) FROM failing ORDER BY ordinality LIMIT 3))
-- What Twilio says may have anything in it.
SELECT CASE section WHEN 1 THEN :'clear' ELSE '' END || left(regexp_replace(line, '[^ -~]', '?', 'g'), 80) AS line
  FROM lines ORDER BY section, place
\if :{?once}
\g
\else
\watch 2
\endif
