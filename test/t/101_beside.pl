# docs/neighbours.md, beside the real ones: what it says holds, holds; what it says breaks, breaks. `make beside`; no group of `make test`.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Utils 'slurp_file';
use Steps;
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'beside', simulator => $twilio, join_wait => '10s', preload => 0, conf => <<'CONF');
shared_preload_libraries = 'pgaudit, auto_explain, pg_stat_statements, videoroom'
pgaudit.log = 'all'
pgaudit.log_parameter = on
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
log_statement = 'all'
CONF
my $folder = $node->basedir;
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub ready_room {
    my ($id) = @_;
    my ($room) = row($node, "SELECT videoroom_create_booking('$id', now(), now() + interval '1 hour', '{ann,bob}')");
    wait_until { sql("SELECT count(*) FROM videoroom.session WHERE room_id = '$room'") } 30, 'the room';
    return $room;
}

# --- PgBouncer

my $bouncer_port = PostgreSQL::Test::Cluster::get_free_port();
sql('CREATE ROLE web_user NOLOGIN; CREATE ROLE web LOGIN; GRANT web_user TO web');
sql(q{SELECT videoroom_grant('web_user', 'member')});
my $database = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
open my $ini, '>', "$folder/pgbouncer.ini" or die "$folder: $!\n";
print $ini <<"INI";
[databases]
pooled = $database pool_mode=transaction
sessions = $database pool_mode=session
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $bouncer_port
unix_socket_dir =
auth_type = trust
auth_file = $folder/users.txt
default_pool_size = 1
INI
close $ini;
open my $users, '>', "$folder/users.txt" or die "$folder: $!\n";
print $users map { qq{"$_" ""\n} } qw(web relay postgres);
close $users;
my $bouncer = IPC::Run::start(['pgbouncer', "$folder/pgbouncer.ini"], '>', "$folder/pgbouncer.log", '2>&1');
END { local $?; $bouncer->kill_kill if $bouncer }

# What a client of the pool is answered, each statement by itself: rows, or the SQLSTATE.
sub pooled {
    my (@statements) = @_;
    my ($out, $error) = ('', '');
    IPC::Run::run([$node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', "host=127.0.0.1 port=$bouncer_port dbname=pooled user=web",
        map { ('-c', $_) } @statements], '>', \$out, '2>', \$error);
    return $error =~ /ERROR:\s+(\w{5})/ ? $1 : $out;
}
wait_until { pooled('SELECT 1') eq "1\n" } 20, 'PgBouncer';
my $room = ready_room('pooled');
my $claims = q{SET LOCAL request.jwt.claims = '{"sub": "ann"}'};
like(pooled("BEGIN; SET LOCAL ROLE web_user; $claims; SELECT token FROM videoroom_join('$room'); COMMIT"), qr/^ey/m, 'PgBouncer, transactions: who SET LOCAL names joins');
is(pooled("SET ROLE web_user; SELECT videoroom_join('$room')"), 'PT401', 'and nobody after them');
pooled(q{SET request.jwt.claims = '{"sub": "ann"}'});
like(pooled("SELECT token FROM videoroom_join('$room')"), qr/^ey/m, 'after a plain SET the next client is that person, as the page warns');
pooled('RESET request.jwt.claims; RESET ROLE');


