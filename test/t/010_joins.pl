# Joins of a room that is not there yet: how they wait, what they see, and that they do not wait where it is pointless.
use strict;
use warnings;
use Steps;
use Test::More;
use VideoroomTest;

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(simulator => $twilio, join_wait => '60s', max_waiting => 40, request_timeout => '60s', retry_cap => '1s',
    reconcile_interval => '1h', conf => "max_connections = 160\nwal_level = replica\nmax_wal_senders = 4\n");
my %create = (method => 'POST', path => '^/v1/Rooms$');
my $quick = 10;    # seconds: what answers at once does not get near join_wait

sub join_sql { my ($room, $user) = @_; return "SELECT room_sid FROM videoroom_join('$room', '" . ($user // 'alice') . "')" }

# (SQLSTATE, reason) of a join that must be refused, and at once.
sub refused_at_once {
    my ($room, $on) = @_;
    my ($state, $detail);
    my $took = seconds { ($state, undef, $detail) = refusal($on // $node, join_sql($room)) };
    is((row($on // $node, "SELECT verdict FROM videoroom_explain('$room', 'alice') WHERE what = 'join'"))[0], "$state " . reason($detail),
        'videoroom_explain says what the join is told');
    return ($took < $quick ? 'at once' : "after $took s", $state, reason($detail));
}

# The SQLSTATE and the reason of what was refused to a session.
sub refused { my ($answer) = @_; return ($answer->{state}, reason($answer->{detail})) }

# The session that a join gives, once it gives one.
sub joined {
    my ($room) = @_;
    return wait_until { eval { (row($node, join_sql($room)))[0] } } 30, "a join of $room";
}

# From here on creates hang, until release().
sub hold { $twilio->faults({ match => {%create}, hang => 'before', count => -1, @_ }) }
sub release { clear_faults($twilio) }

# --- the herd

{
    my $room = book($node, 'herd-unasked', unasked => 1, people => join ',', map { "u$_" } 1 .. 20);
    my @joins = map { ask($node, join_sql($room, "u$_")) } 1 .. 20;
    my %sids = map { ($_->answer->{rows}[0][0] // 'none') => 1 } @joins;
    is_deeply([keys %sids], [in_progress_at($twilio, $room)], 'twenty joins of a room nobody asked for get its one session');
    is(scalar(@{ $twilio->sim(GET => "rooms?room=$room") }), 1, 'and one room was made at Twilio');
}
{
    hold(count => 1);
    my $room = book($node, 'herd-delayed', people => join ',', map { "u$_" } 1 .. 20);
    my @joins = map { ask($node, join_sql($room, "u$_")) } 1 .. 20;
    waiting_joins($node, 20);
    release();
    my %sids = map { ($_->answer->{rows}[0][0] // 'none') => 1 } @joins;
    is_deeply([keys %sids], [in_progress_at($twilio, $room)], 'twenty joins of a room whose create is delayed get its one session');
    is(scalar(@{ $twilio->sim(GET => "rooms?room=$room") }), 1, 'and one room was made at Twilio');
}

# --- a caller with less patience than join_wait

SKIP: {
    skip 'under valgrind a join takes longer to answer', 3 if VideoroomTest::patience() > 1;
    hold();
    my $room = book($node, 'impatient');
    my @limits = ('statement_timeout', (row($node, q{SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'}))[0] ? 'transaction_timeout' : ());
    for my $limit (@limits) {
        my ($state, undef, $detail) = refusal($node, "BEGIN; SET LOCAL $limit = '2s'; " . join_sql($room));
        is_deeply([$state, reason($detail)], ['PT503', 'not-ready'], "a join is answered before $limit cancels it");
    }
    my ($state, undef, $detail) = refusal($node, "SET statement_timeout = '190ms'; " . join_sql($room));
    is_deeply([$state, reason($detail)], ['PT503', 'not-ready'], 'and at once where there is no time to wait');
    release();
}

# --- what a waiting join sees

for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'SERIALIZABLE, READ ONLY') {
    (my $booking = lc $level) =~ tr/a-z/-/cs;
    my $room = book($node, $booking, unasked => 1);
    my $count = "SELECT count(*) FROM videoroom.session WHERE room_id = '$room'";
    my $join = ask($node, "BEGIN ISOLATION LEVEL $level; $count; " . join_sql($room) . "; $count; COMMIT");
    my $answer = $join->answer;
    is($answer->{state}, '', "a join that waits in a transaction at $level is not refused");
    is($answer->{rows}[1][0], (in_progress_at($twilio, $room))[0], "it sees the session that the worker has committed since");
    is($answer->{rows}[2][0], $level =~ /READ COMMITTED/ ? 1 : 0, "and the transaction's own snapshot stays what $level promises");
}

my $ready = book($node, 'ready');
my $ready_sid = made($node, $ready);
is_deeply(session($node)->do("BEGIN READ ONLY; " . join_sql($ready) . "; SELECT pg_current_xact_id_if_assigned() IS NULL; COMMIT")
        ->{rows}, [[$ready_sid], ['t']], 'a join of a room that is ready writes nothing and works in a read-only transaction');

# --- no session in time

{
    set_config($node, join_wait => '1s');
    hold();
    my $room = book($node, 'slow');
    my $answer;
    my $took = seconds { $answer = session($node)->do(join_sql($room)) };
    is_deeply([refused($answer)], ['PT503', 'not-ready'], 'a join is refused when its room is not there after join_wait');
    cmp_ok($took, '>=', 1, 'and not before');
    set_config($node, join_wait => '0');
    is_deeply([refused_at_once($room)], ['at once', 'PT503', 'not-ready'], 'with join_wait 0 it does not wait at all');
    release();
    made($node, $room);
    is((row($node, join_sql($room)))[0], (in_progress_at($twilio, $room))[0], 'the next join after the room is made gets it');
    set_config($node, join_wait => '60s');
}

# --- nothing to wait for

is_deeply([refused_at_once('x')], ['at once', 'PT404', 'unknown'], 'an unknown room is not waited for');
{
    my $answer = session($node)->do(q{BEGIN;
        SELECT videoroom_create_booking('mine', now() + interval '5 min', now() + interval '1 hour', '{alice}') AS room \gset
        SELECT videoroom_join(:'room', 'alice')});
    is_deeply([refused($answer)], ['PT503', 'uncommitted'],
        'a room booked in the very transaction is not waited for');
    $answer = session($node)->do(q{BEGIN;
        SELECT videoroom_reschedule('ready', now() + interval '5 min', now() + interval '2 hours') AS room \gset
        SELECT videoroom_join('} . $ready . q{', 'alice')});
    is_deeply([refused($answer)], ['PT503', 'uncommitted'],
        'nor is one that a reschedule of the very transaction has put in its place');
    my $room = book($node, 'held', unasked => 1);
    $answer = session($node)->do("BEGIN; SELECT videoroom_add_participants('$room', '{carol}'); " . join_sql($room, 'carol'));
    is_deeply([refused($answer)], ['PT503', 'uncommitted'], 'nor one that the very transaction invites to');
}
{
    hold();
    set_config($node, max_waiting => 1);
    my @rooms = map { book($node, "busy-$_", people => 'alice,bob') } 1, 2;
    my $first = ask($node, join_sql($rooms[0]));
    waiting_joins($node, 1);
    is_deeply([refused_at_once($rooms[1])], ['at once', 'PT503', 'busy'], 'one join more than max_waiting is refused at once');
    is_deeply([(refused_at_once($rooms[0]))], ['at once', 'PT503', 'busy'], 'for the same room too');
    is((row($node, join_sql($ready)))[0], $ready_sid, 'while a room that is ready can be joined');

    $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . (row($node, q{SELECT pid FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND wait_event_type = 'Extension'}))[0] . ')');
    is($first->answer->{state}, '57014', 'a join that waits can be cancelled');
    my $second = session($node);
    my $pid = $second->pid;
    $second->ask(join_sql($rooms[1]));
    waiting_joins($node, 1);
    pass('its place in the mailbox is free again');
    $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
    my $answer = $second->answer;
    is_deeply([@$answer{qw(state lost)}], ['57P01', 1], 'the session of a join that waits can be terminated');

    my $third = ask($node, "BEGIN; SET LOCAL statement_timeout = '1s'; SAVEPOINT s; " . join_sql($rooms[0]) . '; ROLLBACK TO s;'
        . 'SET LOCAL statement_timeout = 0; ' . join_sql($rooms[1]) . '; COMMIT');
    waiting_joins($node, 1);
    pass('its place is free again, too');
    # The first of the two joins has to run into its timeout before the rooms may come.
    wait_until { (row($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Extension'
        AND backend_type = 'client backend' AND query LIKE '%} . $rooms[1] . q{%'}))[0] == 1 } 20, 'the second join of the session';
    release();
    is_deeply($third->answer->{rows}, [[made($node, $rooms[1])]], 'a join that timed out in a savepoint leaves the transaction usable');
    made($node, $rooms[0]);
    set_config($node, max_waiting => 40);
}
{
    # Rooms that a client holds are left alone until it lets go.
    set_config($node, max_waiting => 200);
    my $client = session($node);
    my ($over, @rooms) = map { $_->[0] } @{ $client->do(q{SELECT videoroom_create_booking('full-' || i, now() + interval '2 hours',
        now() + interval '3 hours', '{alice,bob}') FROM generate_series(1, 129) i})->{rows} };
    $client->do(q{BEGIN; UPDATE videoroom.room SET opens_at = now() WHERE booking_id LIKE 'full-%'});
    $client->do(q{COMMIT; BEGIN; SELECT FROM videoroom.room WHERE booking_id LIKE 'full-%' FOR NO KEY UPDATE});
    # All have connected before the first asks, who else would have waited in vain when the last one comes.
    my @joins = map { session($node) } @rooms, 'one more';
    $_->pid for @joins;
    $joins[$_]->ask(join_sql($rooms[$_])) for 0 .. $#rooms;
    waiting_joins($node, 128);
    is_deeply([refused_at_once($over)], ['at once', 'PT503', 'busy'], 'joins wait for 128 rooms at most; of one more is refused at once');
    $joins[-1]->ask(join_sql($rooms[0], 'bob'));
    waiting_joins($node, 129);
    $client->do('COMMIT');
    my @got = map { $_->answer->{rows}[0][0] // 'none' } @joins;
    SKIP: {
        skip 'under valgrind so many joins take longer than they may wait', 1 if VideoroomTest::patience() > 1;
        is_deeply(\@got, [map { (in_progress_at($twilio, $_))[0] } @rooms, $rooms[0]],
            'while one more for the same room waits with them, and all get their rooms');
    }
    is(joined($over), (in_progress_at($twilio, $over))[0], 'then there is a place for the one refused');
    set_config($node, max_waiting => 40);
}
{
    $twilio->faults({ match => {%create}, status => 400, code => 53115, message => 'MediaRegion is invalid' });
    my $room = book($node, 'dead', unasked => 1);
    my $answer;
    my $took = seconds { $answer = ask($node, join_sql($room))->answer };
    is_deeply([refused($answer)], ['PT503', 'failed'], 'a join learns that its room cannot be made');
    cmp_ok($took, '<', $quick, 'and learns it at once');
    is_deeply([refused_at_once($room)], ['at once', 'PT503', 'failed'], 'so does the next, without asking Twilio again');
    is_deeply([writes_for($twilio, $room)], ['POST create'], 'which was asked only once');
    release();
    $node->safe_psql('postgres', 'SELECT videoroom_retry()');
    is((row($node, join_sql($room)))[0], (in_progress_at($twilio, $room))[0], 'after videoroom_retry the room can be joined');
}

# --- Twilio is away

my $late = book($node, 'late', unasked => 1);
{
    $twilio->faults({ status => 503, count => -1 });
    book($node, "outage-$_") for 1 .. 6;
    wait_until { !health($node, 'account') } 30, 'the breaker to open';
    my $waiter = ask($node, join_sql($late));
    my $answer = $waiter->answer;
    is_deeply([refused($answer)], ['PT503', 'paused'], 'while Twilio is down a join is refused');
    is_deeply([refused_at_once($late)], ['at once', 'PT503', 'paused'], 'at once');
    is((row($node, join_sql($ready)))[0], $ready_sid, 'while a room that is ready can be joined');
    release();
    wait_until { health($node, 'account') } 60, 'the breaker to close';
    # The worker lets joins in again in its next round.
    is(joined($late), (in_progress_at($twilio, $late))[0], 'when Twilio is back it can be joined');
}
{
    # The answer of this create is what closes the gate: who waits for it is told.
    my $room = book($node, 'refused-key', unasked => 1);
    $twilio->set(api_key_secret => 'rotated');
    my $answer;
    my $took = seconds { $answer = ask($node, join_sql($room))->answer };
    is_deeply([refused($answer)], ['PT503', 'paused'], 'a join is refused when Twilio refuses our key');
    cmp_ok($took, '<', $quick, 'as soon as that is known');
    is_deeply([refused_at_once($room)], ['at once', 'PT503', 'paused'], 'and from then on at once');
    VideoroomTest::write_credentials($node, api_key_secret => 'rotated');
    set_config($node);
    is(joined($room), (in_progress_at($twilio, $room))[0],
        'with the new key it can be joined');
}
{
    my $room = book($node, 'no-file', unasked => 1);
    chmod 0644, $node->basedir . '/credentials.json';
    set_config($node);
    for my $which ([$room, 'not there'], [$ready, 'ready']) {
        my ($state, $message) = refusal($node, join_sql($which->[0]));
        is($state, '55000', "without usable credentials there is no link into a room that is $which->[1]");
    }
    is((refusal($node, join_sql($ready, 'mallory')))[0], 'PT403', 'but a stranger is still told no');
    chmod 0600, $node->basedir . '/credentials.json';
    set_config($node);
    is(joined($room), (in_progress_at($twilio, $room))[0],
        'with the file put right it can be joined');
}
{
    hold(count => 1);
    my $room = book($node, 'no-worker');
    my $waiter = ask($node, join_sql($room));
    waiting_joins($node, 1);
    my $answer;
    my $took = seconds { set_config($node, enabled => 'off'); $answer = $waiter->answer };
    is_deeply([refused($answer)], ['PT503', 'no-worker'], 'when the worker goes, who waits is refused');
    cmp_ok($took, '<', $quick, 'at once');
    is_deeply([refused_at_once($room)], ['at once', 'PT503', 'no-worker'], 'and without a worker nobody waits');
    is((row($node, join_sql($ready)))[0], $ready_sid, 'while a room that is ready can be joined');
    release();
    set_config($node, enabled => 'on');
    is(joined($room), (in_progress_at($twilio, $room))[0],
        'with a worker again it can be joined');
}

# --- a standby

{
    $node->backup('standby');
    my $standby = PostgreSQL::Test::Cluster->new('standby');
    $standby->init_from_backup($node, 'standby', has_streaming => 1);
    $standby->start;
    my $room = book($node, 'on-standby', unasked => 1);
    $node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
    is((row($standby, join_sql($ready)))[0], $ready_sid, 'a hot standby gives links into rooms that are ready');
    is_deeply([refused_at_once($room, $standby)], ['at once', 'PT503', 'standby'], 'and does not wait for others');
    is((refusal($standby, join_sql($ready, 'mallory')))[0], 'PT403', 'and lets no stranger in');
    $standby->stop('fast');
    is_deeply([crashes($standby)], [], 'the standby never crashed');
}

is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
is_deeply([crashes($node)], [], 'the server never crashed');
done_testing();
