# A database of the oldest version that can be updated, updated, is what a new one is; until then a library that is newer than it
# goes on or says what to run, and loses nothing.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use List::Util 'uniq';
use POSIX 'strftime';
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'upgraded', simulator => $twilio, extension => 0, join_wait => '30s', retry_cap => '1s');
my $patience = 60;    # seconds: the machine is busy
my ($oldest, $newest) = ('0.2.0', $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'videoroom'}));

sub sql { return $node->safe_psql($_[0], $_[1]) }

# All that makes up the extension, as text. A column stands at its place among those that are not dropped.
sub anatomy {
    my ($database) = @_;
    return [split /\n/, sql($database, <<'SQL')];
    WITH member AS (
        SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'videoroom'),
    class AS (
        SELECT c.* FROM pg_class c JOIN member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass
        UNION ALL SELECT c.* FROM pg_class c JOIN member m ON m.objid = c.reltype AND m.classid = 'pg_type'::regclass WHERE c.relkind = 'c'),
    col AS (
        SELECT a.*, c.oid::regclass || '.' || row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum) || a.attname AS name
          FROM class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    SELECT replace(line, E'\n', ' ') FROM (
        SELECT 'member ' || pg_describe_object(classid, objid, 0) FROM member
        UNION ALL SELECT 'comment ' || pg_describe_object(classid, objid, 0) || ': ' || obj_description(objid, classid::regclass::name) FROM member
        UNION ALL SELECT pg_get_functiondef(p.oid) || p.proowner::regrole || coalesce(p.proacl::text, 'default')
                    FROM pg_proc p JOIN member m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
        UNION ALL SELECT 'relation ' || oid::regclass || relkind::text || relpersistence::text || relowner::regrole
                             || coalesce(relacl, acldefault((CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", relowner))::text
                             || coalesce(reloptions::text, '') || relrowsecurity || relreplident::text FROM class
        UNION ALL SELECT 'column ' || col.name || ' ' || format_type(atttypid, atttypmod) || attnotnull || attidentity::text || attgenerated::text
                             || attstorage::text || attcompression::text || attcollation::regcollation
                             || ARRAY(SELECT o FROM unnest(attoptions) o WHERE o NOT LIKE 'pg_attver=%')::text
                             || coalesce(attacl::text, '') || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || coalesce(col_description(attrelid, attnum), '')
                    FROM col LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
        UNION ALL SELECT 'sequence ' || s.seqrelid::regclass || ROW(s.seqtypid, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle)
                    FROM class c JOIN pg_sequence s ON s.seqrelid = c.oid
        UNION ALL SELECT 'view ' || oid::regclass || pg_get_viewdef(oid) FROM class WHERE relkind = 'v'
        UNION ALL SELECT 'constraint ' || x.conrelid::regclass || x.conname || pg_get_constraintdef(x.oid) || x.convalidated
                    FROM class c JOIN pg_constraint x ON x.conrelid = c.oid
        UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) || i.indisvalid || coalesce(obj_description(i.indexrelid, 'pg_class'), '')
                    FROM class c JOIN pg_index i ON i.indrelid = c.oid
        UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) || t.tgenabled::text || coalesce(obj_description(t.oid, 'pg_trigger'), '')
                    FROM class c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
        UNION ALL SELECT 'type ' || t.oid::regtype || coalesce(t.typacl::text, 'default') FROM pg_type t JOIN member m ON m.objid = t.oid AND m.classid = 'pg_type'::regclass
        UNION ALL SELECT 'schema ' || n.nspname || coalesce(n.nspacl::text, 'default') FROM pg_namespace n JOIN member m ON m.objid = n.oid AND m.classid = 'pg_namespace'::regclass
        UNION ALL SELECT 'rights at first ' || pg_describe_object(i.classoid, i.objoid, i.objsubid) || i.privtype::text || i.initprivs::text
                    FROM pg_init_privs i JOIN member m ON m.classid = i.classoid AND m.objid = i.objoid
        UNION ALL SELECT 'dumped ' || c.oid::regclass || e.extcondition[c.n] FROM pg_extension e, unnest(e.extconfig) WITH ORDINALITY c (oid, n) WHERE e.extname = 'videoroom'
        ) AS all_of_it (line) ORDER BY line COLLATE "C"
SQL
}

# What is made in either goes to everybody, if nobody takes it back.
sql('postgres', 'CREATE DATABASE fresh');
for my $database ('fresh', 'postgres') {
    sql($database, "ALTER DEFAULT PRIVILEGES GRANT ALL ON $_ TO PUBLIC") for qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS);
}
sql('fresh', 'CREATE EXTENSION videoroom');
sql('postgres', "CREATE EXTENSION videoroom VERSION '$oldest'");
wait_until { (health($node, 'worker'))[1] =~ /another version/ } $patience, 'the worker to pause';
my ($ok, $detail, $hint) = health($node, 'version');
ok(!$ok && $detail eq "the library is $newest, the extension $oldest", 'the library newer than its tables: health says so');
like($hint, qr/^ALTER EXTENSION videoroom UPDATE TO '\Q$newest\E';/, 'and what to run');

