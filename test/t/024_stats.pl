# Counters, latencies and the log of joins: known numbers of joins, callbacks and calls, some of which go wrong.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use POSIX 'strftime';
use PostgreSQL::Test::Utils 'slurp_file';
use Steps;
use Test::More;
use VideoroomTest;

my $twilio = start_simulator();
my $node = new_node(name => 'stats', simulator => $twilio, join_wait => '0', retry_cap => '1s', reconcile_interval => '1d',
    request_timeout => '30s', callback_url => '');
my $url = 'https://rooms.example/twilio';
my $patience = 30;

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub stats { return JSON::PP::decode_json(sql('SELECT to_jsonb(s) FROM videoroom_stats() s')) }

# The counters that have grown since, and by how much.
sub grown {
    my ($before) = @_;
    my $now = stats();
    return { map { $_ => $now->{$_} - $before->{$_} }
        grep { /^(calls|callbacks|joins)_/ && $now->{$_} != $before->{$_} } keys %$now };
}

# Whether a call that was cut off arrives after all, the worker asks a minute and a half later: not while calls are counted here.
sub nothing_may_arrive { return sql(q{DELETE FROM videoroom.outbox WHERE action = 'create-room' AND sent_at IS NOT NULL}) }

# A join that is answered PT503, without a word to the worker.
sub too_early {
    return refusal($node, q{BEGIN;
        SELECT videoroom_create_booking('mine', now() + interval '5 min', now() + interval '1 hour', '{alice}') AS room \gset
        SELECT videoroom_join(:'room', 'alice')});
}

# --- at rest

first_sweep($node, $twilio);
made($node, book($node, 'first'));
no_calls($node);
my $rest = stats();
is((row($node, 'SELECT count(*) FROM videoroom_stats()'))[0], 1, 'there is one row');
ok($rest->{calls_sent} > 0 && $rest->{calls_sent} == $rest->{calls_ok}, 'so far every call that was sent went well');
is($rest->{call_seconds_count}, $rest->{calls_sent}, 'and each was timed');
is($rest->{paused}, undef, 'nothing is paused');
is($rest->{oldest_due_at}, undef, 'nothing is late');
ok(defined $rest->{last_success_at} && $rest->{last_success_at} ge $rest->{since}, 'the last success was since the counters began');
sql('SELECT count(*) FROM videoroom_rooms');
set_config($node);
is_deeply(stats(), $rest, 'at rest nothing moves, a reload included');

# --- joins

my $room = book($node, 'joined');
made($node, $room);
my $pending = book($node, 'pending', unasked => 1);
no_calls($node);
my $before = stats();
sql("SELECT count(l.token) FROM generate_series(1, 7) i,
    videoroom_join('$room', CASE WHEN i > 0 THEN 'alice' END) l");
sql("BEGIN; SELECT videoroom_join('$room', 'bob'); ROLLBACK");
refusal($node, "SELECT videoroom_join('$room', 'mallory')") for 1 .. 3;
refusal($node, "SELECT videoroom_join('nowhere', 'alice')");
refusal($node, "SELECT videoroom_join('$room')");
is_deeply(grown($before), { joins_ok => 8, joins_refused => 5 }, 'joins are counted, also in a transaction that is rolled back');
is((too_early())[0], 'PT503', 'a room that nobody else can see yet');
is(grown($before)->{joins_unavailable}, 1, 'is counted as that');
set_config($node, join_wait => '20s');
$twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, hang => 'before' });
my $waiter = ask($node, "SELECT room_sid FROM videoroom_join('$pending', 'alice')");
wait_until { my $now = stats(); $now->{joins_waiting} == 1 && $now->{calls_in_flight} == 1 } $patience, 'the join and the create';
pass('a call under way and a join that waits show');
clear_faults($twilio);
is($waiter->answer->{state}, '', 'when the room is there the join is let in');
wait_until { my $now = stats(); $now->{joins_waiting} == 0 && $now->{calls_in_flight} == 0 } $patience, 'both to be over';
pass('and neither shows any more');
nothing_may_arrive();
set_config($node, join_wait => '0', link_template => '');
is((refusal($node, "SELECT videoroom_join('$room', 'alice')"))[0], '55000', 'without a template there are no links');
is(grown($before)->{joins_failed}, 1, 'which is counted as a failure');
set_config($node, link_template => 'https://app.example/room/{room_id}#token={token}');

# --- the log of joins

