# The primary dies under load and its synchronous standby takes over: nothing that was committed is lost, the new worker carries
# on where the old one was cut off, and no room is doubled.
use strict;
use warnings;
use List::Util 'max';
use Steps;
use Test::More;
use Time::HiRes 'time';
use VideoroomTest;
use Watch;

my $patience = 60;    # seconds: the machine is busy
my $twilio = start_simulator('--no-rate-limit');
my $primary = new_node(
    name => 'primary', simulator => $twilio, join_early => '1h', request_timeout => '5s', retry_cap => '1s', reconcile_interval => '1s',
    writes_per_second => 10000, reads_per_second => 10000,
    conf => "wal_level = replica\nmax_wal_senders = 5\nsynchronous_standby_names = ''\nmax_connections = 50");
$primary->backup('standby');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'standby', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = '*'});
$primary->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_commit = 'remote_apply'});
$primary->reload;
wait_until { $primary->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'}) } $patience,
    'the standby to be synchronous';

# --- before: ready rooms can be joined on the standby

my ($ready) = book($primary, 'ready');
my $sid = wait_until { $primary->safe_psql('postgres', "SELECT room_sid FROM videoroom.session WHERE room_id = '$ready'") } $patience, 'a room';
is((row($standby, "SELECT room_sid FROM videoroom_join('$ready', 'alice')"))[0], $sid, 'a ready room can be joined on the standby');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'videoroom worker'}), 0, 'where no worker runs');

# --- the load: bookings, half of them cancelled again, while calls to Twilio are cut off before and after the work

$twilio->faults(map { { match => { method => 'POST', path => '^/v1/Rooms$' }, after => $_ * 7, count => 3, reset => $_ % 2 ? 'before' : 'after' } } 1 .. 6);
my @clients = map { session($primary) } 1 .. 4;
my (%committed, %cancelled);
my $number = 0;
my $deadline = time + 30;
while ($number < 120 && time < $deadline) {
    my %doing = map { $_ => $number++ } 0 .. $#clients;
    $clients[$_]->ask(sprintf q{SELECT videoroom_create_booking('load-%d', now(), now() + interval '1 hour', '{alice}')}, $doing{$_}) for keys %doing;
    $committed{$doing{$_}} = $clients[$_]->answer($patience)->{rows}[0][0] for keys %doing;
    my @even = grep { $doing{$_} % 2 == 0 } keys %doing;
    $clients[$_]->ask(sprintf q{SELECT videoroom_cancel('load-%d')}, $doing{$_}) for @even;
    for (@even) { $clients[$_]->answer($patience); $cancelled{$doing{$_}} = 1 }
}
is(scalar(grep { !/^\w{25}$/ } values %committed), 0, "$number bookings were committed");

# The primary is killed while its worker has calls in flight and clients are in the middle of it.
$twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, hang => 'after', count => -1 });
my @late = map { my $n = $_; $clients[$n]->ask("SELECT videoroom_create_booking('late-$n-' || i, now(), now() + interval '1 hour', '{alice}') FROM generate_series(1, 20) i"); "late-$n" } 0 .. $#clients;
wait_until { ($twilio->sim(GET => 'faults')->[-1]{struck} // 0) >= 50 } $patience, '50 calls in flight';
$primary->stop('immediate');
my $killed = time;
in_time { $standby->promote } 10, 'a standby is promoted at once when its primary dies with 50 calls in flight';
$standby->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = ''});
$standby->reload;
wait_until { $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'videoroom worker'}) } $patience, 'a worker';
note sprintf 'the new primary has its worker %.1f s after the old one died', time - $killed;
$twilio->sim(DELETE => 'faults');

# --- after

my %found = map { split /\t/ } split /\n/, $standby->safe_psql('postgres',
    q{SELECT booking_id, room_id FROM videoroom.room WHERE booking_id LIKE 'load-%'}, extra_params => ['-F', "\t"]);
is_deeply({ map { ("load-$_" => $committed{$_}) } keys %committed }, \%found, 'every committed booking is there, and its room_id is what it was');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM videoroom.room WHERE booking_id LIKE 'load-%' AND cancelled_at IS NOT NULL}),
    scalar(keys %cancelled), 'and so is every cancellation');
wait_until { $standby->safe_psql('postgres', 'SELECT count(*) FROM videoroom.outbox WHERE run_at <= now()') == 0
        && $standby->safe_psql('postgres', q{SELECT count(*) FROM videoroom.outbox WHERE action = 'create-room'}) == 0 } $patience,
    'the new worker to do what was left to do';

my (%live, %most);
for my $room (@{ $twilio->sim(GET => 'rooms') }) {
    push @{ $live{ $room->{unique_name} } }, $room->{sid} if $room->{status} eq 'in-progress';
}
my %want = map { split /\t/ } split /\n/, $standby->safe_psql('postgres', <<'SQL', extra_params => ['-F', "\t"]);
    SELECT r.room_id, s.room_sid FROM videoroom.room r LEFT JOIN videoroom.session s ON s.room_id = r.room_id AND s.ended_at IS NULL
     WHERE r.cancelled_at IS NULL
SQL
is_deeply({ map { $_ => $live{$_}[0] } keys %live }, \%want, 'each open booking has its one room at Twilio, and no cancelled one has any');
is(max(0, map { scalar @$_ } values %live), 1, 'no room is doubled');
is((row($standby, "SELECT room_sid FROM videoroom_join('$ready', 'alice')"))[0], $sid, 'links into rooms that were ready go on');
my $new = book($standby, 'new');
ok((row($standby, "SELECT room_sid FROM videoroom_join('$new', 'alice')"))[0], 'and new bookings get their rooms');
wait_until { $standby->safe_psql('postgres', 'SELECT bool_and(ok) FROM videoroom_health()') eq 't' } $patience, 'health to have nothing to say';
is($twilio->violations, 0, 'no request violated the contract');
$standby->stop('fast');
never_crashed($standby);
done_testing();
