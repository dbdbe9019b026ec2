# Workers come and go by themselves: one in each database that has the extension, gone at once when somebody wants them gone,
# whatever they wait for, and nothing of their work is lost or done twice.
use strict;
use warnings;
use List::Util 'sum';
use Test::More;
use VideoroomTest;
use Watch;

# Seconds. It takes milliseconds, but machines are busy; what it is told from, a call that hangs and the launcher's next look by
# itself, takes a minute and more.
my $prompt = 20;

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(
    name => 'workers', simulator => $twilio, extension => 0,
    join_early => '1h', request_timeout => '2min', max_requests => 60, retry_cap => '1s', writes_per_second => 10000, reads_per_second => 10000,
    conf => "restart_after_crash = on\nmax_worker_processes = 24\nlog_statement = none");

sub sql { return $node->safe_psql(@_) }

sub ready { my ($database) = @_; return worker($node, $database) }

# --- where there is a worker

sub launchers { return sql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'videoroom launcher'") }

# A probe may be there for a moment.
sub nobody_there {
    my ($database, $behaviour) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until { !workers($node, $database) } $prompt, "$database to be without a worker";
    pass($behaviour);
}

wait_until { launchers() == 1 } $prompt, 'the launcher';
nobody_there('postgres', 'a database without the extension has no worker');

sql('postgres', 'CREATE DATABASE one');
sql('postgres', 'CREATE DATABASE two');
for my $database ('one', 'two') {
    sql($database, 'CREATE EXTENSION videoroom');
    in_time { ready($database) } $prompt, "CREATE EXTENSION in database $database, which no setting names, starts its worker at once";
}
isnt(ready('one'), ready('two'), 'each database has its own');

sql('postgres', 'CREATE DATABASE undone');
sql('undone', 'BEGIN; CREATE EXTENSION videoroom; ROLLBACK');
sql('postgres', 'CREATE DATABASE closed');
sql('closed', 'CREATE EXTENSION videoroom');
ready('closed');
sql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS false');
in_time { wait_until { !workers($node, 'closed') } 20, 'the worker to leave' } $prompt,
    'the worker leaves a database that takes no connections any more';
sql('postgres', 'CREATE DATABASE pattern');
sql('pattern', 'CREATE EXTENSION videoroom');
ready('pattern');
sql('postgres', 'ALTER DATABASE pattern IS_TEMPLATE true');
in_time { wait_until { !workers($node, 'pattern') } 20, 'the worker to leave' } $prompt,
    'the worker leaves a database that becomes a template';
is_deeply([health($node, 'worker', 'pattern')], ['', 'this database is a template, in which no worker works', 'ALTER DATABASE pattern IS_TEMPLATE false;'],
    'health says why, and what to do');
sql('postgres', 'CREATE DATABASE cut TEMPLATE pattern');
ok(ready('cut'), 'what is made from it gets its worker');
sql('postgres', 'DROP DATABASE cut');
sql('postgres', 'ALTER DATABASE pattern IS_TEMPLATE false');
ok(ready('pattern'), 'and so does it, when it is a template no more');
sql('postgres', 'DROP DATABASE pattern');

sql('template1', 'CREATE EXTENSION videoroom');

# The launcher has looked at all of this when it has started one more.
sql('postgres', 'CREATE EXTENSION videoroom');
ready('postgres');
nobody_there('undone', 'a CREATE EXTENSION that was rolled back starts no worker');
nobody_there('template1', 'a template has no worker');
nobody_there('closed', 'a database that refuses connections has no worker');

sql('postgres', 'CREATE DATABASE copy');
ok(ready('copy'), 'a database made from a template that has the extension gets its worker');
sql('template1', 'DROP EXTENSION videoroom');
sql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS true');
ok(ready('closed'), 'a database that was opened again gets its worker back');

# --- one worker, always

my $worker = ready('one');
is(sql('postgres', q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'videoroom launcher'}),
    't', 'the launcher leaves when told to');
sql('one', 'SELECT videoroom.wake()') for 1 .. 5;
sql('postgres', 'CREATE DATABASE three');
sql('three', 'CREATE EXTENSION videoroom');
ready('three');
is_deeply([workers($node, 'one')], [$worker], 'a new launcher leaves the workers alone that it finds, and starts no second one');

is(sql('postgres', "SELECT pg_terminate_backend($worker, 5000)"), 't', 'pg_terminate_backend ends a worker');
in_time { $worker = worker($node, 'one', $worker) } $prompt + 2, 'a worker that was ended is back by itself';

# --- enabled

sub configure {
    my (%settings) = @_;
    sql('postgres', "ALTER SYSTEM SET videoroom.$_ = $settings{$_}") for keys %settings;
    sql('postgres', 'SELECT pg_reload_conf()');
}