# The lines that the joins of a deed left in the log.
sub logged {
    my ($deed) = @_;
    my $position = -s $node->logfile;
    $deed->();
    return [map { /(LOG:  join of .*)/ ? $1 : () } split /\n/, slurp_file($node->logfile, $position)];
}
my @strange = ('eve": ok', 'back\\slash', "Zo\xc3\xab");
my $deed = sub {
    sql("SELECT token FROM videoroom_join('$room', 'alice')");
    refusal($node, "SELECT videoroom_join('$room', '$_')") for 'mallory', @strange;
    refusal($node, "SELECT videoroom_join('nowhere', 'alice')");
    refusal($node, "SELECT videoroom_join('$room')");
    refusal($node, "DO \$\$ BEGIN PERFORM videoroom_join('$room', 'in a block'); END \$\$");
    refusal($node, "SELECT videoroom_join('$room', E'new\\nline')");
};
my @refused = (
    qq{LOG:  join of room "$room" by user "mallory": refused, not-participant},
    qq{LOG:  join of room "$room" by user "eve\\": ok": refused, not-participant},
    qq{LOG:  join of room "$room" by user "back\\\\slash": refused, not-participant},
    qq{LOG:  join of room "$room" by user "Zo\xc3\xab": refused, not-participant},
    qq{LOG:  join of room "nowhere" by user "alice": refused, unknown},
    qq{LOG:  join of room "$room" by nobody: refused, no-claim},
    qq{LOG:  join of room "$room" by user "in a block": refused, not-participant});
is_deeply(logged($deed), \@refused, 'by default each join that is refused leaves one line, with its ids quoted');
set_config($node, log_joins => 'none');
is_deeply(logged($deed), [], 'with log_joins none nothing is logged');
set_config($node, log_joins => 'all');
my $log_begin = -s $node->logfile;
is_deeply(logged($deed), [qq{LOG:  join of room "$room" by user "alice": ok}, @refused], 'with all, those that are let in are too');
{
    my @lines = split /\n/, slurp_file($node->logfile, $log_begin);
    my @behind = map { $lines[$_] =~ /LOG:  join of/ ? $lines[$_ + 1] // '' : () } 0 .. $#lines;
    is_deeply([grep { /(?:STATEMENT|CONTEXT|QUERY):/ } @behind], [], 'no statement and no context stands behind such a line');
    my $token = (row($node, "SELECT token FROM videoroom_join('$room', 'alice')"))[0];
    my ($header) = split /\./, $token;
    is(index(slurp_file($node->logfile), $header), -1, 'no token is in the log');
    my ($status, $out, $error) = $node->psql('postgres',
        "SET client_min_messages = debug1; SELECT room_sid FROM videoroom_join('$room', 'alice')");
    unlike($error, qr/join of/, 'nor is the line sent to the client');
    my $lines = logged(\&too_early);
    like("@$lines", qr/^LOG:  join of room "\w+" by user "alice": unavailable, uncommitted$/, 'one that comes too early is unavailable');
}
set_config($node, link_template => '');
is_deeply(logged(sub { refusal($node, "SELECT videoroom_join('$room', 'alice')") }),
    [qq{LOG:  join of room "$room" by user "alice": failed, 55000}], 'one that fails has its SQLSTATE');
set_config($node, link_template => 'https://app.example/room/{room_id}#token={token}', log_joins => 'refused');

# --- callbacks

sub callback {
    my ($of, %given) = @_;
    my %params = (
        AccountSid => Simulator::ACCOUNT, RoomName => $of, RoomSid => 'RM' . 'a' x 32, RoomStatus => 'in-progress',
        RoomType => 'group', StatusCallbackEvent => 'room-created', SequenceNumber => 0,
        Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime(time - ($given{late} // 0))));
    my $signature = hmac_sha1_base64($url . join('', map { $_ . $params{$_} } sort keys %params),
        $given{token} // Simulator::TOKEN) . '=';
    return "INSERT INTO videoroom.callback (body, signature, url)
        VALUES ('" . Simulator::form_encode(\%params) . "', '$signature', '$url')";
}

{
    my $later = (row($node, q{SELECT videoroom_create_booking('tomorrow', now() + interval '30 hours', now() + interval '31 hours',
        '{alice}')}))[0];
    $before = stats();
    my $begun = time;
    my $news = callback($later, late => 40);
    sql($news) for 1 .. 2;
    sql(callback('000' . 'x' x 22, late => 40));
    sql(callback('standup', late => 40));
    refusal($node, callback($later, token => 'f' x 32)) for 1 .. 3;
    is_deeply(grown($before), { callbacks_ok => 2, callbacks_ignored => 2, callbacks_forged => 3 },
        'callbacks are counted: what is taken, a repeat included, what is not ours, what is forged');
    my $now = stats();
    is($now->{callback_lag_seconds_count} - $before->{callback_lag_seconds_count}, 2, 'the lag of those that could be read is known');
    my $lag = $now->{callback_lag_seconds_sum} - $before->{callback_lag_seconds_sum};
    ok($lag >= 80 && $lag < 2 * (42 + time - $begun), "it is what it was, together: $lag s");

    my $holder = session($node);
    $holder->do("BEGIN; SELECT FROM videoroom.room WHERE room_id = '$later' FOR NO KEY UPDATE");
    sql(callback($later));
    is(grown($now)->{callbacks_failed}, 1, 'a callback that cannot be applied at once is counted as that');
    $holder->do('COMMIT');
    wait_until { (row($node, 'SELECT count(*) FROM videoroom.callback WHERE applied_at IS NULL'))[0] == 0 } $patience, 'the worker';
    is_deeply(grown($now), { callbacks_failed => 1 }, 'and once only');
}

# --- calls that go wrong

# What calls of one room add, once it is made.
sub calls_of {
    my ($booking, @faults) = @_;
    no_calls($node);
    my $then = stats();
    $twilio->faults(map { { match => { method => 'POST', path => '^/v1/Rooms$' }, %$_ } } @faults);
    made($node, book($node, $booking));
    no_calls($node);
    clear_faults($twilio);
    nothing_may_arrive();
    return grown($then);
}
is_deeply(calls_of('fine'), { calls_sent => 1, calls_ok => 1 }, 'a room that is made is one call');
is_deeply(calls_of('limited', { status => 429, headers => { 'Retry-After' => '1' } }),
    { calls_sent => 2, calls_ok => 1, calls_limited => 1, calls_retried => 1 }, 'a 429 is counted as such, and the call once more');
is_deeply(calls_of('broken', { status => 500, count => 2 }),
    { calls_sent => 3, calls_ok => 1, calls_failed => 2, calls_retried => 2 }, 'so are two times 500');
{
    my $then = stats();
    $twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, status => 400, code => 53115, message => 'no' });
    book($node, 'dead');
    wait_until { stats()->{calls_dead} > $then->{calls_dead} } $patience, 'the call to be given up';
    is_deeply(grown($then), { calls_sent => 1, calls_failed => 1, calls_dead => 1 }, 'a call that is refused for good is dead');
    clear_faults($twilio);
}
{
    my $then = stats();
    $twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, delay_ms => 1500 });
    made($node, book($node, 'slow'));
    my $took = stats()->{call_seconds_sum} - $then->{call_seconds_sum};
    cmp_ok($took, '>=', 1.4, 'the time of a slow call is known');
    clear_faults($twilio);
}
{
    $twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, status => 429, headers => { 'Retry-After' => '5' } });
    my $held = book($node, 'held');
    wait_until { (stats()->{paused} // '') eq 'limited' } $patience, 'the pause to show';
    ok((row($node, "SELECT paused_until > now() AND paused_until < now() + interval '6 s' FROM videoroom_stats()"))[0] eq 't',
        'a pause shows with why and how long');
    my $other = book($node, 'other');
    wait_until { (row($node, "SELECT s.oldest_due_at = o.run_at FROM videoroom_stats() s, videoroom.outbox o
        WHERE o.room_id = '$other'"))[0] eq 't' } $patience, 'the other call to show as the oldest that is due';
    pass('meanwhile the oldest call that is due shows');
    made($node, $_) for $held, $other;
    wait_until { my $now = stats(); !defined $now->{oldest_due_at} && !defined $now->{paused} } $patience,
        'the pause to be over, and nothing to be due';
    pass('until it is over');
}

# --- the slot

my $since = stats()->{since};
set_config($node, enabled => 'off');
wait_until { (stats()->{paused} // '') eq 'no-worker' } $patience, 'the worker to go';
set_config($node, enabled => 'on');
wait_until { !defined stats()->{paused} } $patience, 'the worker to come back';
is(stats()->{since}, $since, 'the counters outlive a worker');
sql('CREATE DATABASE second');
$node->safe_psql('second', 'CREATE EXTENSION videoroom');
is($node->safe_psql('second', 'SELECT joins_ok + joins_refused + callbacks_ok FROM videoroom_stats()'), '0', 'each database has its own');
refusal_in('second', "SELECT videoroom_join('nowhere', 'alice')");
is($node->safe_psql('second', 'SELECT joins_refused FROM videoroom_stats()'), '1', 'and counts for itself');
sql('DROP DATABASE second');
sql('CREATE DATABASE third');
$node->safe_psql('third', 'CREATE EXTENSION videoroom');
is($node->safe_psql('third', 'SELECT joins_refused FROM videoroom_stats()'), '0', 'who takes over a slot begins from nothing');

sub refusal_in {
    my ($database, $statement) = @_;
    my ($status) = $node->psql($database, $statement);
    return $status;
}

is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
is_deeply([crashes($node)], [], 'the server never crashed');
done_testing();
