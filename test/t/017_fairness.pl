# Nobody waits behind what nobody waits for: each class of work moves, whatever trouble the others have.
use strict;
use warnings;
use Steps;
use Test::More;
use VideoroomTest;
use Watch;

my $patience = 60;
my %quick = (join_wait => '60s', retry_cap => '1s', reads_per_second => 10000, writes_per_second => 10000);
my %create = (method => 'POST', path => '^/v1/Rooms$');
my %complete = (method => 'POST', path => '^/v1/Rooms/RM');
my %participants = (method => 'GET', path => '/Participants$');

# Joins of so many rooms that nobody has asked for, all at once: the reasons why some were refused.
my $batch = 0;

sub first_joins {
    my ($node, $count) = @_;
    $batch++;
    my @rooms = map { book($node, "joined-$batch-$_", unasked => 1) } 1 .. $count;
    my @joins = map { ask($node, "SELECT room_sid FROM videoroom_join('$_', 'alice')") } @rooms;
    return [grep { $_ ne '' } map { my $answer = $_->answer(120); $answer->{state} && reason($answer->{detail}) || $answer->{state} } @joins];
}

# Rooms with a session each,
sub running_calls {
    my ($node, $count) = @_;
    book_many($node, 'silent', $count);
    wait_until { (row($node, 'SELECT count(*) FROM videoroom.session'))[0] >= $count } $patience, 'the rooms to be made';
}

# of which nothing has been heard for so long that each sweep reads them.
sub silence {
    my ($node) = @_;
    $node->safe_psql('postgres', q{UPDATE videoroom.session SET started_rest = now() - interval '1 hour', read_at = NULL});
}

sub no_calls_but {
    my ($node, $most) = @_;
    is((row($node, 'SELECT calls_in_flight FROM videoroom_stats()'))[0], $most, "no more than $most under way");
}

sub counted { my ($twilio, %match) = @_; return scalar @{ $twilio->sim(GET => "requests?method=$match{method}") } }

# --- one client holds many rooms

for my $most (12, 50) {
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => "held$most", simulator => $twilio, %quick, max_waiting => 40, max_requests => $most, reconcile_interval => '1s');
    running_calls($node, 200);
    my $holder = session($node);
    $holder->do(q{BEGIN; SELECT videoroom_extend(booking_id, ends_at + interval '1 minute') FROM videoroom.room WHERE booking_id LIKE 'silent-%'});
    silence($node);
    my $reads = counted($twilio, method => 'GET');
    wait_until { counted($twilio, method => 'GET') > $reads + 2 * $most } $patience, 'more answers than there may be calls';
    is_deeply(first_joins($node, 5), [], "first joins of other rooms, of $most calls at once, while answers about 200 rooms cannot be recorded");
    $holder->do('ROLLBACK');
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.session s JOIN videoroom.room r USING (room_id)
        WHERE r.booking_id LIKE 'silent-%' AND s.read_at IS NULL}))[0] eq '0' } $patience, 'all of them to be read once they are free';
    is_deeply([crashes($node)], [], 'and all of them are read once nobody holds them');
    $node->stop('fast');
}

# --- reads that nobody waits for

{
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => 'reads_fail', simulator => $twilio, %quick, max_waiting => 40, reconcile_interval => '1s');
    running_calls($node, 40);
    my $position = log_position($node);
    $twilio->faults({ match => {%participants}, status => 500, count => -1 });
    silence($node);
    wait_until { struck($twilio) >= 10 } $patience, 'reads to fail';
    for my $round (1 .. 4) {
        is_deeply(first_joins($node, 5), [], "first joins while reads of participants fail: round $round");
    }
    my $seen = struck($twilio);
    wait_until { struck($twilio) > $seen } $patience, 'another read to fail';
    is(scalar(log_lines($node, qr/cannot read from Twilio/, $position)), 1, 'the log says it once');
    is_deeply([log_lines($node, qr/holds back its calls/, $position)], [], 'and calls are not held back');
    is((row($node, q{SELECT count(*) FROM videoroom_health() WHERE name = 'account' AND ok}))[0], 1, 'nor does health say so');
    clear_faults($twilio);
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.session s JOIN videoroom.room r USING (room_id)
        WHERE r.booking_id LIKE 'silent-%' AND s.read_at IS NULL}))[0] eq '0' } $patience, 'what could not be read to be read';
    pass('what could not be read is read afterwards');

    # 401 is everybody's business.
    $twilio->set(credentials_valid => \0);
    wait_until { log_lines($node, qr/holds back its calls/, $position) } $patience, 'calls to be held back';
    is_deeply([(refusal($node, sprintf q{SELECT videoroom_join('%s', 'alice')}, book($node, 'refused', unasked => 1)))[0]], ['PT503'],
        'a 401 that a read gets holds back everything');
    $node->stop('fast');
}