sub all_workers { return sql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'videoroom worker'") }

configure(enabled => 'off');
in_time { wait_until { all_workers() == 0 } 20, 'the workers to leave' } $prompt, 'enabled = off detaches every worker';
my $book = q{SELECT videoroom_create_booking('%s', now(), now() + interval '1 hour', '{ann}')};
my $idle = sql('one', sprintf $book, 'while-off');
my ($status, $out, $error) = $node->psql('one', "\\set VERBOSITY verbose\nSELECT videoroom_join('$idle', 'ann')");
like($error, qr/PT503.*"reason":\s*"no-worker"/s, 'a join that would need a worker is told at once that there is none');
like((health($node, 'worker', 'one'))[1], qr/enabled is off/, 'health says why');
sql('postgres', 'ALTER DATABASE two RENAME TO second');
sql('postgres', 'CREATE DATABASE twin TEMPLATE second');
sql('postgres', 'DROP DATABASE twin');
ok(1, 'without workers a database can be renamed and copied');
configure(enabled => 'on');
wait_until { sql('one', "SELECT count(*) FROM videoroom.session WHERE room_id = '$idle'") } 20, 'the booking made meanwhile';
ok(1, 'enabled = on brings them back, and they do what was left to do');
ready('second');
sql('postgres', 'DROP DATABASE copy');
sql('postgres', 'DROP DATABASE three');
sql('postgres', 'DROP DATABASE second');

# --- gone at once, whatever they wait for

my $count = 0;

# Fifty calls that hang, half of them with their work done, and one answer that waits for a row that a client has locked.
# Gives the client.
sub trouble {
    my ($database, %what) = @_;
    $count++;
    $twilio->sim(DELETE => 'faults');
    $twilio->faults(map { { match => { method => 'POST', path => '^/v1/Rooms$' }, hang => $_, count => 25 } } 'before', 'after');
    sql($database, sprintf q{SELECT videoroom_create_booking('hangs-%d-' || n, now(), now() + interval '1 hour', '{ann}')
        FROM generate_series(1, 50) n}, $count);
    wait_until { 50 == sum(map { $_->{struck} } @{ $twilio->sim(GET => 'faults') }) } 20, '50 calls to hang';
    return unless $what{lock};

    my $room = sql($database, sprintf q{SELECT videoroom_create_booking('locked-%d', now() + interval '3 hours',
        now() + interval '4 hours', '{ann}')}, $count);
    my $client = $node->background_psql($database);
    $twilio->faults({ match => { room => $room }, delay_ms => 1500 });
    sql($database, "UPDATE videoroom.outbox SET run_at = now() WHERE room_id = '$room'");
    wait_until { $twilio->sim(GET => 'faults')->[-1]{struck} } 20, 'the call whose answer must wait';
    lock_room($node, $room, $database, $client);
    wait_until { @{ $twilio->sim(GET => "requests?room=$room") } } 20, 'the answer that must wait';
    is(sql($database, "SELECT count(*) FROM videoroom.session WHERE room_id = '$room'"), 0,
        'an answer waits for a row that a client has locked');
    return $client;
}

# Every room booked so far has exactly one session and Twilio exactly that room: nothing lost, nothing twice.
sub healed {
    my ($database, $after) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until {
        sql($database, q{SELECT NOT EXISTS (SELECT FROM videoroom.room r WHERE NOT EXISTS (
            SELECT FROM videoroom.session s WHERE s.room_id = r.room_id))}) eq 't'
    } 30, 'all rooms to be made';
    my %known = map { split /\|/ } split /\n/, sql($database, 'SELECT room_sid, room_id FROM videoroom.session');
    my %ours = reverse %known;
    my %there = map { $_->{sid} => $_->{unique_name} } grep { $ours{ $_->{unique_name} } } @{ $twilio->sim(GET => 'rooms') };
    is_deeply(\%there, \%known, "$after: no room is lost and none is made twice");
    # What stays looks later whether a call that was never answered arrived after all.
    wait_until { sql($database, 'SELECT count(*) FROM videoroom.outbox WHERE run_at <= now() AND dead_at IS NULL') == 0 } 20,
        'the rest to be done';
    is(sql($database, 'SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NOT NULL'), 0, "$after: no call was given up");
}

my $client = trouble('postgres', lock => 1);
$worker = ready('postgres');
in_time { sql('postgres', "SELECT pg_terminate_backend($worker, 60000)") } $prompt,
    'SIGTERM ends a worker while 50 calls hang and a row is awaited';
let_go($client);
healed('postgres', 'after SIGTERM');

$client = trouble('postgres', lock => 1);
in_time { $node->stop('fast') } $prompt + 2, 'fast shutdown while 50 calls hang and a row is awaited';
let_go($client);
$node->start;
healed('postgres', 'after fast shutdown');

$client = trouble('postgres', lock => 1);
in_time { $node->stop('immediate') } $prompt + 2, 'immediate shutdown while 50 calls hang and a row is awaited';
let_go($client);
$node->start;
healed('postgres', 'after crash recovery');

$client = trouble('postgres', lock => 1);
$worker = ready('postgres');
my $position = log_position($node);
kill 9, $worker;
wait_until { log_lines($node, qr/\(PID $worker\) was terminated by signal 9/, $position) } 20, 'the postmaster to see it';
let_go($client);
wait_for_server($node);
healed('postgres', 'after kill -9 of the worker');
isnt(ready('postgres'), $worker, 'a new worker has taken over');

# --- DROP

sub without_worker {
    my ($database, $after) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    in_time { wait_until { !workers($node, $database) } 20, 'the worker to leave' } $prompt,
        "the worker is gone at once after $after";
}

trouble('one');
in_time { sql('one', 'DROP EXTENSION videoroom') } $prompt, 'DROP EXTENSION while 50 calls hang';
without_worker('one', 'DROP EXTENSION');

sql('one', 'CREATE SCHEMA api; CREATE EXTENSION videoroom SCHEMA api');
ok(ready('one'), 'created again, it has a worker again');
sql('one', 'ALTER DATABASE one SET search_path = api, public');
trouble('one');
in_time { sql('one', 'DROP SCHEMA api CASCADE') } $prompt, 'DROP SCHEMA of the extension, CASCADE, while 50 calls hang';
without_worker('one', 'DROP SCHEMA');

sql('one', 'CREATE EXTENSION videoroom SCHEMA public');
sql('one', 'BEGIN; DROP EXTENSION videoroom; ROLLBACK');
ready('one');
$client = trouble('one', lock => 1);
# A row lock stands in the way of DROP itself, whoever holds it. What must not happen is a deadlock with the worker.
my $dropper = $node->background_psql('one');
$dropper->query_until(qr/begun/, "\\echo begun\nDROP EXTENSION videoroom;\n\\echo dropped\n");
wait_until {
    sql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DROP EXTENSION%' AND wait_event_type = 'Lock'})
} 20, 'DROP EXTENSION to wait for the client';
$client->query_safe('COMMIT');
in_time { $dropper->query_until(qr/dropped/, '') } $prompt, 'DROP EXTENSION once the client that it waited for has committed';
let_go($client);
let_go($dropper);
without_worker('one', 'a DROP EXTENSION that had to wait');

sql('one', 'CREATE EXTENSION videoroom');
ready('one');
trouble('one');
$worker = ready('postgres');
in_time { sql('postgres', 'DROP DATABASE one') } $prompt, 'DROP DATABASE while 50 calls of its worker hang';
is(ready('postgres'), $worker, 'the worker of another database is not disturbed');

$client = trouble('closed', lock => 1);
in_time { sql('postgres', 'DROP DATABASE closed WITH (FORCE)') } $prompt,
    'DROP DATABASE WITH (FORCE) while 50 calls hang and a client holds a row that an answer waits for';
let_go($client);

is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
is_deeply([log_lines($node, qr/PANIC|TRAP|deadlock|was terminated by signal(?! 9)/)], [],
    'the server never crashed but when its worker was killed');

# --- out of worker slots: one for the server's own launcher, one for ours, one for a worker

my $small = new_node(name => 'small', simulator => $twilio, extension => 0, conf => 'max_worker_processes = 3');
for my $database ('first', 'second') {
    $small->safe_psql('postgres', "CREATE DATABASE $database");
    $small->safe_psql($database, 'CREATE EXTENSION videoroom');
    worker($small, 'first');
}
my ($ok, $detail, $hint);
wait_until { ($ok, $detail, $hint) = health($small, 'worker', 'second'); $detail =~ /no free slot/ } 20, 'health to fail';
ok(!$ok, 'health fails where no background worker slot was free');
is($hint, 'ALTER SYSTEM SET max_worker_processes = 11; then restart', 'and says what to do');
ok((health($small, 'worker', 'first'))[0], 'it is well where there is a worker');
$small->safe_psql('second', 'SELECT videoroom.wake()') for 1 .. 3;
$small->safe_psql('first', 'DROP EXTENSION videoroom');
in_time { worker($small, 'second') } 15, 'the worker starts when a slot is free';
ok((health($small, 'worker', 'second'))[0], 'and health is well');
is(scalar(log_lines($small, qr/no background worker slot is free/)), 1, 'the log told it once');

# --- out of our own slots: 64 databases

$small->safe_psql('template1', 'CREATE EXTENSION videoroom');
for my $n (1 .. 64) {
    $small->safe_psql('postgres', "CREATE DATABASE many$n");
    $small->safe_psql("many$n", 'SELECT videoroom.wake()');
}
($ok, $detail, $hint) = health($small, 'worker', 'many64');
is($detail, '64 other databases have their workers', 'health of a database too many says so');
like($hint, qr/^Drop the extension in one of them/, 'and what to do');
$small->safe_psql('many64', 'SELECT videoroom.wake()') for 1 .. 3;
wait_until { log_lines($small, qr/videoroom has no worker for some databases: 64 have one already/) } 20, 'the log to say so';
$small->safe_psql('many1', 'DROP EXTENSION videoroom');
$small->safe_psql('postgres', 'DROP DATABASE many1');
wait_until {
    $small->safe_psql('many64', 'SELECT videoroom.wake()');
    (health($small, 'worker', 'many64'))[1] !~ /other databases/
} 20, 'another to get the slot of the one that was dropped';
is(scalar(log_lines($small, qr/videoroom has no worker for some databases/)), 1, 'the log told it once');
$small->stop('fast');
never_crashed($small);

done_testing();
