# A command that wants a database without connections succeeds beside its worker, which is back afterwards; one that is refused
# leaves the worker alone.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(
    name => 'databases', simulator => $twilio, extension => 0,
    join_early => '1h', retry_cap => '1s', writes_per_second => 10000, reads_per_second => 10000,
    conf => "restart_after_crash = on\nmax_worker_processes = 24\nmax_wal_senders = 2\nwal_level = logical\nallow_in_place_tablespaces = on
autovacuum = off");

sub sql { return $node->safe_psql(@_) }

sub database_with_worker {
    my ($database, $owner) = @_;
    sql('postgres', "CREATE DATABASE $database OWNER " . ($owner // 'postgres'));
    sql($database, 'CREATE EXTENSION videoroom');
    return worker($node, $database);
}

# Its worker, another one than `before`, makes a room.
my $rooms = 0;

sub works {
    my ($database, $before, $behaviour) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $worker = worker($node, $database, $before);
    my $room = sql($database, sprintf q{SELECT videoroom_create_booking('room-%d', now(), now() + interval '1 hour', '{ann}')}, $rooms++);
    wait_until { sql($database, "SELECT count(*) FROM videoroom.session WHERE room_id = '$room'") } 20, 'the room to be made';
    pass($behaviour);
    return $worker;
}

# A client that says when a statement of its has ended, well or not.
sub client {
    my ($database) = @_;
    return $node->background_psql($database, on_error_stop => 0);
}

my $sent = 0;

sub begin_query {
    my ($client, $statement) = @_;
    $sent++;
    $client->query_until(qr/begun $sent/, "\\echo begun $sent\n$statement;\n\\echo ended :SQLSTATE $sent\n");
    return $sent;
}

# The SQLSTATE of what was begun.
sub ended {
    my ($client, $number) = @_;
    return $client->query_until(qr/ended \w+ $number/, '') =~ /ended (\w+) $number/ ? $1 : undef;
}

# How many wait for a lock on a table or a database.
my $watcher = client('postgres');

sub waiting_for {
    my ($catalog, $object) = @_;
    return $watcher->query_safe("SELECT count(*) FROM pg_locks WHERE NOT granted AND " . (defined $object
        ? "classid = '$catalog'::regclass AND objid = (SELECT oid FROM pg_database WHERE datname = '$object')"
        : "relation = '$catalog'::regclass"));
}

sub pid_of { return $_[0]->query_safe('SELECT pg_backend_pid()') }

# --- each command succeeds

my $worker = database_with_worker('old');
sql('postgres', 'ALTER DATABASE old RENAME TO x');
$worker = works('x', $worker, 'a database is renamed beside its worker, which works in it under its new name');

for my $strategy ('file_copy', 'wal_log') {
    sql('postgres', "CREATE DATABASE copy TEMPLATE x STRATEGY $strategy");
    $worker = works('x', $worker, "a database is copied by $strategy beside its worker, which goes on in it");
    worker($node, 'copy');
    is((health($node, 'home', 'copy'))[0], '', 'the copy has a worker, and knows that it is one');
    sql('postgres', 'DROP DATABASE copy');
}

sql('x', 'CREATE DATABASE copy TEMPLATE x');
$worker = works('x', $worker, 'a database is copied by a client that is connected to it itself');
worker($node, 'copy');
sql('postgres', 'DROP DATABASE copy');

sql('postgres', "CREATE TABLESPACE elsewhere LOCATION ''");
sql('postgres', 'ALTER DATABASE x SET TABLESPACE elsewhere');
$worker = works('x', $worker, 'a database is moved to another tablespace beside its worker');

sql('postgres', 'ALTER DATABASE template1 IS_TEMPLATE false');
sql('template1', 'CREATE EXTENSION videoroom');
my $template_worker = worker($node, 'template1');
sql('postgres', 'CREATE DATABASE copy');
isnt(worker($node, 'template1', $template_worker), 0, 'template1, copied unnamed, has its worker back if it had one');
sql('template1', 'DROP EXTENSION videoroom');
sql('postgres', 'ALTER DATABASE template1 IS_TEMPLATE true');
worker($node, 'copy');
sql('postgres', 'DROP DATABASE copy');

sql('postgres', 'CREATE ROLE owner LOGIN');
sql('postgres', 'CREATE ROLE maker LOGIN CREATEDB');
sql('postgres', 'CREATE ROLE stranger LOGIN');
for my $how ('', ' WITH (FORCE)') {
    database_with_worker('mine', 'owner');
    sql('postgres', "SET ROLE owner; DROP DATABASE mine$how");
    pass("an owner who is no superuser can drop a database that has a worker$how");
}
$worker = works('x', undef, 'the worker of another database is not disturbed');

# --- what is refused leaves the worker alone

sql('postgres', 'ALTER DATABASE x OWNER TO owner');
sql('x', "SET client_min_messages = error; CREATE SUBSCRIPTION s CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false)");
for my $case (
    ['postgres', 'BEGIN; DROP DATABASE x', qr/cannot run inside a transaction block/],
    ['postgres', 'BEGIN; CREATE DATABASE copy TEMPLATE x', qr/cannot run inside a transaction block/],
    ['postgres', 'BEGIN; ALTER DATABASE x SET TABLESPACE pg_default', qr/cannot run inside a transaction block/],
    ['postgres', 'SELECT 1\; DROP DATABASE x', qr/cannot run inside a transaction block/],
    ['postgres', q{DO 'BEGIN DROP DATABASE x; END'}, qr/cannot be executed from a function/],
    ['postgres', 'SET default_transaction_read_only = on; DROP DATABASE x', qr/read-only transaction/],
    ['postgres', 'SET default_transaction_read_only = on; ALTER DATABASE x RENAME TO y', qr/read-only transaction/],
    ['postgres', 'SET ROLE stranger; DROP DATABASE x', qr/must be owner/],
    ['postgres', 'SET ROLE maker; ALTER DATABASE x RENAME TO y', qr/must be owner/],
    ['postgres', 'SET ROLE maker; CREATE DATABASE copy TEMPLATE x', qr/permission denied to copy database/],
    ['postgres', 'SET ROLE stranger; ALTER DATABASE x SET TABLESPACE pg_default', qr/must be owner/],
    ['postgres', 'SET ROLE owner; ALTER DATABASE x RENAME TO y', qr/permission denied to rename database/],
    ['postgres', 'SET ROLE owner; CREATE DATABASE copy TEMPLATE x', qr/permission denied to create database/],
    ['postgres', 'ALTER DATABASE x RENAME TO postgres', qr/already exists/],
    ['postgres', 'CREATE DATABASE postgres TEMPLATE x', qr/already exists/],
    ['postgres', 'ALTER DATABASE x SET TABLESPACE nowhere', qr/does not exist/],
    ['postgres', 'DROP DATABASE x', qr/logical replication subscription/],
    ['x', 'DROP DATABASE x', qr/cannot drop the currently open database/],
    ['x', 'ALTER DATABASE x RENAME TO y', qr/current database cannot be renamed/],
    ['x', 'ALTER DATABASE x SET TABLESPACE pg_default', qr/currently open database/],
) {
    my ($database, $statement, $error) = @$case;
    my ($status, $out, $said) = $node->psql($database, $statement);
    like($said, $error, "refused, in $database: $statement");
    is_deeply([workers($node, 'x')], [$worker], 'and the worker of x is the same still');
}
sql('postgres', 'DROP DATABASE IF EXISTS y');
is_deeply([workers($node, 'x')], [$worker], 'a database that is not there, dropped if it exists, concerns no worker');
sql('x', 'ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s');

sql('x', q{SELECT pg_create_logical_replication_slot('changes', 'test_decoding')});
my $receiver = IPC::Run::start(['pg_recvlogical', '-d', $node->connstr('x'), '-S', 'changes', '-f', '/dev/null', '--start'], '<', '/dev/null');
wait_until { sql('postgres', q{SELECT active FROM pg_replication_slots WHERE slot_name = 'changes'}) eq 't' } 20, 'somebody to read changes';
my ($status, $out, $error) = $node->psql('postgres', 'DROP DATABASE x');
like($error, qr/active logical replication slot/, 'a database whose changes somebody reads is not dropped');
is_deeply([workers($node, 'x')], [$worker], 'and its worker is the same still');
$receiver->signal('TERM');
$receiver->finish;
wait_until { sql('postgres', q{SELECT active FROM pg_replication_slots WHERE slot_name = 'changes'}) eq 'f' } 20, 'the reader to leave';
sql('postgres', q{SELECT pg_drop_replication_slot('changes')});

# --- what fails later, or is undone, brings it back

my $client = client('x');
for my $statement ('DROP DATABASE x', 'ALTER DATABASE x RENAME TO y', 'CREATE DATABASE copy TEMPLATE x') {
    ($status, $out, $error) = $node->psql('postgres', $statement);
    like($error, qr/There is 1 other session using the database/, "the worker makes room for $statement, a client does not");
    $worker = works('x', $worker, 'and it is back when that has failed');
}
let_go($client);

my $other = client('postgres');
$other->query_safe('BEGIN; ALTER DATABASE x RENAME TO y');
database_with_worker('later');
is_deeply([workers($node, 'x')], [], 'while a transaction that has renamed a database is open, no worker is started there');
$other->query_safe('ROLLBACK');
$worker = works('x', $worker, 'and it is back under the old name when that is rolled back');

$other->query_safe('BEGIN; SAVEPOINT a; ALTER DATABASE x RENAME TO y; ROLLBACK TO a');
$worker = works('x', $worker, 'also when that is rolled back to a savepoint');
$other->query_safe('COMMIT');

# A command that has got as far as to count connections and to find none.
my $holder = client('postgres');

sub copy_halfway {
    my (@clients) = @_;
    $holder->query_safe('BEGIN; LOCK TABLE pg_database IN SHARE MODE');
    my @numbers = map { begin_query($clients[$_], "CREATE DATABASE copy$_ TEMPLATE x") } 0 .. $#clients;
    wait_until { waiting_for('pg_database') == @clients } 20, 'the copies to be halfway';
    return @numbers;
}

my ($number) = copy_halfway($other);
is_deeply([workers($node, 'x')], [], 'no worker is there while a copy is made');
sql('postgres', 'SELECT pg_cancel_backend(' . pid_of_waiting() . ')');
is(ended($other, $number), '57014', 'a copy is cancelled');
$holder->query_safe('ROLLBACK');
$worker = works('x', $worker, 'and the worker is back');

copy_halfway($other);
sql('postgres', 'SELECT pg_terminate_backend(' . pid_of_waiting() . ')');
let_go($other);
$holder->query_safe('ROLLBACK');
$worker = works('x', $worker, 'it is also back when the session that made a copy was ended');

sub pid_of_waiting { return $watcher->query_safe(q{SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'pg_database'::regclass}) }

# --- two at once

my @clients = map { client('postgres') } 1 .. 2;
my @numbers = copy_halfway(@clients);
is_deeply([workers($node, 'x')], [], 'no worker is there while two copies are made');
$holder->query_safe('ROLLBACK');
is(ended($clients[$_], $numbers[$_]), '00000', 'one of two copies made at once succeeds') for 0, 1;
$worker = works('x', $worker, 'and the worker is back');
worker($node, "copy$_") for 0, 1;
sql('postgres', "DROP DATABASE copy$_") for 0, 1;

# A rename waits for a copy, and a drop by the old name for the rename.
my $dropper = client('postgres');
$holder->query_safe('BEGIN; COMMENT ON DATABASE x IS NULL');
@numbers = ();
for ([$clients[0], 'CREATE DATABASE copy0 TEMPLATE x'], [$clients[1], 'ALTER DATABASE x RENAME TO y'], [$dropper, 'DROP DATABASE x']) {
    push @numbers, begin_query(@$_);
    wait_until { waiting_for('pg_database', 'x') == @numbers } 20, "$_->[1] to wait";
}
$holder->query_safe('ROLLBACK');
is(ended($clients[0], $numbers[0]), '00000', 'a copy');
is(ended($clients[1], $numbers[1]), '00000', 'and a rename that waits for it succeed');
is(ended($dropper, $numbers[2]), '3D000', 'a drop that waits for the rename finds no database of that name');
$worker = works('y', $worker, 'and the worker is back in what was copied and renamed');
worker($node, 'copy0');
sql('postgres', 'DROP DATABASE copy0');

# --- beside a worker that is just being started

$holder->query_safe('BEGIN; LOCK TABLE pg_db_role_setting');
$watcher->query_safe("SELECT pg_terminate_backend($worker)");
wait_until { waiting_for('pg_db_role_setting') } 20, 'a worker that is being started';
($number) = begin_query($clients[0], 'ALTER DATABASE y RENAME TO x');
wait_until { waiting_for('pg_database', 'y') } 20, 'the rename to wait';
$holder->query_safe('ROLLBACK');
is(ended($clients[0], $number), '00000', 'a database is renamed while its worker is being started');
$worker = works('x', $worker, 'and the worker works in it');

is_deeply([log_lines($node, qr/FATAL: .*database .*does not exist/)], [], 'no worker was started in a database that was going');

# --- a crash halfway

copy_halfway($clients[0]);
my $position = log_position($node);
kill 9, pid_of_waiting();
wait_until { log_lines($node, qr/was terminated by signal 9/, $position) } 20, 'the postmaster to see it';
let_go($_) for @clients, $dropper, $holder, $watcher;
wait_for_server($node);
works('x', $worker, 'the worker is back after a crash halfway through a copy');
sql('postgres', 'DROP DATABASE x');

is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
is_deeply([log_lines($node, qr/PANIC|TRAP|was terminated by signal(?! 9)/)], [], 'the server never crashed but when a session was killed');

done_testing();
