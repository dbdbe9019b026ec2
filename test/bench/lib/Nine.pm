# Nine o'clock, at ten times the pace: ten times the quota, a tenth of join_early. The simulator stands in for Twilio, since it
# answers 429 to what goes beyond the quota in any second.
package Nine;

use strict;
use warnings;
use Bench;
use Exporter 'import';
use List::Util 'max';
use Simulator;
use Stage;

our @EXPORT = qw(nine_rows);

my $pace = 10;
my $quota = 20 * $pace;
my $rooms = 5000;
my $behind = 3000;

sub quota {
    my ($simulator, $writes) = @_;
    $simulator->set(writes_per_second => $writes, reads_per_second => 4 * $writes);
    set_config('videoroom.writes_per_second' => $writes, 'videoroom.reads_per_second' => 4 * $writes);
    return;
}

sub waiting {
    my ($booking, $action) = @_;
    return sql("SELECT count(*) FROM videoroom.outbox o JOIN videoroom.room r USING (room_id) WHERE r.booking_id LIKE '$booking-%' AND o.action = '$action'");
}

sub unavailable { return sql('SELECT joins_unavailable FROM videoroom_stats()') }

# A rush that was booked ahead.
sub rush {
    my ($simulator) = @_;
    note "the rooms of eight o'clock";
    quota($simulator, 25_000);
    sql_file('eight_o_clock', rooms => $rooms);
    wait_until(sub { waiting('eight', 'create-room') == 0 }, "the rooms of eight o'clock", 300);
    quota($simulator, $quota);

    note "nine o'clock, once the quota has given room for 2 x $rooms calls";
    my $opens = sql("SELECT now() + interval '5 seconds'");
    sql_file('nine_o_clock', rooms => $rooms, opens => $opens);
    wait_until(sub { waiting('nine', 'create-room') == 0 }, "the rooms of nine o'clock", 300);
    my ($took, $ready) = split /\t/, sql("SELECT extract(epoch FROM max(e.at) - '$opens'), bool_and(e.at < r.starts_at) FROM videoroom.event e JOIN videoroom.room r USING (room_id)
        WHERE r.booking_id LIKE 'nine-%' AND e.kind = 'session-started'");

    my $unavailable = unavailable();
    my @joins = latencies('join_nine', transactions => $rooms, values => { n => 0 });
    my $waits = unavailable() - $unavailable;
    wait_until(sub { waiting('eight', 'complete-room') == 0 }, "the ends of eight o'clock", 300);
    my $limited = $simulator->sim(GET => 'counts')->{requests}{rate_limited};

    row("nine o'clock: $rooms rooms, as many to end, quota $quota/s", sprintf('%.1f s, the quota\'s own time', $rooms / $quota),
        sprintf('all ready after %.1f s, %s their start; %d answers 429; of %d joins %d unavailable, the slowest %.1f ms', $took,
            $ready eq 't' ? 'before' : 'some after', $limited, scalar @joins, $waits, max(@joins)),
        'ready before their start, no 429, no join waits');
    return;
}

# A rush that nobody knew of: the queue is behind, and people ask for the rooms at its end.
sub surprise {
    my ($simulator) = @_;
    note 'provisioning behind';
    my $asked = 100;
    sql_file('behind', rooms => $behind);
    my @waits = latencies('join_behind', transactions => $asked, values => { n => 0 });
    my $left = waiting('behind', 'create-room');
    row("a join of a room at the end of a queue of $behind, quota $quota/s", sprintf('%.1f s, the queue\'s own time', $behind / $quota),
        sprintf('median %.0f ms, slowest %.0f ms; %d rooms still queued after %d joins', median(@waits), max(@waits), $left, $asked), 'waiting joiners first');
    return;
}

sub nine_rows {
    my $simulator = Simulator->new('--account-sid', 'AC' . 'a' x 32, '--auth-token', 'b' x 32, '--api-key-sid', 'SK' . 'c' x 32, '--api-key-secret', 'd' x 32);
    my $seconds = 15 * 60 / $pace;
    set_config('videoroom.api_url' => $simulator->url, 'videoroom.callback_url' => '', 'videoroom.join_early' => $seconds);
    rush($simulator);
    surprise($simulator);
    set_config('videoroom.callback_url' => 'https://app.example/callback', 'videoroom.join_early' => 15 * 60);
    rewind();
    return;
}

1;
