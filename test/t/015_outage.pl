# Twenty minutes without Twilio at a rush, by a clock that is put forward: who joins meanwhile is answered at once, and everything
# heals without a hand.
use strict;
use warnings;
use Clock;
use List::Util 'sum';
use Steps;
use Test::More;
use Time::HiRes 'time';
use VideoroomTest;

my $twilio = start_simulator();
# A join that waited out join_wait would be told another reason.
my $node = new_node(simulator => $twilio, start => 0, join_wait => '60s', max_waiting => 20, conf => 'max_connections = 60');
my $clock = Clock->new($node->basedir . '/clock');
$clock->start($node);
$node->safe_psql('postgres', 'CREATE EXTENSION videoroom');
my $relay = start_relay($node);
my $session = session($node);
my @clients = map { session($node) } 1 .. 12;
my $patience = 90;    # seconds: the machine is busy
my $minutes = 20;

sub query {
    my ($statement) = @_;
    my $answer = $session->do($statement);
    die "$statement: $answer->{message}\n" if $answer->{state};
    return @{ $answer->{rows} };
}

sub one { return ((query($_[0]))[0] // [''])->[0] }

# Time passes for the server and for Twilio. The worker sleeps until moments that come earlier now, so it is woken.
sub let_pass {
    my ($seconds) = @_;
    $clock->pass($seconds);
    $twilio->pass($seconds);
    query('SELECT videoroom.wake()');
    return;
}

# How often Twilio has failed us since the faults were set.
sub tried { return sum map { $_->{struck} } @{ $twilio->sim(GET => 'faults') } }

# How many seconds Twilio will still be left alone: 0 where a call is due or under way.
sub rest {
    return 0 + one('SELECT coalesce(ceil(extract(epoch FROM paused_until - clock_timestamp())), 0) * (calls_in_flight = 0)::int
        FROM videoroom_stats()');
}

# The rooms that the tables and Twilio say are in progress: { room_id => [SIDs] }.
sub here { my %rooms; push @{ $rooms{$_->[0]} }, $_->[1] for query('SELECT room_id, room_sid FROM videoroom.session
    WHERE ended_at IS NULL'); return \%rooms }
sub there { my %rooms; push @{ $rooms{$_->{unique_name}} }, $_->{sid} for grep { $_->{status} eq 'in-progress' }
    @{ $twilio->sim(GET => 'rooms') }; return \%rooms }

sub wait_for_rooms {
    my (@rooms) = @_;
    wait_until { my $here = here(); !grep { !$here->{$_} } @rooms } $patience, 'the rooms to be made';
}

sub bob_is_in { my ($room) = @_; return grep { $_->{identity} eq 'bob' && $_->{status} eq 'connected' }
    @{ $twilio->sim(GET => "rooms?room=$room")->[0]{participants} } }

# Each client asks for a room, all at once: { 'SQLSTATE reason' => how many }.
sub joins {
    my (@rooms) = @_;
    my %seen;
    $clients[$_]->ask("SELECT room_sid FROM videoroom_join('$rooms[$_]', 'alice')") for 0 .. $#clients;
    $seen{ "$_->{state} " . reason($_->{detail}) }++ for map { $_->answer } @clients;
    return \%seen;
}

# --- before: rooms that are ready, and calls that go on

my @ready = book_many($node, 'ready', 20);
my @calls = book_many($node, 'call', 3 * $minutes);
wait_for_rooms(@ready, @calls);
$twilio->join($_, 'bob') for @calls;
my (@ended, @left, @cancelled);

# --- it begins

my @made = map { book($node, "waited-for-$_", unasked => 1) } 0 .. $#clients;
# The first answers take their time, so that everybody waits when they come.
$twilio->faults({ status => 503, delay_ms => 500, count => scalar @made }, { status => 503, count => -1 });
is_deeply(joins(@made), { 'PT503 paused' => 12 }, 'who waits when the outage begins is told that calls pause');
push @made, book_many($node, 'rush', 60);
wait_until { rest() } $patience, 'the worker to leave Twilio alone';

# --- it goes on

my ($rounds, $longest, %answers) = (0, 0);

sub rush {
    my $asked = time;
    my $round = joins(map { $_ % 3 ? $made[rand @made] : $ready[rand @ready] } 0 .. $#clients);
    $longest = time - $asked if time - $asked > $longest;
    $answers{$_} += $round->{$_} for keys %$round;
    $rounds++;
}

# To the end of the worker's rest and what it does then, or some way there.
sub go_on {
    my ($probes, $rest) = (tried(), rest());
    let_pass($rest > 10 ? 10 : $rest);
    wait_until { tried() > $probes && rest() } $patience, 'the next probe' if $rest <= 10;
}

my $struck = tried();
my $begun = $clock->passed;
my $since = one('SELECT clock_timestamp()');
for my $minute (1 .. $minutes) {
    while ($clock->passed < $begun + 60 * $minute) {
        rush();
        go_on();
    }
    push @made, book($node, "late-$minute");
    push @cancelled, book($node, "cancelled-$minute");
    push @ended, shift @calls;
    push @left, shift @calls;
    query("SELECT videoroom_cancel('cancelled-$minute')");
    query("SELECT videoroom_end('$ended[-1]')");
    query("SELECT videoroom_remove_participant('$left[-1]', 'bob')");
}
my $probes = tried() - $struck;
my $elapsed = one("SELECT extract(epoch FROM clock_timestamp() - '$since')");
note sprintf '%d joins, twelve at once answered in %.2f s at most; %d probes', 12 * $rounds, $longest, $probes;
is_deeply(\%answers, { ' ' => 4 * $rounds, 'PT503 paused' => 8 * $rounds },
    'for twenty minutes everybody gets into rooms that are ready, and is told at once that calls pause where they are not');
cmp_ok($elapsed, '>=', $minutes * 60, 'and that is how long it was, by the clock of the server');
waiting_joins($node, 0);
is((health($node, 'account') ? 'well' : 'not well') . ', ' . one("SELECT detail FROM videoroom_health() WHERE name = 'account'"),
    'not well, Twilio cannot be reached, or fails', 'no client is left waiting, and health says why');
cmp_ok($probes, '<=', 5 + $elapsed / 15, 'Twilio is not hammered meanwhile');

# --- it is over

clear_faults($twilio);
my $well = one('SELECT clock_timestamp()');
let_pass(rest());
wait_for_rooms(@made);
note 'all rooms stood ' . one("SELECT clock_timestamp() - '$well'") . ' after it';
wait_until { my $there = there(); !(grep { $there->{$_} } @ended) && !grep { bob_is_in($_) } @left } $patience, 'the ends and the removals';
wait_until { one('SELECT calls_in_flight + (oldest_due_at IS NOT NULL)::int FROM videoroom_stats()') == 0 } $patience, 'the last of the calls';
my $there = there();
is_deeply(here(), $there, 'what is live at Twilio is what we know');
is_deeply([sort keys %$there], [sort @ready, @calls, @left, @made], 'that is every room it should be, and no other');
is_deeply([grep { @{ $twilio->sim(GET => "rooms?room=$_") } != 1 } @made], [], 'each was made once');
is_deeply([grep { @{ $twilio->sim(GET => "rooms?room=$_") } } @cancelled], [], 'what was cancelled meanwhile was never made');
is_deeply([grep { !bob_is_in($_) } @calls], [], 'calls went on undisturbed');
is(one('SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NOT NULL'), 0, 'no row died');
ok(health($node, 'account'), 'health is all right, and nobody has lifted a finger');
is_deeply(joins(@made), { ' ' => 12 }, 'and everybody gets in');

# --- a quiet one: few rooms, each tried so often that its next turn would be minutes away

$twilio->faults({ status => 503, count => -1 });
my @few = book_many($node, 'few', 3);
wait_until { rest() } $patience, 'the worker to leave Twilio alone';
$begun = $clock->passed;
go_on() while $clock->passed < $begun + 60 * $minutes;
is(one("SELECT count(*) FROM videoroom.outbox WHERE room_id = ANY ('{" . join(',', @few) . "}') AND attempts >= 8"), 3,
    'few rooms are tried often');
clear_faults($twilio);
let_pass(rest());
wait_for_rooms(@few);
pass('and made when it is over all the same');

note sprintf '%d times too many requests', scalar grep { $_->{status} == 429 } @{ $twilio->sim(GET => 'requests') };
is($twilio->violations, 0, 'no request violated the contract');
is_deeply([crashes($node)], [], 'nothing crashed');
done_testing();