for my $most (12, 50) {
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => "reads_hang$most", simulator => $twilio, %quick, max_waiting => 40, max_requests => $most,
        request_timeout => '120s', reconcile_interval => '1s');
    running_calls($node, 100);
    $twilio->faults({ match => {%participants}, hang => 'before', count => -1 });
    silence($node);
    wait_until { struck($twilio) >= int($most / 4) } $patience, 'reads to hang';
    is_deeply(first_joins($node, 12), [], "first joins, of $most calls at once, while reads hang");
    is(struck($twilio), int($most / 4), 'which take a quarter of all calls and no more');
    clear_faults($twilio);
    $node->stop('fast');
}

# --- Twilio has no room for another room

{
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => 'full', simulator => $twilio, %quick, reconcile_interval => '1d');
    first_sweep($node, $twilio);
    my @open = book_many($node, 'open', 20);
    made($node, $_) for @open;
    $twilio->set(max_rooms => 20);
    set_config($node, writes_per_second => 10);
    my @more = book_many($node, 'more', 6);
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.outbox WHERE last_error ->> 'code' = '53119'}))[0] ne '0' } $patience, 'a create to be refused';
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.outbox WHERE attempts > 1}))[0] ne '0' } $patience, 'one to be tried again';
    my %tries = map { $_ => 0 } @more;
    my @tries = map { ++$tries{ $_->{room_name} } } grep { exists $tries{ $_->{room_name} // '' } } @{ $twilio->sim(GET => 'requests?method=POST') };
    is_deeply([@tries[0 .. $#more]], [(1) x @more], 'no create is tried again before all have been tried');
    set_config($node, writes_per_second => 20);

    # The ends of ten, while six creates are always due.
    my $seen = $twilio->sim(GET => 'counts')->{requests}{requests};
    $node->safe_psql('postgres', q{SELECT videoroom_cancel('open-' || i) FROM generate_series(1, 10) i});
    wait_until { in_progress_at($twilio, $_) == 0 } $patience, 'a cancelled room to end' for @open[0 .. 9];
    made($node, $_, $patience) for @more;
    my @since = map { $_->{path} eq '/v1/Rooms' ? 'create' : 'end' } grep { $_->{method} eq 'POST' } @{ $twilio->sim(GET => "requests?since=$seen") };
    is(scalar(grep { $_ eq 'end' } @since), 10, 'each call that was cancelled is ended, once');
    is(scalar(in_progress_at($twilio)), 16, 'and in their place the rooms that waited are made');

    # Room comes without an end of ours: one that is made lifts the limit too.
    $twilio->set(max_rooms => 16);
    my @last = book_many($node, 'last', 12);
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.outbox WHERE last_error ->> 'code' = '53119'}))[0] ne '0' } $patience, 'a create to be refused again';
    $twilio->set(max_rooms => 10_000);
    made($node, $_, $patience) for @last;
    pass('where Twilio has room again the others are made');
    $node->stop('fast');
}

# --- many are ended at once

