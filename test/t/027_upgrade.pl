# An older version's database, updated, is what a new one is, keeps all it has, and goes on by itself.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use POSIX 'strftime';
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'upgraded', simulator => $twilio, extension => 0, join_wait => '30s', retry_cap => '1s');
my $patience = 60;    # seconds: the machine is busy
my ($oldest, $newest) = ('0.1.0', $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'videoroom'}));

sub sql { return $node->safe_psql($_[0], $_[1]) }

# All that makes up the extension, as text.
sub anatomy {
    my ($database) = @_;
    return [split /\n/, sql($database, <<'SQL')];
    WITH member AS (
        SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'videoroom'),
    class AS (SELECT c.* FROM pg_class c JOIN member m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass)
    SELECT replace(line, E'\n', ' ') FROM (
        SELECT 'member ' || pg_describe_object(classid, objid, 0) FROM member
        UNION ALL SELECT 'comment ' || pg_describe_object(classid, objid, 0) || ': ' || obj_description(objid, classid::regclass::name) FROM member
        UNION ALL SELECT pg_get_functiondef(p.oid) || p.proowner::regrole || coalesce(p.proacl::text, 'default')
                    FROM pg_proc p JOIN member m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
        UNION ALL SELECT 'relation ' || oid::regclass || relkind::text || relowner::regrole || coalesce(relacl, acldefault((CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", relowner))::text || coalesce(reloptions::text, '') FROM class
        UNION ALL SELECT 'column ' || c.oid::regclass || '.' || a.attnum || a.attname::text || format_type(a.atttypid, a.atttypmod) || a.attnotnull
                             || a.attidentity::text || a.attgenerated::text || coalesce(a.attacl::text, '') || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
                             || coalesce(col_description(c.oid, a.attnum), '')
                    FROM class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        UNION ALL SELECT 'view ' || oid::regclass || pg_get_viewdef(oid) FROM class WHERE relkind = 'v'
        UNION ALL SELECT 'constraint ' || x.conrelid::regclass || x.conname || pg_get_constraintdef(x.oid) FROM class c JOIN pg_constraint x ON x.conrelid = c.oid
        UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM class c JOIN pg_index i ON i.indrelid = c.oid
        UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM class c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
        UNION ALL SELECT 'type ' || t.oid::regtype || coalesce(t.typacl::text, 'default') FROM pg_type t JOIN member m ON m.objid = t.oid AND m.classid = 'pg_type'::regclass
        UNION ALL SELECT 'dumped ' || c.oid::regclass FROM pg_extension e, unnest(e.extconfig) c (oid) WHERE e.extname = 'videoroom'
        ) AS all_of_it (line) ORDER BY line COLLATE "C"
SQL
}

sql('postgres', 'CREATE DATABASE fresh');
sql('fresh', 'CREATE EXTENSION videoroom');
sql('postgres', "CREATE EXTENSION videoroom VERSION '$oldest'");
wait_until { (health($node, 'worker'))[1] =~ /another version/ } $patience, 'the worker to pause';
my ($ok, $detail, $hint) = health($node, 'version');
ok(!$ok && $detail eq "the library is $newest, the extension $oldest", 'the library newer than its tables: health says so');
like($hint, qr/^ALTER EXTENSION videoroom UPDATE TO '\Q$newest\E';/, 'and what to run');

# What is booked meanwhile waits.
sql('postgres', q{CREATE ROLE desk; SELECT videoroom_grant('desk', 'scheduler'), videoroom_grant('desk', 'operator')});
my $room = sql('postgres', q{SELECT videoroom_create_booking('old', now(), now() + interval '1 hour', '{ann}')});
my ($state, undef, $reason) = refusal($node, "SELECT videoroom_join('$room', 'ann')");
is("$state $reason", 'PT503 {"reason":"paused"}', 'a join is told that it pauses');
is(scalar(@{ $twilio->sim(GET => 'requests') }), 0, 'and Twilio is left alone');
is(scalar(log_lines($node, qr/LOG:  videoroom is paused: the library is version/)), 1, 'the log says it once');


# Callbacks come meanwhile, too.
my $url = "http://127.0.0.1:$node->{relay_port}/twilio";
my %event = (AccountSid => Simulator::ACCOUNT, RoomName => $room, RoomSid => 'RM' . 'a' x 32, RoomStatus => 'in-progress',
    StatusCallbackEvent => 'room-created', SequenceNumber => 0, Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime));
my $body = Simulator::form_encode(\%event);
my $signature = hmac_sha1_base64($url . join('', map { $_ . $event{$_} } sort keys %event), Simulator::TOKEN) . '=';
($state) = refusal($node, "INSERT INTO videoroom.callback (body, signature) VALUES ('$body', 'forged')");
is($state, 'PT403', 'a forged callback is refused');
sql('postgres', "INSERT INTO videoroom.callback (body, signature) VALUES ('$body', '$signature')");
is(sql('postgres', 'SELECT outcome FROM videoroom.callback'), 'applied', 'a genuine one is applied');

sql('postgres', 'ALTER EXTENSION videoroom UPDATE');
my %fresh = map { $_ => 1 } @{ anatomy('fresh') };
sql('postgres', 'DROP OWNED BY desk');
my %updated = map { $_ => 1 } @{ anatomy('postgres') };
is_deeply([sort grep { !$updated{$_} } keys %fresh], [], "updated from $oldest it has all that a fresh $newest has");
is_deeply([sort grep { !$fresh{$_} } keys %updated], [], 'and nothing else');
ok((row($node, "SELECT room_sid FROM videoroom_join('$room', 'ann')"))[0], 'the worker goes on by itself, and what was booked before is made');
is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
never_crashed($node);
done_testing();
