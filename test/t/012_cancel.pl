# Cancelling, rescheduling, ending and extending at any moment: at the end nothing is in progress at Twilio that should not be,
# and no row of the outbox is stuck.
use strict;
use warnings;
use Steps;
use Test::More;
use VideoroomTest;

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(simulator => $twilio, request_timeout => '3s', retry_cap => '1s', reconcile_interval => '1h',
    join_wait => '60s', end_after => '1s', join_grace => '1s', conf => 'max_connections = 40');
my $relay = start_relay($node);
my $session = session($node);
my $patience = 60;    # seconds: calls time out on the way, and the machine is busy

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub joined { my ($room) = @_; return (row($node, "SELECT room_sid FROM videoroom_join('$room', 'alice')"))[0] }
sub status { my ($room) = @_; return (row($node, "SELECT status FROM videoroom_rooms WHERE room_id = '$room'"))[0] }
sub join_reason { my ($room) = @_; return reason((refusal($node, "SELECT videoroom_join('$room', 'alice')"))[2]) }

# Nothing is going on at Twilio for the room, nothing is left to do, and everybody knows.
sub is_over {
    my ($room, $what) = @_;
    wait_until { (row($node, qq{SELECT final AND NOT EXISTS (SELECT FROM videoroom.outbox o WHERE o.room_id = '$room')
        FROM videoroom_rooms WHERE room_id = '$room'}))[0] eq 't' } $patience, "$what: the end";
    is_deeply([in_progress_at($twilio, $room)], [], "$what: nothing is left at Twilio, and nothing in the outbox");
}

# --- before the create is sent

{
    my $room = sql(q{BEGIN;
        SELECT videoroom_create_booking('at-once', now() + interval '5 min', now() + interval '1 hour', '{alice}');
        SELECT videoroom_cancel('at-once');
        COMMIT});
    $room =~ s/\s+//g;
    my $early = book($node, 'early', starts => '2 hours', ends => '3 hours');
    sql("SELECT videoroom_cancel('early', 'no need')");
    for my $which ([$room, 'cancelled in the transaction that booked it'], [$early, 'cancelled before its window opens']) {
        is_over(@$which);
        is_deeply([sent_for($twilio, $which->[0])], [], "$which->[1]: Twilio never heard of it");
        is(status($which->[0]), 'cancelled', "$which->[1]: its status is cancelled");
        is(join_reason($which->[0]), 'cancelled', "$which->[1]: nobody can join");
    }
}

# What needs no call is not done as slowly as Twilio may be called.
{
    sql(q{SELECT count(videoroom_create_booking('many-' || n, now() + interval '2 hours', now() + interval '3 hours', '{alice}'))
        FROM generate_series(1, 400) n});
    sql(q{SELECT videoroom_cancel('many-' || n) FROM generate_series(1, 400) n});
    my $room = book($node, 'behind many');
    isnt(joined($room), '', 'who joins behind many cancellations gets in');
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.outbox JOIN videoroom.room USING (room_id)
        WHERE booking_id LIKE 'many-%'}))[0] == 0 } $patience, 'the outbox to be rid of them';
    is((row($node, q{SELECT count(*) FROM videoroom_rooms WHERE booking_id LIKE 'many-%' AND final}))[0], 400, 'and all are over');
}

# --- while the create is in flight

