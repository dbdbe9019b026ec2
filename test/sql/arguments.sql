-- What cannot be used is refused with an error that names it, and nothing changes.
\getenv inputs PG_ABS_SRCDIR
\set ECHO none
\i :inputs/try.psql
\set ECHO all
BEGIN;
TRUNCATE videoroom.home CASCADE;
SELECT videoroom_create_booking('held', now() + '1 hour', now() + '2 hours', '{ann,bob}') AS held \gset
CREATE TEMP TABLE before AS
SELECT (SELECT count(*) FROM videoroom.room) AS rooms, (SELECT count(*) FROM videoroom.event) AS events,
       (SELECT count(*) FROM videoroom.outbox) AS calls, (SELECT count(*) FROM videoroom.participant) AS people;

-- Ids are 1 to 128 bytes of UTF-8 without control characters.
CREATE FUNCTION pg_temp.book(booking_id text DEFAULT 'b', starts_at timestamptz DEFAULT now() + '1 hour',
    ends_at timestamptz DEFAULT now() + '2 hours', participants text[] DEFAULT '{ann}', options jsonb DEFAULT '{}')
RETURNS text LANGUAGE sql AS
    'SELECT pg_temp.try(format(''SELECT length(videoroom_create_booking(%L, %L, %L, %L, %L))'', $1, $2, $3, $4, $5))';
SELECT what, pg_temp.book(id) FROM (VALUES
    (1, 'null', NULL), (2, 'empty', ''), (3, '129 bytes', repeat('x', 129)), (4, 'newline', E'a\nb'),
    (5, 'delete', E'a\x7f'), (6, 'C1', U&'a\0085')) v (n, what, id) ORDER BY n;
SELECT pg_temp.try($$SELECT videoroom_cancel('')$$);
SELECT pg_temp.try($$SELECT videoroom_cancel(NULL)$$);
SELECT pg_temp.try($$SELECT videoroom_reschedule(E'\t', now(), now())$$);
SELECT pg_temp.try($$SELECT videoroom_extend(NULL, now())$$);
SELECT pg_temp.try($$SELECT videoroom_update(NULL)$$);
SELECT pg_temp.try($$SELECT videoroom_end(NULL)$$);
SELECT pg_temp.try($$SELECT videoroom_end('')$$);
SELECT pg_temp.try($$SELECT videoroom_join(NULL, 'ann')$$);
SELECT pg_temp.try($$SELECT videoroom_join('x', NULL)$$);
SELECT pg_temp.try($$SELECT videoroom_join('x', '')$$);
SELECT pg_temp.try($$SELECT videoroom_join(NULL)$$);
SELECT pg_temp.try($$SELECT videoroom_remove_participant('x', NULL)$$);
SELECT pg_temp.try($$SELECT videoroom_add_participants(NULL, '{ann}')$$);
SELECT pg_temp.try($$SELECT videoroom_receive_callback(NULL)$$);
SELECT pg_temp.try($$SELECT videoroom_cancel('held', repeat('x', 501))$$);

-- Times are finite, the end is after the start and after now, and the whole window fits into 24 hours.
SELECT pg_temp.book(starts_at => NULL);
SELECT pg_temp.book(ends_at => NULL);
SELECT pg_temp.book(starts_at => '-infinity');
SELECT pg_temp.book(ends_at => 'infinity');
SELECT pg_temp.book(ends_at => now() + '1 hour');
SELECT pg_temp.book(starts_at => now() - interval '2 hours', ends_at => now() - interval '1 hour');
SELECT pg_temp.book(ends_at => now() + '23 hours 45 minutes');
SELECT pg_temp.book(ends_at => now() + '23 hours 46 minutes');
SELECT pg_temp.book(starts_at => '4714-11-24 BC', ends_at => '294276-12-31');
SELECT pg_temp.book(starts_at => '294276-12-31 22:00', ends_at => '294276-12-31 23:59:59');
SELECT pg_temp.try($$SELECT videoroom_reschedule('held', now(), now())$$);
SELECT pg_temp.try($$SELECT videoroom_extend('held', now())$$);
SELECT pg_temp.try($$SELECT videoroom_extend('held', 'infinity')$$);
SELECT pg_temp.try($$SELECT videoroom_extend('held', now() + '30 minutes')$$);
SELECT pg_temp.try($$SELECT videoroom_extend('held', now() + '2 days')$$);

-- Participants are 1 to 1000, each once.
SELECT pg_temp.book(participants => NULL);
SELECT pg_temp.book(participants => '{}');
SELECT pg_temp.book(participants => '{ann,NULL}');
SELECT pg_temp.book(participants => '{ann,bob,ann}');
SELECT pg_temp.book(participants => '{{ann},{bob}}');
SELECT pg_temp.book(participants => ARRAY['ann', '']);
SELECT pg_temp.book(participants => ARRAY[repeat('x', 129)]);
SELECT pg_temp.book(participants => ARRAY(SELECT 'u' || i FROM generate_series(1, 1001) i));
SELECT pg_temp.try(format('SELECT videoroom_add_participants(%L, %L)', :'held', '{}'));
SELECT pg_temp.try(format('SELECT videoroom_add_participants(%L, %L)', :'held',
    ARRAY(SELECT 'u' || i FROM generate_series(1, 999) i)));

-- Options are known ones within Twilio's ranges.
SELECT pg_temp.book('none', options => NULL);
SELECT pg_temp.book(options => '[]');
SELECT pg_temp.book(options => '{"max_participant": 5}');
SELECT pg_temp.book(options => '{"max_participants": 51}');
SELECT pg_temp.book(options => '{"max_participants": "5"}');
SELECT pg_temp.book(options => '{"media_region": "mars1"}');
SELECT pg_temp.book(options => '{"video_codecs": ["VP9"]}');
SELECT pg_temp.book(options => '{"empty_room_timeout": 0}');
SELECT pg_temp.book(options => '{"max_participants": 1e400}');
SELECT pg_temp.book(options => '"metadata"');
SELECT pg_temp.book(options => '{"metadata": []}');
SELECT pg_temp.book(options => '{"metadata": null}');
SELECT pg_temp.book(options => '{"metadata": {}, "recording": true}');
SELECT pg_temp.book(options => jsonb_build_object('metadata', jsonb_build_object('x', repeat('x', 16384 - 8))));

-- The one booking of 24 hours was taken, and nothing else has changed.
SELECT (SELECT count(*) FROM videoroom.room) - rooms AS rooms, (SELECT count(*) FROM videoroom.event) - events AS events,
       (SELECT count(*) FROM videoroom.outbox) - calls AS calls,
       (SELECT count(*) FROM videoroom.participant) - people AS people
  FROM before;
ROLLBACK;