# What is booked meanwhile waits.
sql('postgres', q{CREATE ROLE desk; SELECT videoroom_grant('desk', 'scheduler'), videoroom_grant('desk', 'operator')});
sub book { return sql('postgres', "SELECT videoroom_create_booking('$_[0]', now(), now() + interval '1 hour', '{ann}')") }
my ($room, $ready) = (book('old'), book('ready'));
my ($state, undef, $reason) = refusal($node, "SELECT videoroom_join('$room', 'ann')");
is("$state $reason", 'PT503 {"reason":"paused"}', 'a join is told that it pauses');
my $sid = 'RM' . 'b' x 32;
sql('postgres', "INSERT INTO videoroom.session (room_sid, room_id, started_rest, seen_alive_at) VALUES ('$sid', '$ready', now(), now())");
is(sql('postgres', "SELECT room_sid FROM videoroom_join('$ready', 'ann')"), $sid, 'of a room that is ready it gets its link');
is(scalar(@{ $twilio->sim(GET => 'requests') }), 0, 'and Twilio is left alone');
my @said = map { /\[(\d+)\]/ } log_lines($node, qr/LOG:  videoroom is paused: the library is version/);
is_deeply([uniq @said], \@said, 'a worker says it in the log once');
cmp_ok(scalar @said, '>', 0, 'at least one of them');

# Callbacks come meanwhile, too.
my $url = "http://127.0.0.1:$node->{relay_port}/twilio";

sub callback {
    my ($name, %more) = @_;
    my %event = (AccountSid => Simulator::ACCOUNT, RoomName => $ready, RoomSid => $sid, RoomStatus => 'in-progress',
        StatusCallbackEvent => $name, SequenceNumber => 0, Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime), %more);
    return Simulator::form_encode(\%event),
        hmac_sha1_base64($url . join('', map { $_ . $event{$_} } sort keys %event), Simulator::TOKEN) . '=';
}

sub deliver { return sql('postgres', sprintf q{INSERT INTO videoroom.callback (body, signature) VALUES ('%s', '%s')}, @_) }
my ($body) = callback('room-created');
is((refusal($node, "INSERT INTO videoroom.callback (body, signature) VALUES ('$body', 'forged')"))[0], 'PT403', 'a forged callback is refused');
deliver(callback('room-created'));
my @connected = callback('participant-connected', ParticipantSid => 'PA' . 'c' x 32, ParticipantIdentity => 'ann', ParticipantStatus => 'connected');
# Functions of 0.2.0 that apply it are not in the new library any more.
deliver(@connected);
is(sql('postgres', 'SELECT count(*) FROM videoroom.callback WHERE applied_at IS NOT NULL OR retry_at IS NOT NULL AND error IS NOT NULL'), 2,
    'genuine ones are applied, or kept to be');
like(sql('postgres', 'SELECT error FROM videoroom.callback ORDER BY id DESC LIMIT 1'), qr/could not find function "videoroom_lock_room"/,
    'as one is that the old functions cannot apply');
my ($status, undef, $error) = $node->psql('postgres', 'SELECT * FROM videoroom_stats()');
ok(!$status || $error =~ /HINT:  Run: ALTER EXTENSION videoroom UPDATE/, 'a function that cannot go on says what to run');

sql('postgres', 'ALTER EXTENSION videoroom UPDATE');
my %fresh = map { $_ => 1 } @{ anatomy('fresh') };
sql('postgres', 'DROP OWNED BY desk');
my %updated = map { $_ => 1 } @{ anatomy('postgres') };
is_deeply([sort grep { !$updated{$_} } keys %fresh], [], "updated from $oldest it has all that a fresh $newest has");
is_deeply([sort grep { !$fresh{$_} } keys %updated], [], 'and nothing else');
ok((row($node, "SELECT room_sid FROM videoroom_join('$room', 'ann')"))[0], 'the worker goes on by itself, and what was booked before is made');
sql('postgres', q{UPDATE videoroom.callback SET retry_at = now() WHERE applied_at IS NULL; SELECT videoroom.wake()});
wait_until { sql('postgres', 'SELECT bool_and(applied_at IS NOT NULL) FROM videoroom.callback') eq 't' } $patience, 'the callbacks to be applied';
is(sql('postgres', "SELECT s.started_callback IS NOT NULL, c.user_id FROM videoroom.session s JOIN videoroom.connection c USING (room_sid) WHERE room_sid = '$sid'"),
    't|ann', 'and what callbacks told meanwhile is known');
is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
never_crashed($node);
done_testing();