{
    my %trouble = (
        'the answer comes' => { delay_ms => 2000 },
        'the request arrives late' => { delay_before_ms => 2000 },
        'the room is made and the answer lost' => { delay_ms => 2000, reset => 'after' },
        'the request is lost' => { delay_before_ms => 2000, reset => 'before' },
        'the room is made and Twilio goes silent' => { hang => 'after' },
        'Twilio goes silent' => { hang => 'before' },
        'the room is made after we gave up' => { delay_before_ms => 4000 },
        'the room is made and the answer says 503' => { delay_ms => 2000, status => 503, work => \1 },
        'Twilio refuses' => { delay_ms => 2000, status => 400, code => 53115 },
        'the room is made already, by a try that seemed lost' => { delay_ms => 2000, status => 400, code => 53113, work => \1 });
    my %room = map { $_ => book($node, $_, unasked => 1) } sort keys %trouble;
    $twilio->faults(map { { match => { method => 'POST', path => '^/v1/Rooms$', room => $room{$_} }, %{ $trouble{$_} } } }
        sort keys %trouble);
    sql(join ';', map { "INSERT INTO videoroom.outbox (room_id, action) VALUES ('$_', 'create-room')" } values %room);
    wait_until { !grep { !$_->{struck} } @{ $twilio->sim(GET => 'faults') } } $patience, 'the creates to be under way';
    my $unanswered = $session->do(q{
        SELECT videoroom_cancel(booking_id) FROM videoroom.room WHERE closed_at IS NULL;
        SELECT count(*) FROM videoroom.outbox WHERE action = 'create-room' AND sent_at IS NOT NULL})->{rows}[-1][0];
    is($unanswered, keys %trouble, 'bookings are cancelled while their creates are in flight');
    for my $what (sort keys %trouble) {
        is_over($room{$what}, $what);
        cmp_ok(scalar(@{ $twilio->sim(GET => "rooms?room=$room{$what}") }), '<=', 1, "$what: there was one room at most");
    }
    is((row($node, q{SELECT count(*) FROM videoroom.room WHERE status <> 'cancelled'}))[0], 0, 'all of them are cancelled');
    clear_faults($twilio);
}
{
    # Twilio lags behind itself: what it has made, it does not find yet.
    $twilio->set(missing_after_creation_ms => 3000);
    $twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, delay_ms => 1000, reset => 'after' });
    my $room = book($node, 'lagging');
    wait_until { struck($twilio) } $patience, 'the create';
    sql("SELECT videoroom_cancel('lagging')");
    is_over($room, 'the room is made, the answer lost, and the room not found at first');
    is(scalar(@{ $twilio->sim(GET => "rooms?room=$room") }), 1, 'the room was made');
    $twilio->set(missing_after_creation_ms => 0);
    clear_faults($twilio);
}
{
    # Its create is lost in silence, and carried out, as it were, longer after than we ask for it; the sweep is what finds it.
    set_config($node, request_timeout => '1s');
    $twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, hang => 'before' });
    my $room = book($node, 'very-late');
    wait_until { struck($twilio) } $patience, 'the create';
    sql("SELECT videoroom_cancel('very-late')");
    is_over($room, 'a create that seems to have come to nothing');
    $twilio->room(UniqueName => $room);
    set_config($node, request_timeout => '3s', reconcile_interval => '1s');
    wait_until { (row($node, "SELECT count(*) FROM videoroom.session WHERE room_id = '$room'"))[0] } $patience, 'the sweep';
    is_over($room, 'a room made when nobody asks for it any more');
    set_config($node, reconcile_interval => '1h');
    clear_faults($twilio);
}

# --- after it

{
    my %trouble = (
        'all goes well' => {},
        'the answer is lost' => { reset => 'after' },
        'the request is lost' => { reset => 'before' },
        'Twilio goes silent' => { hang => 'before' },
        'Twilio is busy' => { status => 503 },
        'Twilio has ended it and says 404' => { status => 404, code => 20404, work => \1 });
    my %room = map { $_ => book($node, "after: $_") } sort keys %trouble;
    made($node, $_) for values %room;
    $twilio->join($room{'all goes well'}, 'alice');
    $twilio->faults(map { { match => { method => 'POST', room => $room{$_} }, %{ $trouble{$_} } } } sort grep { $_ ne 'all goes well' }
        keys %trouble);
    sql('SELECT videoroom_cancel(booking_id) FROM videoroom.room WHERE closed_at IS NULL');
    is_over($room{$_}, "cancelled during the call, $_") for sort keys %trouble;
    is((row($node, "SELECT connected FROM videoroom_rooms WHERE room_id = '$room{'all goes well'}'"))[0], 0,
        'who was in the call is put out');
    clear_faults($twilio);
}
{
    my $room = book($node, 'ended-by-itself');
    made($node, $room);
    $twilio->set(missing_after_completion_ms => 2000);
    $twilio->set(callback_drop_events => 'room-ended');
    $twilio->sim(POST => 'end', { room => $room });
    sql("SELECT videoroom_cancel('ended-by-itself')");
    is_over($room, 'cancelled when it had ended and Twilio cannot find it');
    $twilio->set(missing_after_completion_ms => 0);
    $twilio->set(callback_drop_events => '');
}
{
    my $room = book($node, 'ended');
    made($node, $room);
    my $alice = $twilio->join($room, 'alice');
    wait_until { (row($node, "SELECT connected FROM videoroom_rooms WHERE room_id = '$room'"))[0] == 1 } $patience, 'alice';
    sql("SELECT videoroom_end('$room')");
    is(join_reason($room), 'over', 'after videoroom_end nobody can join');
    is_over($room, 'videoroom_end');
    is(status($room), 'completed', 'and the room is completed');
    sql("SELECT videoroom_end('$room'); SELECT videoroom_cancel('ended')");
    is(status($room), 'completed', 'which cancelling does not change');
}

# --- reschedule, and cancel-then-create

for my $way (
    ['reschedule', sub { sql(q{SELECT videoroom_reschedule('moved-1', now() + interval '10 min', now() + interval '2 hours')}) }],
    ['cancel-then-create', sub {
        sql("SELECT videoroom_cancel('moved-2')");
        return book($node, 'moved-2', starts => '10 min', ends => '2 hours');
    }]) {
    my ($name, $move) = @$way;
    my $old = book($node, $name eq 'reschedule' ? 'moved-1' : 'moved-2');
    my $old_sid = made($node, $old);
    $twilio->join($old, 'alice');
    my $new = $move->();
    isnt($new, $old, "$name: there is a new room");
    my $new_sid = joined($old);
    isnt($new_sid, $old_sid, "$name: the old room_id joins another session");
    is($new_sid, (in_progress_at($twilio, $new))[0], "$name: that of the new room");
    is((row($node, "SELECT room_id FROM videoroom_join('$old', 'alice')"))[0], $new, "$name: and says so");
    is_over($old, "$name: the live call of the old room ends");
    is(status($old), 'cancelled', "$name: the old room is cancelled");
    is((row($node, "SELECT successor FROM videoroom_rooms WHERE room_id = '$old'"))[0], $new, "$name: and names its successor");
    is_deeply([in_progress_at($twilio, $new)], [$new_sid], "$name: the new one goes on");
}

