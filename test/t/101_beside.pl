# docs/neighbours.md, beside the real ones: what it says holds, holds; what it says breaks, breaks. `make beside`; no group of `make test`.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Utils 'slurp_file';
use Steps;
use Test::More;
use VideoroomTest;
use Watch;

# What this Debian has not is skipped.
chomp(my $libraries = qx(pg_config --pkglibdir));
sub has { return -e "$libraries/$_[0].so" }

my $vault = PostgreSQL::Test::Utils::tempdir();
my $backrest = "pgbackrest --config=$vault/pgbackrest.conf --stanza=rooms";
my $preload = join ', ', qw(auto_explain pg_stat_statements videoroom), grep { has($_) } qw(pgaudit pg_cron);
my $twilio = start_simulator();
my $node = new_node(name => 'beside', simulator => $twilio, join_wait => '10s', preload => 0, conf => <<"CONF");
shared_preload_libraries = '$preload'
pgaudit.log = 'all'
pgaudit.log_parameter = on
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
log_statement = 'all'
cron.use_background_workers = on
extwlist.extensions = 'videoroom'
wal_level = logical
max_wal_senders = 4
archive_mode = on
archive_command = 'test ! -e $vault/pgbackrest.conf || $backrest archive-push %p'
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

# --- pg_cron: what it is to do is asked for now, since it looks once a minute

SKIP: {
    skip 'no pg_cron here', 1 unless has('pg_cron');
    sql(q{CREATE EXTENSION pg_cron; CREATE ROLE nightly LOGIN; GRANT USAGE ON SCHEMA cron TO nightly});
    sql(q{SELECT videoroom_grant('nightly', 'scheduler')});
    ready_room('by cron');
    $node->safe_psql('postgres', q{SELECT cron.schedule('* * * * *', $$SELECT videoroom_cancel('by cron')$$)}, extra_params => ['-U', 'nightly']);
}

# --- wal2json

SKIP: {
    skip 'no wal2json here', 2 unless has('wal2json');
    if (sql(q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'})) {
        $node->append_conf('postgresql.conf', q{output_plugin_libraries = 'wal2json'});
        $node->reload;
    }
    sql(q{SELECT pg_create_logical_replication_slot('feed', 'wal2json')});
    my $its_room = ready_room('decoded');
    my $changes = sql(q{SELECT string_agg(data, E'\n') FROM pg_logical_slot_get_changes('feed', NULL, NULL, 'add-tables', 'videoroom.*')});
    like($changes, qr/"kind":"insert","schema":"videoroom","table":"room",.*\Q$its_room\E/, 'wal2json sees a booking');
    like($changes, qr/"kind":"insert","schema":"videoroom","table":"session"/, 'and what the worker writes');
    sql(q{SELECT pg_drop_replication_slot('feed')});
}

# --- pgextwlist

SKIP: {
    skip 'no pgextwlist here', 3 unless has('pgextwlist');
    sql(q{CREATE DATABASE listed});
    sql(q{CREATE ROLE maker LOGIN; GRANT CREATE ON DATABASE listed TO maker; ALTER ROLE maker SET session_preload_libraries = 'pgextwlist'});
    $node->safe_psql('listed', 'GRANT CREATE ON SCHEMA public TO maker');
    is(eval { $node->safe_psql('listed', 'CREATE EXTENSION videoroom', extra_params => ['-U', 'maker']); '' } // $@, '', 'pgextwlist lets somebody make the extension');
    is($node->safe_psql('listed', q{SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'videoroom'::regnamespace}), 'postgres', 'which is the superuser\'s');
    like(($node->psql('listed', q{SELECT videoroom_grant('maker', 'scheduler')}, extra_params => ['-U', 'maker']))[2], qr/permission denied/, 'who alone may grant');
}

# --- pgBackRest

SKIP: {
    skip 'no pgBackRest here', 2 if system('command -v pgbackrest >/dev/null');
    open my $conf, '>', "$vault/pgbackrest.conf" or die "$vault: $!\n";
    printf $conf "[global]\nrepo1-path=%s/repo\nlog-path=%s\nlock-path=%s\nspool-path=%s\nstart-fast=y\nlog-level-console=warn\n[rooms]\npg1-path=%s\npg1-socket-path=%s\npg1-port=%s\npg1-user=postgres\n",
        ($vault) x 4, $node->data_dir, $node->host, $node->port;
    close $conf;
    my $said = qx($backrest stanza-create 2>&1 && $backrest backup 2>&1);
    is($?, 0, 'pgBackRest takes a backup while the worker works') or diag($said);
    my $restored = PostgreSQL::Test::Cluster->new('restored');
    mkdir $restored->data_dir;
    $said = qx($backrest --pg1-path=@{[$restored->data_dir]} --type=immediate --target-action=promote restore 2>&1);
    $restored->append_conf('postgresql.conf', sprintf "port = %s\nunix_socket_directories = '%s'\narchive_mode = off\nvideoroom.enabled = off\n", $restored->port, $restored->host);
    $restored->start;
    wait_until { $restored->safe_psql('postgres', 'SELECT pg_is_in_recovery()') eq 'f' } 60, 'the restored server';
    my $rooms = q{SELECT md5(string_agg(r::text, '' ORDER BY room_id)) FROM videoroom.room r WHERE booking_id LIKE 'busy-%'};
    is($restored->safe_psql('postgres', $rooms), sql($rooms), 'and gives back all rooms, where nothing runs until it is told to');
    $restored->stop;
    unlink "$vault/pgbackrest.conf";
}

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
SKIP: {
    skip 'no pgaudit here', 1 unless has('pgaudit');
    like($log, qr/AUDIT: SESSION/, 'pgaudit was there');
}
like($log, qr/Query Text:/, 'auto_explain was there');
unlike($log, qr/\Q${\Simulator::SECRET}\E|\Q${\Simulator::TOKEN}\E/, 'they have told no credentials');
unlike($log, qr/\beyJ[\w-]+\.eyJ/, 'and no access token');
like($log, qr/ParticipantIdentity/, 'the bodies of callbacks they do tell, as the page says');

SKIP: {
    skip 'no pg_cron here', 1 unless has('pg_cron');
    wait_until { sql(q{SELECT status FROM videoroom_rooms WHERE booking_id = 'by cron'}) eq 'cancelled' } 90, 'pg_cron\'s next minute';
    pass('pg_cron calls as the role that asked it to');
}

kill 'TERM', $relay_pid;
close $relay;
$node->stop('fast');
never_crashed($node);
done_testing();