{
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => 'cancels', simulator => $twilio, %quick, reconcile_interval => '1d');
    first_sweep($node, $twilio);
    my @running = book_many($node, 'running', 160);
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.session}))[0] >= 160 } $patience, 'the calls to run';
    my @rooms = map { book($node, "first-$_", unasked => 1) } 1 .. 3;
    set_config($node, writes_per_second => 10);
    my $client = session($node);
    $client->pid;
    $node->safe_psql('postgres', q{SELECT count(videoroom_cancel('running-' || i)) FROM generate_series(1, 160) i});
    for my $room (@rooms) {
        my $ended = grep { $_->{status} ne 'in-progress' } @{ $twilio->sim(GET => 'rooms') };
        ok($client->do("SELECT room_sid FROM videoroom_join('$room', 'alice')")->{rows}[0][0], 'somebody joins first while 160 calls are being ended');
        my @posts = grep { $_->{method} eq 'POST' } @{ $twilio->sim(GET => 'requests?method=POST') };
        my ($made_at) = grep { ($posts[$_]{room_name} // '') eq $room } 0 .. $#posts;
        my $before = grep { $_->{path} ne '/v1/Rooms' } @posts[0 .. $made_at];
        # What the worker has claimed, what is on its way, and the turns of others.
        cmp_ok($before - $ended, '<', 40, 'before the room is made no more are ended than have their turn');
    }
    wait_until { in_progress_at($twilio) == 3 } $patience, 'all the others to end';
    pass('and all of them end');
    $node->stop('fast');
}

# --- places among the calls under way

{
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => 'places', simulator => $twilio, %quick, reconcile_interval => '1d', max_requests => 12, request_timeout => '120s');
    first_sweep($node, $twilio);
    my $running = book($node, 'running');
    made($node, $running);
    $twilio->faults({ match => {%create}, hang => 'before', count => -1 });
    book_many($node, 'ahead', 30);
    wait_until { struck($twilio) >= 8 } $patience, 'creates to hang';
    $node->safe_psql('postgres', q{SELECT videoroom_cancel('running')});
    wait_until { in_progress_at($twilio, $running) == 0 } $patience, 'a call to be ended while creates hang';
    is(struck($twilio), 8, 'of 12 places one is kept for each of the other classes, however many creates are due');
    clear_faults($twilio);
    wait_until { (row($node, 'SELECT count(*) FROM videoroom.session'))[0] == 31 } $patience, 'all to be made';
    set_config($node, max_requests => 1);
    $twilio->faults({ match => {%create}, hang => 'before', count => -1 });
    book_many($node, 'one', 5);
    my $waiting = ask($node, sprintf q{SELECT videoroom_join('%s', 'alice')}, book($node, 'waited', unasked => 1));
    waiting_joins($node, 1);
    wait_until { struck($twilio) >= 1 } $patience, 'a create to hang';
    no_calls_but($node, 1);
    clear_faults($twilio);
    is($waiting->answer->{state}, '', 'with one place they go one after the other');
    $node->stop('fast');
}

# --- many wait for one room

{
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => 'failing', simulator => $twilio, %quick, reconcile_interval => '1d', max_waiting => 5);
    worker($node);    # else nobody is there for whom a join would wait
    my $failing = book($node, 'failing', unasked => 1, people => 'u1,u2,u3,u4,u5');
    my $join = sub { "SELECT room_sid FROM videoroom_join('$failing', '$_[0]')" };
    $twilio->faults({ match => { %create, room => $failing }, code => 53103, status => 400, count => -1 });
    my @waiting = map { ask($node, $join->("u$_")) } 1, 2;
    waiting_joins($node, 2);
    is(reason((refusal($node, $join->('u3')))[2]), 'busy', 'no more than half of max_waiting wait for one room');
    is_deeply(first_joins($node, 3), [], 'the others may wait for other rooms');
    wait_until { (outbox($node, $failing, 'create-room', 'attempts'))[0] > 1 } $patience, 'the room to be refused twice';
    my ($first, $last) = outbox($node, $failing, 'create-room', q{last_error ->> 'since', last_error ->> 'at'});
    cmp_ok($first, 'lt', $last, 'the row knows since when Twilio has refused it');
    $node->safe_psql('postgres', qq{UPDATE videoroom.outbox SET last_error = jsonb_set(last_error, '{since}', '"2000-01-01T00:00:00Z"') WHERE room_id = '$failing'});
    my ($state, undef, $detail) = refusal($node, $join->('u4'));
    is("$state $detail", 'PT503 {"reason":"refused","code":"53103"}', 'refused for a minute, a join is told so at once, with the code');
    is((row($node, "SELECT verdict FROM videoroom_explain('$failing', 'u4') WHERE what = 'join'"))[0], 'PT503 refused', 'and so is videoroom_explain');
    clear_faults($twilio);
    like($_->answer->{detail} || 'a link', qr/refused|a link/, 'who waited is answered') for @waiting;
    $node->stop('fast');
}