# --- extend

{
    # Both are about to end, and one of them is extended in time.
    my ($long, $short) = map { book($node, $_, starts => '-1 min') } qw(extended not-extended);
    my $sid = made($node, $long);
    made($node, $short);
    $twilio->join($_, 'alice') for $long, $short;
    my ($before) = grep { length } split /\n/, sql("
        SELECT videoroom_extend(b, now() + interval '3 s') FROM unnest('{extended,not-extended}'::text[]) b;
        SELECT run_at FROM videoroom.outbox WHERE room_id = '$long' AND action = 'complete-room';
        SELECT videoroom_extend('extended', now() + interval '1 hour')");
    is((outbox($node, $long, 'complete-room', q{run_at = (SELECT ends_at + interval '1 s' FROM videoroom.room r
        WHERE r.room_id = o.room_id)} =~ s/o\.room_id/'$long'/r))[0], 't', 'extend moves the end of the call with the booking');
    is_over($short, 'a call that nobody extends, with somebody in it');
    wait_until { (row($node, "SELECT clock_timestamp() > '$before'::timestamptz + interval '1 s'"))[0] eq 't' } $patience, 'the old end';
    is_deeply([in_progress_at($twilio, $long)], [$sid], 'the call that was extended goes on beyond its old end');
    is_deeply([grep { $_ eq 'POST complete' } sent_for($twilio, $long)], [], 'undisturbed');
    wait_until { (row($node, "SELECT connected FROM videoroom_rooms WHERE room_id = '$long'"))[0] == 1 } $patience, 'alice to be seen';
    is_deeply([map { $_->{status} } @{ $twilio->sim(GET => "rooms?room=$long")->[0]{participants} }], ['connected'],
        'with alice still in it');
}

# --- somebody else's open transaction

{
    my $held = book($node, 'held', unasked => 1);
    my $live = book($node, 'live');
    made($node, $live);
    $twilio->faults({ match => { method => 'POST', room => $held }, delay_before_ms => 1500 });
    sql("INSERT INTO videoroom.outbox (room_id, action) VALUES ('$held', 'create-room')");
    wait_until { struck($twilio) } $patience, 'the create';
    is($session->do("BEGIN; SELECT videoroom_add_participants('$held', '{carol}')")->{state}, '', 'a client holds the lock of a room');
    wait_until { in_progress_at($twilio, $held) } $patience, 'the room to be made';
    my @others = book_many($node, 'others', 5);
    sql("SELECT videoroom_cancel('live')");
    made($node, $_) for @others;
    pass('meanwhile other rooms are made and recorded');
    is_over($live, 'and others end');
    is((row($node, "SELECT count(*) FROM videoroom.session WHERE room_id = '$held'"))[0], 0, 'the room that is held has to wait');
    my $join = ask($node, "SELECT room_sid FROM videoroom_join('$held', 'alice')");
    waiting_joins($node, 1);
    $session->do('COMMIT');
    is($join->answer->{rows}[0][0], (in_progress_at($twilio, $held))[0], 'when the client is done it is recorded, and who waits gets in');
    $twilio->delivered;
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.callback WHERE applied_at IS NULL}))[0] == 0 } $patience,
        'the callbacks that could not be applied meanwhile';
    is((row($node, "SELECT started_callback IS NOT NULL FROM videoroom.session WHERE room_id = '$held'"))[0], 't',
        'and so is the callback that came meanwhile');
    clear_faults($twilio);

    $session->do("BEGIN; SELECT videoroom_cancel('held')");
    my @more = book_many($node, 'more', 3);
    made($node, $_) for @more;
    pass('an uncommitted cancel stalls nobody else either');
    $session->do('ROLLBACK');
    is(joined($held), (in_progress_at($twilio, $held))[0], 'and rolled back it has done nothing');
}

# --- all over

sql('SELECT videoroom_cancel(booking_id) FROM videoroom.room WHERE closed_at IS NULL');
wait_until { !in_progress_at($twilio) } $patience, 'all rooms to end';
wait_until { (row($node, 'SELECT count(*) FROM videoroom.outbox'))[0] == 0 } $patience, 'the outbox to be empty';
pass('with every booking cancelled nothing is in progress at Twilio and the outbox is empty');
is((row($node, 'SELECT count(*) FROM videoroom_rooms WHERE NOT final'))[0], 0, 'and every room is final');
is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
is_deeply([crashes($node)], [], 'the server never crashed');
done_testing();