# The relay, through a pool of sessions.
sql('CREATE ROLE relay LOGIN');
sql(q{SELECT videoroom_grant('relay', 'relay')});
my $relay_pid;
my $relay = do {
    local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ('127.0.0.1', $bouncer_port, 'relay', 'sessions');
    $relay_pid = open(my $out, '-|', $ENV{RELAY}, '--port', $node->{relay_port}, '--sessions', 1) or die "relay: $!\n";
    (<$out> // '') =~ /^listening on / or die "the relay did not say where it listens\n";
    $out;
};
$twilio->join($room, 'ann');
wait_until { sql("SELECT connected FROM videoroom_rooms WHERE room_id = '$room'") == 1 } 30, 'the callback';
pass('PgBouncer, sessions: the relay delivers through it');

# --- pg_repack

sql('CREATE EXTENSION pg_repack');
my $busy = session($node);
$busy->ask(q{DO $$ BEGIN FOR i IN 1 .. 300 LOOP
    PERFORM videoroom_create_booking('busy-' || i, now() + interval '2 hours', now() + interval '3 hours', '{ann}');
    PERFORM videoroom_update('busy-' || i, jsonb_build_object('n', i)); COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$});
for my $table (qw(room session event)) {
    my ($out, $error) = ('', '');
    ok(IPC::Run::run(['pg_repack', '-h', $node->host, '-p', $node->port, '-U', 'postgres', '-d', 'postgres', '--no-superuser-check', '-t', "videoroom.$table"],
        '>', \$out, '2>', \$error), "pg_repack takes videoroom.$table while bookings go on") or diag("$out$error");
}
is($busy->answer->{state}, '', 'which they do');
is(sql(q{SELECT count(*) FROM videoroom_rooms WHERE booking_id LIKE 'busy-%' AND (metadata ->> 'n')::int = substr(booking_id, 6)::int}), 300, 'and none of their changes is lost');
my $later = ready_room('after pg_repack');
$twilio->join($later, 'bob');
wait_until { sql("SELECT connected FROM videoroom_rooms WHERE room_id = '$later'") == 1 } 30, 'the callback';
pass('nor any of what comes then');

# --- dblink and postgres_fdw

sql("CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw; CREATE DATABASE application");
$node->safe_psql('application', 'CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw');
my $there = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres user=postgres';
sub from_application {
    my ($statement) = @_;
    my ($out, $error) = ('', '');
    $node->psql('application', $statement, stdout => \$out, stderr => \$error, extra_params => ['-v', 'VERBOSITY=verbose'], on_error_stop => 0);
    my ($state) = $error =~ /ERROR:\s+(\w{5})/;
    my ($reason) = $error =~ /"reason" ?: ?"([\w-]+)"/;
    return [$state // $out, $reason // ''];
}
is_deeply(from_application("SELECT * FROM dblink('$there', \$\$SELECT room_id FROM videoroom_join('$room', 'ann')\$\$) AS t (room_id text)"), [$room, ''], 'dblink: a join from another database');
is_deeply(from_application("SELECT * FROM dblink('$there', \$\$SELECT room_id FROM videoroom_join('$room', 'eve')\$\$) AS t (room_id text)"), ['PT403', 'not-participant'],
    'and its refusal, SQLSTATE and DETAIL');
is_deeply(from_application("BEGIN; SELECT FROM dblink('$there', \$\$SELECT videoroom_create_booking('by dblink', now(), now() + interval '1 hour', '{ann}')\$\$) AS t (room_id text); ROLLBACK;"),
    ['', ''], 'a booking by dblink');
is(sql(q{SELECT count(*) FROM videoroom_rooms WHERE booking_id = 'by dblink'}), 1, 'stays, whatever becomes of the caller\'s transaction');
$node->safe_psql('application', sprintf q{CREATE SERVER rooms FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'postgres');
    CREATE USER MAPPING FOR postgres SERVER rooms OPTIONS (user 'postgres'); IMPORT FOREIGN SCHEMA public LIMIT TO (videoroom_rooms) FROM SERVER rooms INTO public},
    $node->host, $node->port);
is($node->safe_psql('application', "SELECT connected FROM videoroom_rooms WHERE room_id = '$room'"), 1, 'postgres_fdw: the views are foreign tables');

# --- pgaudit, auto_explain, log_statement: what they have told of all this

my $log = slurp_file($node->logfile);
like($log, qr/AUDIT: SESSION/, 'pgaudit was there');
like($log, qr/Query Text:/, 'auto_explain was there');
unlike($log, qr/\Q${\Simulator::SECRET}\E|\Q${\Simulator::TOKEN}\E/, 'they have told no credentials');
unlike($log, qr/\beyJ[\w-]+\.eyJ/, 'and no access token');
like($log, qr/ParticipantIdentity/, 'the bodies of callbacks they do tell, as the page says');

kill 'TERM', $relay_pid;
close $relay;
$node->stop('fast');
never_crashed($node);
done_testing();
