# What the clock and Twilio bring by themselves: rooms that end too early or go on too long, people who walk back in, callbacks
# that never come, rooms nobody knows of.
use strict;
use warnings;
use Steps;
use Test::More;
use VideoroomTest;
use Watch qw(log_lines log_position);

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(simulator => $twilio, retry_cap => '1s', reconcile_interval => '1h', join_wait => '30s', end_after => '2s',
    join_grace => '1s', conf => "max_connections = 40\nmax_prepared_transactions = 1");
my $relay = start_relay($node);
my $patience = 60;    # seconds: the machine is busy

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub one { return (row($node, $_[0]))[0] // '' }
sub joined { my ($room, $user) = @_; return one("SELECT room_sid FROM videoroom_join('$room', '" . ($user // 'alice') . "')") }
sub status { my ($room) = @_; return one("SELECT status FROM videoroom_rooms WHERE room_id = '$room'") }

# What videoroom_participants says of somebody.
sub person {
    my ($room, $user, $column) = @_;
    return one('SELECT ' . ($column // 'status') . " FROM videoroom_participants WHERE room_id = '$room' AND user_id = '$user'");
}

# The stays of somebody at Twilio, oldest first.
sub stays {
    my ($room, $user) = @_;
    return map { grep { $_->{identity} eq $user } @{ $_->{participants} } } @{ $twilio->sim(GET => "rooms?room=$room") };
}

sub end_at_twilio { return $twilio->sim(POST => 'end', { room => $_[0] }) }

# Waits until we know that a session has ended.
sub ended {
    my ($sid) = @_;
    wait_until { one("SELECT ended_at IS NOT NULL FROM videoroom.session WHERE room_sid = '$sid'") eq 't' } $patience, "the end of $sid";
}

# COMMIT PREPARED wakes nobody: the last test here looks whether the worker found it by itself.
sql('CREATE DATABASE prepared');
$node->safe_psql('prepared', 'CREATE EXTENSION videoroom');
wait_until { (health($node, 'worker', 'prepared'))[0] } $patience, 'the worker of another database';
my $prepared = $node->safe_psql('prepared', q{BEGIN;
    SELECT videoroom_create_booking('prepared', now(), now() + interval '1 hour', '{alice}');
    PREPARE TRANSACTION 'booking'});
$node->safe_psql('prepared', q{COMMIT PREPARED 'booking'});

# A row that this version cannot read, say of a newer one, dies alone.
sql("BEGIN; SELECT videoroom_create_booking(b, now(), now() + interval '1 hour', '{alice}') FROM unnest('{strange,plain}'::text[]) b;
    UPDATE videoroom.room SET options = options || '{\"new_option\": 1}' WHERE booking_id = 'strange'; COMMIT");
is((wait_until { one(q{SELECT last_error ->> 'message' FROM videoroom.outbox JOIN videoroom.room USING (room_id)
    WHERE booking_id = 'strange' AND dead_at IS NOT NULL}) } $patience, 'the strange row to die'),
    'unknown option "new_option"', 'a row with options that nobody here knows is given up, and says why');
ok((wait_until { one(q{SELECT room_sid FROM videoroom.session JOIN videoroom.room USING (room_id) WHERE booking_id = 'plain'}) } $patience,
    'the plain room'), 'and the room beside it is made');
is((refusal($node, "SELECT videoroom_join((SELECT room_id FROM videoroom.room WHERE booking_id = 'strange'), 'alice')"))[2],
    '{"reason":"failed"}', 'who wants to join it is told so');
sql('DELETE FROM videoroom.outbox WHERE dead_at IS NOT NULL');

# As if the session had begun, or been read last, so much earlier.
sub backdate {
    my ($sid, $interval) = @_;
    sql("UPDATE videoroom.session SET started_callback = started_callback - interval '$interval',
        started_rest = started_rest - interval '$interval', read_at = read_at - interval '$interval' WHERE room_sid = '$sid'");
}

# Waits until the callback that a room was made has come, too.
sub announced {
    my ($sid) = @_;
    wait_until { one("SELECT started_callback IS NOT NULL FROM videoroom.session WHERE room_sid = '$sid'") eq 't' } $patience,
        "the callback of $sid";
}

# No sweep from here on, and all is over that the last one led to: a session that is read is read in three calls.
sub sweep_no_more {
    set_config($node, reconcile_interval => '1h');
    my $asked = -1;
    wait_until {
        no_calls($node);
        my $before = $asked;
        $asked = $twilio->sim(GET => 'counts')->{requests}{requests};
        $asked == $before;
    } $patience, 'the last sweep to be over';
}

# Rooms that another program of the same account makes.
sub make_elsewhere {
    my (@names) = @_;
    open my $curl, '|-', 'curl', '--config', '-' or die "cannot start curl: $!\n";
    print $curl join "next\n", map { join "\n", 'silent', 'fail', 'output = "/dev/null"', 'url = "' . $twilio->url . '/v1/Rooms"',
        'user = "' . Simulator::KEY . ':' . Simulator::SECRET . '"', qq(data = "Type=group&UniqueName=$_"), '' } @names;
    close $curl or die "curl failed: $?\n";
}

# --- a session that ends unattended

{
    my $room = book($node, 'unused');
    my $first = made($node, $room);
    announced($first);
    end_at_twilio($room);
    ended($first);
    is(status($room), 'not-started', 'a room whose session ended unattended has not started');
    is((outbox($node, $room, 'create-room', "run_at = (SELECT started_at + interval '5 min' FROM videoroom.session
        WHERE room_sid = '$first')"))[0], 't', 'and is made again five minutes after that session began');
    is_deeply([grep { $_ ne 'GET' } sent_for($twilio, $room)], ['POST create'], 'and not before');
    isnt(joined($room), $first, 'but for a join it is made at once');

    $room = book($node, 'unused-again');
    $first = made($node, $room);
    announced($first);
    backdate($first, '6 min');
    end_at_twilio($room);
    my $second = wait_until { one("SELECT room_sid FROM videoroom.session WHERE room_id = '$room' AND ended_at IS NULL
        AND room_sid <> '$first'") } $patience, 'the next session';
    is_deeply([in_progress_at($twilio, $room)], [$second], 'one that began more than five minutes ago is made again at once');
    announced($second);
    end_at_twilio($room);
    ended($second);
    is((outbox($node, $room, 'create-room', "run_at = (SELECT started_at + interval '5 min' FROM videoroom.session
        WHERE room_sid = '$second')"))[0], 't', 'and then not for the next five');

    $room = book($node, 'attended');
    $first = made($node, $room);
    $twilio->join($room, 'alice');
    end_at_twilio($room);
    ended($first);
    wait_until { status($room) eq 'completed' } $patience, 'the room to be completed';
    is((outbox($node, $room, 'create-room', 'count(*)'))[0], 0, 'a call that people have left is not made again by itself');
    my $next = joined($room);
    isnt($next, $first, 'but by the next join, as long as the booking is on');
    is(status($room), 'in-progress', 'and the room is in progress again');
}

# --- Twilio's description lets nearly everything be null: an end without a date is an end

{
    my $room = book($node, 'undated', unasked => 1);
    make_elsewhere($room);
    my ($sid) = in_progress_at($twilio, $room);
    $twilio->faults({ match => { method => 'GET', path => "^/v1/Rooms/$room\$" }, status => 200,
        body => qq({"sid": "$sid", "status": "in-progress", "unique_name": null}) });
    is(joined($room), $sid, 'a room that exists is adopted, though the answer does not name it');
    is(struck($twilio), 1, 'as it was asked about');
    $twilio->join($room, 'alice');
    my ($stay) = stays($room, 'alice');
    $twilio->faults(
        { match => { path => "^/v1/Rooms/$sid/Participants/" }, work => \1, status => 202,
            body => qq({"sid": "$stay->{sid}", "room_sid": "$sid", "identity": "alice", "status": "disconnected"}) },
        { match => { method => 'POST', path => "^/v1/Rooms/$sid\$" }, work => \1, status => 202, count => -1,
            body => qq({"sid": "$sid", "status": "completed"}) });
    sql("SELECT videoroom_remove_participant('$room', 'alice')");
    wait_until { (outbox($node, $room, 'remove-participant', 'count(*)'))[0] == 0 } $patience, 'the removal to be done';
    is(one("SELECT disconnected_at IS NOT NULL FROM videoroom.connection WHERE participant_sid = '$stay->{sid}'"), 't',
        'who is said to have left, and not when, has left');
    sql("SELECT videoroom_cancel('undated')");
    wait_until { one("SELECT final FROM videoroom_rooms WHERE room_id = '$room'") eq 't' } $patience, 'the room to be final';
    is(one("SELECT ended_at IS NOT NULL FROM videoroom.session WHERE room_sid = '$sid'"), 't',
        'a session that is said to be over, and not since when, is over');
    is(scalar(grep { $_ eq 'POST complete' } sent_for($twilio, $room)), 1, 'and was ended once');
    clear_faults($twilio);
}

# --- the end of the booking

{
    my ($talk, $alone, $never) = map { book($node, $_, starts => '-1 min', unasked => $_ eq 'never') } qw(talk alone never);
    $twilio->faults({ match => { method => 'POST', room => $never }, status => 400, code => 53119, count => -1 });
    sql("INSERT INTO videoroom.outbox (room_id, action) VALUES ('$never', 'create-room')");
    my %sid = map { $_ => made($node, $_) } $talk, $alone;
    $twilio->join($talk, 'alice');
    wait_until { person($talk, 'alice') eq 'connected' && struck($twilio) > 2 } $patience, 'alice, and many tries';
    sql(q{SELECT videoroom_extend(b, now() + interval '2 s') FROM unnest('{talk,alone,never}'::text[]) b});
    wait_until { one(q{SELECT bool_and(final) FROM videoroom_rooms WHERE booking_id IN ('talk', 'alone', 'never')}) eq 't' } $patience,
        'the end of the bookings';

    my ($at_twilio) = @{ $twilio->sim(GET => "rooms?room=$talk") };
    is($at_twilio->{status}, 'completed', 'a call still going on after its booking is ended');
    is(one("SELECT timestamptz '$at_twilio->{end_time}' >= date_trunc('second', completes_at) FROM videoroom.room
        WHERE room_id = '$talk'"), 't', 'not before end_after has passed');
    is_deeply([map { $_->{status} } stays($talk, 'alice')], ['disconnected'], 'with who was still in it');
    is(status($talk), 'completed', 'its room is completed');
    wait_until { person($talk, 'alice') eq 'disconnected' } $patience, 'the callback of alice';
    cmp_ok(person($talk, 'alice', 'connected_seconds'), '>', 0, 'the time that somebody was there is known');
    is(person($talk, 'bob', 'no_show'), 't', 'and who never came');

    is_deeply([in_progress_at($twilio, $alone)], [], 'a room that nobody came to is ended, too');
    is(status($alone), 'expired', 'and has expired');
    is(one("SELECT no_show FROM videoroom_rooms WHERE room_id = '$alone'"), 't', 'as a no-show');
    is(one("SELECT count(*) FROM videoroom.event WHERE room_id = '$alone' AND kind = 'status' AND detail ->> 'to' = 'expired'"), 1,
        'which is on record');

    is(status($never), 'expired', 'a room that could never be made has expired');
    wait_until { outbox($node, $never, 'create-room', 'dead_at') } $patience, 'its create to be given up';
    is_deeply([outbox($node, $never, 'create-room', "last_error ->> 'kind', last_error ->> 'code'")], ['deadline', 53119],
        'and its create is given up only then, with what Twilio said last');
    clear_faults($twilio);
}

# --- putting people out

{
    my $room = book($node, 'party', people => 'alice,bob,carol');
    my $sid = made($node, $room);
    $twilio->join($room, 'alice');
    my $token = one("SELECT token FROM videoroom_join('$room', 'bob')");
    $twilio->sim(POST => 'connect', { token => $token });
    wait_until { person($room, 'bob') eq 'connected' } $patience, 'bob';
    sql("SELECT videoroom_remove_participant('$room', 'bob')");
    wait_until { (stays($room, 'bob'))[0]{status} eq 'disconnected' } $patience, 'bob to be put out';
    is((stays($room, 'alice'))[0]{status}, 'connected', 'who is removed is put out of the call, and nobody else');
    is(person($room, 'bob'), 'removed', 'his status says so');
    is(reason((refusal($node, "SELECT videoroom_join('$room', 'bob')"))[2]), 'removed', 'and he gets no other link');

    for my $time (1, 2) {
        $twilio->sim(POST => 'connect', { token => $token });
        wait_until { (stays($room, 'bob'))[$time]{status} eq 'disconnected' } $patience, 'bob to be put out again';
        pass("who walks back in with his old token is put out again, $time");
    }
    sql("SELECT videoroom_add_participants('$room', '{bob}')");
    $twilio->sim(POST => 'connect', { token => one("SELECT token FROM videoroom_join('$room', 'bob')") });
    wait_until { person($room, 'bob') eq 'connected' } $patience, 'bob to be back';

    $twilio->set(callback_drop_events => 'participant-connected');
    $twilio->join($room, 'carol');
    $twilio->delivered;
    is(person($room, 'carol'), 'invited', 'somebody is in the call and we were not told');
    sql("SELECT videoroom_remove_participant('$room', 'carol')");
    wait_until { (stays($room, 'carol'))[0]{status} eq 'disconnected' } $patience, 'carol to be put out';
    pass('who is removed then is put out all the same');
    $twilio->set(callback_drop_events => '');
    wait_until { (outbox($node, $room, 'remove-participant', 'count(*)'))[0] == 0 } $patience, 'the removals to be done with';
    pass('no removal is left over');
    is_deeply([map { $_->{status} } stays($room, 'bob')], ['disconnected', 'disconnected', 'disconnected', 'connected'],
        'and who was invited again has stayed');
}

{
    my $room = book($node, 'strangers', people => 'bob,.,..,a/b,a?b,a%2Fb');
    made($node, $room);
    $twilio->set(callback_drop_events => 'participant-connected');
    my @people = ('.', '..', 'a/b', 'a?b', 'a%2Fb');
    $twilio->join($room, $_) for 'bob', @people;
    $twilio->delivered;

    $twilio->sim(POST => 'faults', { match => { method => 'POST', path => '/Participants/bob$' }, status => 500, count => -1 });
    sql("SELECT videoroom_remove_participant('$room', 'bob')");
    wait_until { struck($twilio) } $patience, 'the removal to fail';
    sql("SELECT videoroom_add_participants('$room', '{bob}')");
    wait_until { (outbox($node, $room, 'remove-participant', 'count(*)'))[0] == 0 } $patience, 'the removal to be done with';
    clear_faults($twilio);
    is((stays($room, 'bob'))[0]{status}, 'connected', 'who is invited again while the removal fails may stay');

    for my $who (@people) {
        sql("SELECT videoroom_remove_participant('$room', '$who')");
        wait_until { (stays($room, $who))[0]{status} eq 'disconnected' } $patience, "$who to be put out";
        pass("so is somebody called $who, of whose coming we were not told");
    }
    $twilio->set(callback_drop_events => '');
}

# --- what is set for the database is meant for its clients

{
    my $room = book($node, 'replica', unasked => 1);
    my $worker = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'videoroom worker' AND datname = current_database()};
    my $before = one($worker);
    my @settings = ('session_replication_role = replica', "default_transaction_isolation = 'serializable'",
        'default_transaction_read_only = on');
    sql("ALTER DATABASE postgres SET $_") for @settings;
    sql("SELECT pg_terminate_backend($before)");
    wait_until { (health($node, 'worker'))[0] && one($worker) ne $before } $patience, 'another worker';
    is(joined($room), made($node, $room), 'a worker that begins with hostile settings makes rooms all the same');
    $node->safe_psql('postgres', join ';', 'SET default_transaction_read_only = off',
        map { 'ALTER DATABASE postgres RESET ' . (split)[0] } @settings);
}

# --- an answer that cannot be recorded

{
    $node->safe_psql('postgres', q{
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
        CREATE FUNCTION public.is_refused(room text) RETURNS boolean LANGUAGE sql AS
            $$ SELECT EXISTS (SELECT FROM videoroom.room r WHERE r.room_id = room AND r.booking_id = 'recorded-3') $$;
        CREATE TRIGGER refuse BEFORE INSERT ON videoroom.session
            FOR EACH ROW WHEN (public.is_refused(NEW.room_id)) EXECUTE FUNCTION public.refuse()});
    # Five answers come in while the worker stands still.
    $node->safe_psql('postgres', q{ALTER SYSTEM SET log_min_messages = debug1; SELECT pg_reload_conf()});
    $twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, delay_ms => 3000, count => -1 });
    my @rooms = book_many($node, 'recorded', 5);
    wait_until { struck($twilio) >= 5 } $patience, 'five creates under way';
    my $resting = q{FROM pg_stat_activity WHERE backend_type = 'videoroom worker' AND datname = current_database() AND wait_event_type = 'Extension'};
    my $pid = wait_until { one("SELECT pid $resting") } $patience, 'the worker to have nothing to do';
    my $position = log_position($node);
    kill STOP => $pid;
    my $answered = eval { wait_until { $twilio->sim(GET => 'counts')->{requests}{under_way} == 0 } $patience, 'five answers' };
    kill CONT => $pid;
    die $@ unless $answered;
    clear_faults($twilio);
    my $refused = one(q{SELECT room_id FROM videoroom.room WHERE booking_id = 'recorded-3'});
    made($node, $_) for grep { $_ ne $refused } @rooms;
    ok(scalar(log_lines($node, qr/DEBUG:  answers are recorded one by one: not this one/, $position)),
        'of answers that are recorded together one cannot be: they are recorded one by one');
    pass('an answer that cannot be recorded keeps no other from it');
    $node->safe_psql('postgres', q{ALTER SYSTEM RESET log_min_messages; SELECT pg_reload_conf()});
    wait_until { PostgreSQL::Test::Utils::slurp_file($node->logfile) =~
        /could not record an answer of Twilio's for room "$refused": not this one/ } $patience, 'the log to say so';
    is(one("SELECT count(*) FROM videoroom.session WHERE room_id = '$refused'"), 0, 'and nothing of it is recorded');
    $node->safe_psql('postgres', 'DROP TRIGGER refuse ON videoroom.session; DROP FUNCTION public.refuse, public.is_refused');
    made($node, $refused, $patience);
    pass('it is recorded as soon as it can be');
}

# --- callbacks that never come

set_config($node, reconcile_interval => '1s');
{
    my $room = book($node, 'silent-end');
    my $sid = made($node, $room);
    $twilio->join($room, 'alice');
    wait_until { person($room, 'alice') eq 'connected' } $patience, 'alice';
    $twilio->set(callback_drop_events => 'room-ended,participant-disconnected');
    end_at_twilio($room);
    ended($sid);
    is(one("SELECT ended_callback IS NULL AND ended_rest IS NOT NULL FROM videoroom.session WHERE room_sid = '$sid'"), 't',
        'a call whose end Twilio never told of is found to have ended');
    wait_until { one("SELECT disconnected_rest IS NOT NULL FROM videoroom.connection WHERE room_sid = '$sid'") eq 't' } $patience,
        'the end of the stay';
    pass('and so is each stay in it');
    is(status($room), 'completed', 'the room is completed');
    $twilio->set(callback_drop_events => '');
}
{
    # A sweep that begins while a room is made does not know it and reads it; one that begins while it is read, reads it once more.
    # So there is none but when one is due.
    sweep_no_more();
    my $room = book($node, 'silent-people');
    my $sid = made($node, $room);
    announced($sid);
    $twilio->set(callback_drop_events => 'participant-connected,participant-disconnected');
    my $alice = $twilio->join($room, 'alice');
    $twilio->delivered;
    is(person($room, 'alice'), 'invited', 'somebody comes and we are not told');
    backdate($sid, '16 min');
    set_config($node, reconcile_interval => '1s');
    wait_until { person($room, 'alice') eq 'connected' } $patience, 'alice to be seen';
    pass('a session not read for a quarter of an hour is read, and who is there is seen');
    sweep_no_more();
    $twilio->leave($alice->{participant_sid});
    $twilio->delivered;
    is(person($room, 'alice'), 'connected', 'somebody leaves and we are not told');
    backdate($sid, '16 min');
    set_config($node, reconcile_interval => '1s');
    wait_until { person($room, 'alice') eq 'disconnected' } $patience, 'alice to be missed';
    pass('who has left is seen to have left');
    $twilio->set(callback_drop_events => '');
}
{
    $twilio->set(callback_drop_events => 'room-created,room-ended');
    my $room = book($node, 'no-callbacks');
    my $sid = made($node, $room);
    end_at_twilio($room);
    ended($sid);
    is((outbox($node, $room, 'create-room', 'count(*)'))[0], 1, 'an unattended end that is found out asks for another session, too');
    sql("SELECT videoroom_cancel('no-callbacks')");
    wait_until { one("SELECT final FROM videoroom_rooms WHERE room_id = '$room'") eq 't' } $patience, 'the end';
    $twilio->set(callback_drop_events => '');
}

# --- rooms nobody knows of

{
    set_config($node, reconcile_interval => '1h');
    my $orphan = book($node, 'orphan', unasked => 1);
    my $closed = book($node, 'closed-orphan', starts => '2 hours', ends => '3 hours');
    sql("SELECT videoroom_cancel('closed-orphan')");
    my %sid = map { $_ => $twilio->room(UniqueName => $_)->{sid} } $orphan, $closed, 'stranger', "${orphan}x", substr $orphan, 1;
    make_elsewhere(map { "other-$_" } 1 .. 1000);    # the list of rooms takes a second page
    my $seen = $twilio->sim(GET => 'counts')->{requests}{requests};
    set_config($node, reconcile_interval => '1s');
    is(made($node, $orphan, $patience), $sid{$orphan}, 'a room of ours that we did not know of is found, on the second page, too');
    wait_until { !in_progress_at($twilio, $closed) } $patience, 'the room of a cancelled booking to end';
    pass('one of a cancelled booking is ended');
    is(joined($orphan), $sid{$orphan}, 'the other can be joined');
    is_deeply([grep { $_ ne 'GET' } sent_for($twilio, $sid{$orphan})], ['POST create'], 'without anything being made');
    my @asked = grep { $_->{path} =~ m{^/v1/Rooms/} } @{ $twilio->sim(GET => "requests?since=$seen") };
    is(scalar(grep { $_->{room_name} !~ /^(?:\Q$orphan\E|\Q$closed\E)$/ && !one("SELECT count(*) FROM videoroom.room
        WHERE room_id = '$_->{room_name}'") } @asked), 0, 'rooms of other programs are not looked at');
    is(scalar(grep { in_progress_at($twilio, $_) } 'stranger', "${orphan}x", substr $orphan, 1), 3, 'and go on');
    is(one("SELECT count(*) FROM videoroom.session WHERE room_sid IN ('$sid{stranger}', '$sid{$orphan . 'x'}')"), 0,
        'and are not recorded');
}

# --- whom nobody invited

{
    my $room = book($node, 'deserted', people => 'alice,bob');
    made($node, $room);
    my $end = "FROM videoroom.outbox JOIN videoroom.room USING (room_id) WHERE room_id = '$room' AND action = 'complete-room'";
    my $alice = $twilio->join($room, 'alice')->{participant_sid};
    $twilio->join($room, 'ghost');
    $twilio->leave($alice);
    $twilio->delivered;
    is(one("SELECT run_at < completes_at $end"), 't', 'a call that is left to somebody uninvited is to be ended early');
    $alice = $twilio->join($room, 'alice')->{participant_sid};
    $twilio->delivered;
    sql("UPDATE videoroom.outbox SET run_at = now() WHERE room_id = '$room' AND action = 'complete-room'");
    wait_until { one("SELECT run_at = completes_at $end") eq 't' } $patience, 'the worker to look again';
    ok(in_progress_at($twilio, $room), 'once somebody invited is back it goes on');
    $twilio->leave($alice);
    $twilio->delivered;
    is(one("SELECT run_at < completes_at $end"), 't', 'until they leave again');
    my $long_ago = sub {
        sql("UPDATE videoroom.connection SET disconnected_callback = now() - interval '6 min'
            WHERE user_id = 'alice' AND disconnected_at IS NOT NULL
              AND room_sid IN (SELECT room_sid FROM videoroom.session WHERE room_id = '$room')");
        sql("UPDATE videoroom.outbox SET run_at = now() WHERE room_id = '$room' AND action = 'complete-room'");
    };
    $twilio->set(callback_drop_events => 'participant-connected');
    $alice = $twilio->join($room, 'alice')->{participant_sid};
    $twilio->set(callback_drop_events => '');
    $long_ago->();
    wait_until { one("SELECT run_at = completes_at $end") eq 't' } $patience, 'the worker to ask who is there';
    ok(in_progress_at($twilio, $room), 'where nobody heard that they are back, Twilio is asked, and it goes on');
    $twilio->leave($alice);
    $twilio->delivered;
    $long_ago->();
    wait_until { !in_progress_at($twilio, $room) } $patience, 'the call to be ended';
    $twilio->delivered;
    is(status($room), 'completed', 'after empty_room_timeout it is ended');
    isnt(joined($room), '', 'and whoever is invited can come again');
}

# --- what is kept

{
    my $old = book($node, 'kept-chain');
    my $new = sql(q{SELECT videoroom_reschedule('kept-chain', now() + interval '5 min', now() + interval '2 hours')});
    my $over = book($node, 'kept-not');
    made($node, $_) for $new, $over;
    $twilio->join($over, 'alice');
    sql("SELECT videoroom_end('$over')");
    wait_until { !in_progress_at($twilio, $over) } $patience, 'the end';
    $twilio->delivered;    # of a room that is forgotten a callback would be nobody's
    set_config($node, retention => '2s');
    wait_until { one("SELECT count(*) FROM videoroom.room WHERE room_id = '$over'") == 0 } $patience, 'the room to be forgotten';
    pass('a room that is over for longer than retention is forgotten');
    is(one("SELECT (SELECT count(*) FROM videoroom.participant WHERE room_id = '$over')
        + (SELECT count(*) FROM videoroom.session WHERE room_id = '$over')
        + (SELECT count(*) FROM videoroom.event WHERE room_id = '$over')"), 0, 'with all that was known of it');
    is(joined($old), (in_progress_at($twilio, $new))[0], 'an old room_id stays good as long as its successor is open');
    wait_until { one("SELECT count(*) FROM videoroom.callback WHERE received_at < now() - interval '10 s'") == 0 } $patience,
        'old callbacks to go';
    pass('callbacks go, too');
    set_config($node, retention => '90d', reconcile_interval => '1h');
}

# --- Twilio's own timeouts; the simulator's clock does not come back from here

{
    my ($unused, $empty) = map { book($node, "$_-timeout", ends => '6 hours') } qw(unused empty);
    my %sid = map { $_ => made($node, $_) } $unused, $empty;
    my $alice = $twilio->join($empty, 'alice');
    $twilio->leave($alice->{participant_sid});
    $twilio->delivered;
    $twilio->pass(59 * 60);
    is_deeply([in_progress_at($twilio, $unused)], [$sid{$unused}], 'a room stands ready for most of an hour');
    is_deeply([in_progress_at($twilio, $empty)], [], 'one that everybody has left ends after minutes');
    ended($sid{$empty});
    $twilio->pass(2 * 60);
    ended($sid{$unused});
    isnt(joined($_), $sid{$_}, 'and each is made again for who comes') for $unused, $empty;
}

# --- all over

sql('SELECT videoroom_cancel(booking_id) FROM videoroom.room WHERE closed_at IS NULL');
wait_until { one('SELECT count(*) FROM videoroom_rooms WHERE NOT final') == 0 } $patience, 'every room to be final';
wait_until { one('SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NULL') == 0 } $patience, 'the outbox to be empty';
$twilio->delivered;
wait_until { one('SELECT count(*) FROM videoroom.callback WHERE outcome IS NULL') == 0 } $patience, 'every callback to be applied';
is(scalar(grep { my ($room) = @$_{unique_name}; $_->{status} eq 'in-progress' && $room !~ /^other-|^stranger$/
    && one("SELECT count(*) FROM videoroom.room WHERE room_id = '$room'") } @{ $twilio->sim(GET => 'rooms') }), 0,
    'with every booking cancelled none of our rooms is in progress at Twilio');
is(one("SELECT count(*) FROM videoroom.callback WHERE outcome = 'ignored' AND room_id <> '$prepared'"), 0, 'every callback was taken');
ok((wait_until { $node->safe_psql('prepared', 'SELECT count(*) FROM videoroom.session') } 90, 'its room'),
    'a booking of a prepared transaction gets its room');
is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
is_deeply([grep { !/: not this one$/ } crashes($node)], [], 'the server never crashed');
done_testing();
