# What goes wrong on the way to Twilio, and how it heals without a hand: the stories. 014_fault_table.pl has each single fault.
use strict;
use warnings;
use Steps;
use Test::More;
use Time::HiRes 'time';
use VideoroomTest;

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(simulator => $twilio, request_timeout => '2s', retry_cap => '1s', reconcile_interval => '1h',
    join_wait => '60s', conf => 'max_connections = 40');
my %create = (match => { method => 'POST', path => '^/v1/Rooms$' });
my $session = session($node);
my $patience = 60;    # seconds: the breaker rests for some of them, and the machine is busy

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub dead { return (row($node, 'SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NOT NULL'))[0] }

# Each of the rooms is made once at Twilio, and we know it by its SID. What may still arrive of a call that was cut off is
# looked for later, at all of them.
my @all;

sub all_made_once {
    my ($what, @rooms) = @_;
    push @all, @rooms;
    my $list = join ',', map { "'$_'" } @rooms;
    wait_until { (row($node, "SELECT count(*) FROM videoroom.session WHERE room_id IN ($list)"))[0] >= @rooms } $patience,
        "$what: the rooms to be made";
    my %at_twilio = map { $_ => [] } @rooms;
    push @{ $at_twilio{$_->{unique_name}} }, "$_->{sid} $_->{status}" for @{ $twilio->sim(GET => 'rooms') };
    my %here = map { $_ => [] } @rooms;
    push @{ $here{$_->[0]} }, "$_->[1] in-progress" for @{ $session->do("SELECT room_id, room_sid FROM videoroom.session
        WHERE room_id IN ($list) AND ended_at IS NULL")->{rows} };
    is_deeply([map { [$_, @{ $at_twilio{$_} }] } @rooms], [map { [$_, $here{$_}[0]] } @rooms],
        "$what: each room is made once, and we know it by its SID");
}

sub refused { return scalar grep { $_->{status} == 401 } @{ $twilio->sim(GET => 'requests') } }

# --- Twilio asks for a pause

first_sweep($node, $twilio);
{
    my $call = book($node, 'call-to-end');
    made($node, $call);
    my $seen = $twilio->sim(GET => 'counts')->{requests}{requests};
    $twilio->faults({ %create, status => 429, headers => { 'Retry-After' => '5' } });
    my $limited = book($node, 'limited');
    # All that is looked at during the pause is looked at at once.
    my $found = wait_until { $session->do("SELECT last_error ->> 'kind', sent_at IS NULL, h.ok FROM videoroom.outbox, videoroom_health() h
        WHERE room_id = '$limited' AND last_error IS NOT NULL AND h.name = 'account'")->{rows}[0] } $patience, 'a call to fail';
    is_deeply($found, ['limited', 't', 'f'], 'a 429 is known as such, and that it did nothing, and during the pause health says so');
    my $other = book($node, 'other-during-the-pause');
    sql("SELECT videoroom_end('$call')");
    all_made_once('after a pause that Twilio asked for', $limited, $other);
    wait_until { !in_progress_at($twilio, $call) } $patience, 'the call to end';
    my ($first, $next) = @{ $twilio->sim(GET => "requests?since=$seen") };
    is($first->{status}, 429, 'Twilio is asked once');
    my $pause = arrived_at($next) - arrived_at($first);
    cmp_ok($pause, '>=', 4.9, 'Retry-After holds back all calls, creates of other rooms and ends, too');
    cmp_ok($pause, '<', 20, 'and no longer than it must');
    is(dead(), 0, 'no row dies of it');
    clear_faults($twilio);
}
{
    # The sweep is told to wait, and has no row in the outbox to look again for.
    $twilio->faults({ match => { method => 'GET' }, status => 429, headers => { 'Retry-After' => '2' } });
    set_config($node, reconcile_interval => '1s');
    wait_until { struck($twilio) } $patience, 'the sweep';
    set_config($node, reconcile_interval => '1h');
    my $room = book($node, 'after-the-pause', unasked => 1);
    wait_until { eval { row($node, "SELECT room_sid FROM videoroom_join('$room', 'alice')") } } 20, 'joins to be let in again';
    pass('a pause ends for joins when it ends, though nothing is due then');
    clear_faults($twilio);
}

# --- our credentials are refused

{
    $twilio->set(api_key_secret => 'rotated');
    my @rooms = book_many($node, 'refused', 8);
    wait_until { !health($node, 'account') } $patience, 'the worker to see that its credentials are refused';
    is(dead(), 0, 'no row dies of credentials that are refused');
    no_calls($node);
    my $refused = refused();
    VideoroomTest::write_credentials($node, api_key_secret => 'wrong');
    set_config($node);
    wait_until { refused() > $refused } $patience, 'the next to be tried';
    VideoroomTest::write_credentials($node, api_key_secret => 'rotated');
    set_config($node);
    all_made_once('with new credentials and a reload', @rooms);
    cmp_ok(refused(), '<=', 2 * 8, 'Twilio was not asked over and over');
}

# --- one poisoned row

{
    my $poisoned = book($node, 'poisoned', unasked => 1);
    $twilio->faults({ match => { %{ $create{match} }, room => $poisoned }, status => 500, count => -1 });
    sql("INSERT INTO videoroom.outbox (room_id, action, priority) VALUES ('$poisoned', 'create-room', 0)");
    wait_until { !health($node, 'account') } $patience, 'the breaker to open';
    my @rooms = book_many($node, 'good', 10);
    all_made_once('with a poisoned row of higher priority among them', @rooms);
    wait_until { health($node, 'account') } $patience, 'the breaker to close though the row keeps failing';
    pass('a poisoned row does not keep the breaker open');
    is((outbox($node, $poisoned, 'create-room', 'dead_at IS NULL'))[0], 't', 'and does not die either');
    clear_faults($twilio);
    all_made_once('the poisoned row when Twilio can do it', $poisoned);
}

# --- waking up

{
    my ($rolled_back, $room) = map { book($node, $_, unasked => 1) } qw(rolled-back inserted);
    sql("BEGIN; INSERT INTO videoroom.outbox (room_id, action) VALUES ('$rolled_back', 'create-room'); ROLLBACK");
    sql("INSERT INTO videoroom.outbox (room_id, action) VALUES ('$room', 'create-room')");
    made($node, $room, 20);
    pass('a plain INSERT into the outbox wakes the worker, which looks by itself once a minute');
    is_deeply([sent_for($twilio, $rolled_back)], [], 'and one that was rolled back called nobody');
}

# --- quotas, and who goes first

# When what was cut off cannot arrive any more. From here on nothing is cut off, however busy the machine is: each call is made once.
my $all = join ',', map { "'$_'" } @all;
wait_until { (row($node, "SELECT count(*) FROM videoroom.outbox WHERE action = 'create-room' AND room_id IN ($all)"))[0] == 0 }
    $patience, 'the calls that were cut off to be resolved';
all_made_once('when nothing can arrive any more', @all);
set_config($node, request_timeout => '60s');
{
    my $quota = 4;
    set_config($node, writes_per_second => $quota);
    my $begun = time;
    my @rooms = book_many($node, 'quota', 14);
    all_made_once('with few writes a second', @rooms);
    my @writes = map { my $room = $_; grep { $_->{method} eq 'POST' } @{ $twilio->sim(GET => "requests?room=$room") } } @rooms;
    is(scalar @writes, 14, 'one write for each room');
    # They may arrive late and so close together, but none before it may leave.
    my @at = sort { $a <=> $b } map { arrived_at($_) - $begun } @writes;
    is_deeply([grep { $at[$_] < int($_ / $quota) } 0 .. $#at], [], "in no second did more than $quota leave");
}
{
    my ($ended, $left, $waited, $early, $later, $overdue) = map { book($node, "order-$_",
        starts => { early => '3 min', later => '9 min', waited => '12 min', ended => '14 min' }->{$_} // '1 min',
        unasked => 1) } qw(ended left waited early later overdue);
    for my $room ($ended, $left, $overdue) {
        sql("INSERT INTO videoroom.outbox (room_id, action) VALUES ('$room', 'create-room')");
        made($node, $room);
    }
    # Somebody waits for a room that Twilio has no place for.
    set_config($node, retry_cap => '5min', writes_per_second => 1);
    $twilio->faults({ match => { %{ $create{match} }, room => $waited }, code => 53119, status => 400, count => -1 });
    my $waiter = ask($node, "SELECT room_sid FROM videoroom_join('$waited', 'alice')");
    wait_until { (outbox($node, $waited, 'create-room', "last_error ->> 'code'"))[0] } $patience, 'the waiting join to be held up';
    $session->do("BEGIN; UPDATE videoroom.outbox SET run_at = 'infinity' WHERE room_id = '$waited'; COMMIT");
    clear_faults($twilio);
    my $seen = $twilio->sim(GET => 'counts')->{requests}{requests};
    my $all = $session->do(qq{
        BEGIN;
        UPDATE videoroom.room SET completes_at = clock_timestamp() WHERE room_id = '$overdue';
        UPDATE videoroom.outbox SET run_at = clock_timestamp() WHERE room_id IN ('$overdue', '$waited');
        INSERT INTO videoroom.outbox (room_id, action) VALUES ('$later', 'create-room'), ('$early', 'create-room');
        SELECT videoroom_remove_participant('$left', 'bob');
        SELECT videoroom_end('$ended');
        COMMIT});
    is($all->{state}, '', 'all at once are asked for: an end, a removal, two rooms, the end of an overdue call; and somebody waits');
    made($node, $_, $patience) for $early, $later;
    wait_until { !in_progress_at($twilio, $overdue) } $patience, 'the overdue call to end';
    my %name = ($ended => 'ended', $left => 'removal', $waited => 'waited for', $early => 'early', $later => 'later',
        $overdue => 'overdue');
    my @order = map { $name{$_->{room_name}} } grep { $_->{method} eq 'POST' } @{ $twilio->sim(GET => "requests?since=$seen") };
    my %place = map { $order[$_] => $_ } 0 .. $#order;
    is_deeply([sort @order], [sort values %name], 'each is sent once');
    ok($place{removal} < $place{ended} && $place{early} < $place{later}, 'of what was asked for the first comes first, of rooms ahead the first to start');
    ok($place{'waited for'} < $place{later} && $place{removal} < $place{later} && $place{'waited for'} < 3,
        'who waits, and what was asked for, has its turn before rooms ahead have all of theirs') or diag "@order";
    is($waiter->answer->{rows}[0][0], (in_progress_at($twilio, $waited))[0], 'who waited has got in');
}

is($twilio->violations, 0, 'no request violated the contract');
is((row($node, 'SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NOT NULL'))[0], 0, 'nothing was given up');
$node->stop('fast');
is_deeply([crashes($node)], [], 'the server never crashed');
done_testing();
