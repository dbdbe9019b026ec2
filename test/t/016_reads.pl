# What the worker reads for a call does not depend on how many rooms are open, waiting or under way.
use strict;
use warnings;
use Steps;
use Test::More;
use VideoroomTest;

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(name => 'reads', simulator => $twilio, reconcile_interval => '1d', writes_per_second => 1000, retry_cap => '1s');
my $patience = 60;
my ($open, $new) = (5000, 200);
my $made = 60 + $open;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Rows of each table that were read so far, and the sessions that were made.
sub read_so_far {
    return { map { split /\|/ } split /\n/, sql(q{
        SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = 'videoroom'
        UNION ALL SELECT 'made', n_tup_ins FROM pg_stat_user_tables WHERE relid = 'videoroom.session'::regclass}) };
}

# Counters come in when a process has nothing else to do.
sub counted {
    my $read;
    wait_until { sql('SELECT videoroom.wake()'); $read = read_so_far(); $read->{made} >= $made } $patience, "$made sessions to be counted";
    return $read;
}

# The rows that the worker reads of each table for one of so many calls.
sub read_for_calls {
    my ($name) = @_;
    my $before = read_so_far();
    $made += $new;
    book_many($node, $name, $new);
    my $after = counted();
    my %read = map { $_ => ($after->{$_} - $before->{$_}) / $new } keys %$after;
    note "$name: ", join ', ', map { sprintf '%s %.1f', $_, $read{$_} } sort keys %read;
    return \%read;
}

# The worker's plans are made for a few rooms, and nobody tells it that there are many now.
sql('ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()');
my @first = book_many($node, 'first', 30);
wait_until { sql(q{SELECT count(*) FROM videoroom.session}) == 30 } $patience, 'rooms';
wait_until { @{ $twilio->sim(GET => 'requests?method=GET') } } $patience, 'the first sweep';    # it compares every session
no_calls($node);
sql('VACUUM ANALYZE');
book_many($node, 'second', 30);
wait_until { sql(q{SELECT count(*) FROM videoroom.session}) == 60 } $patience, 'more rooms';

sql(qq{
    INSERT INTO videoroom.room (room_id, booking_id, status, starts_at, ends_at, opens_at, closes_at, completes_at, options, request)
    SELECT 'open' || n, 'open-' || n, 'in-progress', now(), now() + interval '20 hours', now(), now() + interval '20 hours',
           now() + interval '21 hours', r.options, r.request
      FROM generate_series(1, $open) n, videoroom.room r WHERE r.room_id = '$first[0]';
    INSERT INTO videoroom.participant (room_id, user_id) SELECT 'open' || n, 'alice' FROM generate_series(1, $open) n;
    INSERT INTO videoroom.session (room_sid, room_id, started_rest, seen_alive_at)
    SELECT 'RM' || md5(n::text), 'open' || n, now(), now() FROM generate_series(1, $open) n;
    INSERT INTO videoroom.connection (participant_sid, room_sid, user_id, connected_callback)
    SELECT 'PA' || md5(n::text), 'RM' || md5(n::text), 'alice', now() FROM generate_series(1, $open) n;
    INSERT INTO videoroom.outbox (room_id, action, priority, run_at)
    SELECT 'open' || n, 'complete-room', 3, now() + interval '21 hours' FROM generate_series(1, $open) n});

counted();
cmp_ok(read_for_calls('stale')->{session}, '<', 30, "of $open open sessions few are read for a call, though plans were made for 60");
sql('VACUUM ANALYZE');
my $read = read_for_calls('fresh');
cmp_ok($read->{$_}, '<', 60, "with plans as they should be few rows of $_ are read for a call") for qw(session room outbox participant connection event);

done_testing();