# --- what wakes the worker, and what it knows after a crash

{
    my $twilio = start_simulator('--no-rate-limit');
    my $node = new_node(name => 'durable', simulator => $twilio, %quick, reconcile_interval => '1d', request_timeout => '120s',
        end_after => '1s', conf => "max_prepared_transactions = 2\nsynchronous_commit = off\nwal_writer_delay = 10s\nautovacuum = off\n");
    first_sweep($node, $twilio);
    $node->safe_psql('postgres', q{BEGIN; SELECT videoroom_create_booking('prepared', now(), now() + interval '1 hour', '{alice}'); PREPARE TRANSACTION 'p'});
    no_calls($node);
    $node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
    # By itself the worker looks once a minute.
    wait_until { (row($node, q{SELECT count(*) FROM videoroom.session s JOIN videoroom.room r USING (room_id) WHERE r.booking_id = 'prepared'}))[0] } 20,
        'the room to be made';
    pass('COMMIT PREPARED wakes the worker');

    # This server's end_after is shorter than its join_grace.
    my $ended = q{SELECT completes_at = closes_at FROM videoroom.room WHERE booking_id = 'prepared'};
    is((row($node, $ended))[0], 't', 'a call is not ended while it can be joined');
    $node->safe_psql('postgres', q{SELECT videoroom_extend('prepared', now() + interval '2 hours')});
    is((row($node, $ended))[0], 't', 'nor once it is extended');

    $twilio->faults({ match => {%create}, hang => 'after', count => 1 });
    my $room = book($node, 'crash');
    wait_until { struck($twilio) } $patience, 'the create to be at Twilio';
    $node->stop('immediate');
    $node->start;
    isnt((outbox($node, $room, 'create-room', 'sent_at'))[0] // 'no such row', '', 'what was sent is known after a crash, whatever synchronous_commit says');
    clear_faults($twilio);
    made($node, $room, $patience);
    is(scalar(@{ $twilio->sim(GET => "rooms?room=$room") }), 1, 'and one room was made');
    is($twilio->violations, 0, 'no request violated the contract');
}

# --- a transaction with more bookings than the server has locks for

{
    my $twilio = start_simulator();
    my $small = new_node(name => 'locks', simulator => $twilio, enabled => 'off', conf => "max_locks_per_transaction = 10\n");
    my $many = q{SELECT count(videoroom_create_booking('many-' || n, now(), now() + interval '1 hour', '{ann}')) FROM generate_series(1, 5000) n};
    my ($state, $message) = refusal($small, $many);
    is_deeply([$state, $message], ['54000', 'too many bookings or callbacks in one transaction'], 'it is refused before others find none left');
    my ($fit) = $small->safe_psql('postgres', q{SELECT setting::int * 40 FROM pg_settings WHERE name = 'max_locks_per_transaction'});
    is($small->safe_psql('postgres', $many =~ s/5000/$fit/r), $fit, 'some hundreds are taken');
    my $savepoints = join '', map { "SAVEPOINT s; SELECT videoroom_cancel('gone-$_') FROM videoroom_create_booking('gone-$_', now(), now() + interval '1 hour', '{ann}'); ROLLBACK TO s; " } 1 .. 3 * $fit;
    is(scalar(() = $small->safe_psql('postgres', "\\set QUIET 1\nBEGIN; $savepoints COMMIT; SELECT 'done'") =~ /done/g), 1,
        'what savepoints have let go does not count');
    $small->stop('fast');
}

done_testing();
