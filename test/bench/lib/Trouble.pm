# What background trouble costs first joins: of other rooms, while something goes wrong that none of them waits for.
package Trouble;

use strict;
use warnings;
use Bench;
use Exporter 'import';
use Simulator;
use Stage;

our @EXPORT = qw(trouble_rows);

my $joins = 12;
my $held = 200;
my $booked = 1_000_000;

# Joins of rooms that nobody has asked for, one after the other: how many got in, and their median.
sub first_joins {
    my ($what, $goal) = @_;
    sql_file('unmade', first => $booked + 1, last => $booked + $joins);
    my @took = grep { $_ ne '' } split /\n/,
        sql("SELECT plain.milliseconds_to_join(room_id) FROM plain.unmade WHERE number > $booked ORDER BY number");
    $booked += $joins;
    row("first joins while $what", "$joins of $joins", @took ? sprintf('%d of %d, median %.0f ms', scalar @took, $joins, median(@took)) : "none of $joins", $goal);
    return;
}

sub wait_for_calls {
    my ($simulator, $count, $method, $path) = @_;
    wait_until(sub { (grep { $_->{method} eq $method && $_->{path} =~ $path } @{ $simulator->sim(GET => 'requests') }) >= $count }, "$count calls $method $path");
    return;
}

# From here on each sweep reads all the calls that run.
sub silence { return sql(q{UPDATE videoroom.session SET started_rest = now() - interval '1 hour', read_at = NULL WHERE ended_at IS NULL}) }

sub reads {
    my ($simulator, $what, $count, %fault) = @_;
    $simulator->faults({ match => { method => 'GET', path => '/Participants$' }, count => -1, %fault });
    silence();
    wait_for_calls($simulator, $count, 'GET', qr{/Participants$});
    first_joins($what, 'all');
    $simulator->sim(DELETE => 'faults');
    return;
}

sub trouble_rows {
    my $simulator = Simulator->new('--no-rate-limit', '--account-sid', 'AC' . 'a' x 32, '--auth-token', 'b' x 32, '--api-key-sid', 'SK' . 'c' x 32, '--api-key-secret', 'd' x 32);
    sql_file('milliseconds_to_join');
    set_config('videoroom.api_url' => $simulator->url, 'videoroom.callback_url' => '', 'videoroom.reconcile_interval' => '1s', 'videoroom.max_requests' => 12);
    sql("SELECT count(videoroom_create_booking('trouble-' || n, now(), now() + interval '1 hour', ARRAY['host'])) FROM generate_series(1, $held) n");
    my $open = q{SELECT count(*) FROM videoroom.session s JOIN videoroom.room r USING (room_id) WHERE r.booking_id LIKE 'trouble-%' AND s.ended_at IS NULL};
    wait_until(sub { sql($open) == $held }, 'the calls to run');

    first_joins('all is well', 'all');
    reads($simulator, 'reads of participants answer 500', 5, status => 500);
    reads($simulator, 'reads of participants hang', 3, hang => 'before');

    open my $holder, '|-', 'psql', '-Xq' or die "psql: $!\n";
    $holder->autoflush;
    print $holder "BEGIN; SELECT videoroom_extend(booking_id, ends_at + interval '1 minute') FROM videoroom.room WHERE booking_id LIKE 'trouble-%' \\g /dev/null\n";
    wait_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'}) == 1 }, 'a client to hold rooms');
    my $calls = @{ $simulator->sim(GET => 'requests?method=GET') };
    silence();
    wait_until(sub { @{ $simulator->sim(GET => 'requests?method=GET') } > $calls + 50 }, 'reads of the rooms it holds');
    first_joins("a client holds $held rooms that are read", 'all');
    close $holder or die "psql failed\n";

    set_config('videoroom.writes_per_second' => 20, 'videoroom.reconcile_interval' => '1d');
    sql("SELECT count(videoroom_cancel('trouble-' || n)) FROM generate_series(1, 160) n");
    first_joins('160 calls are ended', 'all');
    sql(q{SELECT count(videoroom_cancel(booking_id)) FROM videoroom.room WHERE booking_id LIKE 'trouble-%' AND closed_at IS NULL});
    set_config('videoroom.writes_per_second' => 1000);
    wait_until(sub { sql($open) == 0 }, 'the calls to end');
    set_config('videoroom.callback_url' => 'https://app.example/callback');
    rewind();
    return;
}

1;
