# What a hostile role, client or surroundings may try, and what comes of it: nothing.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use POSIX 'strftime';
use Simulator;
use Steps qw(set_config);
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();

# A proxy that nobody runs, and a .netrc with credentials of somebody else, in the surroundings of the server.
my $home = PostgreSQL::Test::Utils::tempdir();
open my $netrc, '>', "$home/.netrc" or die "$home/.netrc: $!\n";
print $netrc "default login intruder password letmein\n";
close $netrc or die "$home/.netrc: $!\n";
my $node = do {
    local $ENV{HOME} = $home;
    local @ENV{qw(http_proxy HTTP_PROXY https_proxy ALL_PROXY no_proxy)} = (('http://127.0.0.1:9') x 4, '');
    new_node(name => 'attacked', simulator => $twilio, join_wait => '30s', reconcile_interval => '1s');
};

sub sql { return $node->safe_psql('postgres', $_[0]) }

# What psql says, as a role, going on behind errors.
sub as {
    my ($role, $statements, $database) = @_;
    my ($out, $error) = ('', '');
    $node->psql($database // 'postgres', "\\set VERBOSITY verbose\nSET SESSION AUTHORIZATION $role;\n$statements",
        stdout => \$out, stderr => \$error, on_error_stop => 0);
    return "$out\n$error";
}

sub made {
    my ($room) = @_;
    return wait_until { sql("SELECT room_sid FROM videoroom.session WHERE room_id = '$room'") } 60, "room $room";
}

# --- surroundings

my $room = sql(q{SELECT videoroom_create_booking('first', now(), now() + interval '1 hour', '{ann}')});
my $sid = made($room);
ok($sid, 'a room is made past the proxy in the environment');

# --- lists that go on somewhere else

my $elsewhere = start_simulator();
my ($authority) = $twilio->url =~ m{//(.*)};
for my $page ($elsewhere->url . '/v1/Rooms?Page=1', $elsewhere->url =~ s{//}{//$authority\@}r . '/v1/Rooms?Page=1', '//127.0.0.1/v1/Rooms?Page=1') {
    my $position = log_position($node);
    $twilio->faults({ match => { method => 'GET', path => '^/v1/Rooms$' }, status => 200, count => -1,
        body => qq({"rooms": [], "meta": {"next_page_url": "$page", "key": "rooms"}}) });
    wait_until { log_lines($node, qr/The next page is said to be "\Q$page\E"/, $position) } 60, 'a page that points elsewhere';
    $twilio->sim(DELETE => 'faults');
}
is(scalar(@{ $elsewhere->sim(GET => 'requests') }), 0, 'whoever a list of Twilio\'s points to is not called');
is(sql("SELECT ended_at IS NULL FROM videoroom.session WHERE room_sid = '$sid'"), 't', 'and no room is taken for ended that such a list leaves out');

# --- names that stand in front of the server's own

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory LOGIN;
SELECT videoroom_grant('mallory', part) FROM unnest('{scheduler,backend,reader,operator,relay}'::text[]) part;
CREATE SCHEMA mallory AUTHORIZATION mallory;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE TABLE mallory.loot (what text);
ALTER TABLE mallory.loot OWNER TO mallory;
SQL
my @planted = (
    (map { "CREATE FUNCTION mallory.steal_$_->[0]($_->[1], $_->[1]) RETURNS boolean LANGUAGE plpgsql AS
        \$\$ BEGIN INSERT INTO mallory.loot VALUES (current_user); RETURN true; END \$\$" }
        ['text', 'text'], ['times', 'timestamptz'], ['numbers', 'bigint']),
    (map { my ($name, $type) = @$_; map { "CREATE OPERATOR mallory.$_ (LEFTARG = $type, RIGHTARG = $type, FUNCTION = mallory.steal_$name)" }
        qw(= <> < <= > >=) } ['text', 'text'], ['times', 'timestamptz'], ['numbers', 'bigint']),
    (map { "CREATE FUNCTION mallory.$_->[0] RETURNS $_->[1] LANGUAGE plpgsql AS
        \$\$ BEGIN INSERT INTO mallory.loot VALUES ('$_->[1]'); RETURN NULL; END \$\$" }
        ['now()', 'timestamptz'], ['clock_timestamp()', 'timestamptz'], ['count(bigint)', 'bigint'], ['jsonb_build_object(text, text)', 'jsonb'],
        ['least(timestamptz, timestamptz)', 'timestamptz'], ['sha256(bytea)', 'bytea'], ['random()', 'float8'],
        ['pg_notify(text, text)', 'text'], ['hashtextextended(text, bigint)', 'bigint']),
    'CREATE VIEW mallory.videoroom_rooms AS SELECT 1',
    (map { "CREATE TEMP TABLE $_ (room_id text, x int)" } qw(room participant session connection outbox callback event home)),
    (map { "CREATE FUNCTION pg_temp.$_() RETURNS timestamptz LANGUAGE plpgsql AS
        \$\$ BEGIN INSERT INTO mallory.loot VALUES ('temp'); RETURN NULL; END \$\$" } qw(now clock_timestamp)));
my $times = q{pg_catalog.now(), pg_catalog.now() OPERATOR(pg_catalog.+) interval '1 hour'};

# What Twilio would say of the first room, signed; mallory is the relay, too.
my $url = 'https://x.example/';
my %event = (AccountSid => Simulator::ACCOUNT, RoomName => $room, RoomSid => $sid, RoomStatus => 'in-progress', SequenceNumber => 1,
    StatusCallbackEvent => 'participant-connected', ParticipantSid => 'PA' . 'a' x 32, ParticipantStatus => 'connected', ParticipantIdentity => 'ann',
    Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime));
my $body = Simulator::form_encode(\%event);
sub signature { return hmac_sha1_base64($_[0] . join('', map { $_ . $event{$_} } sort keys %event), Simulator::TOKEN) . '=' }
my $signature = signature($url);
my @crooked = ('https://ann@x.example/', 'x.example/', 'https://x.example/ ', 'https://x.example:0443/');
my $said = as('mallory', join ";\n", @planted, 'SET search_path = mallory, pg_temp, pg_catalog',
    "SELECT 'booked ' || public.videoroom_create_booking('shadow', $times, '{ann,ben}', '{\"metadata\": {\"a\": 1}}')",
    q{SELECT public.videoroom_add_participants(room_id, '{cid}') FROM public.videoroom_rooms WHERE booking_id OPERATOR(pg_catalog.=) 'shadow'},
    q{SELECT public.videoroom_remove_participant(room_id, 'cid') FROM public.videoroom_rooms WHERE booking_id OPERATOR(pg_catalog.=) 'shadow'},
    q{SELECT 'joined ' || (public.videoroom_join(room_id, 'ann')).user_id FROM public.videoroom_rooms WHERE booking_id OPERATOR(pg_catalog.=) 'shadow'},
    "SELECT public.videoroom_reschedule('shadow', $times)", "SELECT public.videoroom_extend('shadow', pg_catalog.now() OPERATOR(pg_catalog.+) interval '2 hours')",
    q{SELECT 'got ' || (public.videoroom_get(room_id) ->> 'booking_id') FROM public.videoroom_participants WHERE user_id OPERATOR(pg_catalog.=) 'ann'},
    q{SELECT 'health ' || name FROM public.videoroom_health()}, q{SELECT public.videoroom_explain('x', 'y')}, q{SELECT public.videoroom_retry()},
    q{SELECT public.videoroom_cancel('shadow')}, q{SELECT public.videoroom_erase('cid')}, q{SELECT public.videoroom_replay('-infinity')},
    (map { "INSERT INTO videoroom.callback (body, signature, url) VALUES ('$body', '" . signature($_) . "', '$_')" } @crooked),
    "INSERT INTO videoroom.callback (body, signature, url) VALUES ('$body', '$signature', '$url')",
    q{INSERT INTO videoroom.callback (body, signature, url) VALUES ('a=b', 'x', 'https://x.example/')}, '');
like($said, qr/booked \w{25}\n.*joined ann.*got shadow.*health preload/s, 'every verb works for a role that has put its own names in front')
    or diag($said);
unlike($said, qr/ERROR:(?!  PT403: callback not verified)/, 'and fails for none of them') or diag($said);
is(sql('SELECT outcome FROM videoroom.callback WHERE signature = ' . "'$signature'"), 'applied', 'a callback is applied, too');
is(scalar(() = $said =~ /PT403: callback not verified/g), 1 + @crooked, 'but none for a URL that Twilio was never given, however it is signed');
is(sql('SELECT count(*) FROM mallory.loot'), 0, 'none of its functions and operators was called with the rights of the extension');

# --- triggers and rules on the tables

for my $table (qw(room participant session connection outbox callback event home)) {
    my $answer = as('mallory', qq{
        CREATE FUNCTION mallory.spy_$table() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RETURN NEW; END \$\$;
        CREATE TRIGGER spy BEFORE INSERT ON videoroom.$table FOR EACH ROW EXECUTE FUNCTION mallory.spy_$table();
        CREATE RULE spy AS ON INSERT TO videoroom.$table DO ALSO NOTHING;
        ALTER TABLE videoroom.$table DISABLE TRIGGER ALL;
        ALTER TABLE videoroom.$table OWNER TO mallory;});
    is(scalar(() = $answer =~ /ERROR:  42501/g), 4, "no trigger, rule or owner can be put on videoroom.$table");
}

# --- objects that were there before CREATE EXTENSION

sql('CREATE DATABASE planted');
$node->safe_psql('planted', 'GRANT CREATE ON DATABASE planted TO mallory; GRANT CREATE ON SCHEMA public TO mallory');
my %before = (
    'a schema of the name' => ['CREATE SCHEMA videoroom', 'DROP SCHEMA videoroom', qr/ERROR:  42P06.*DETAIL:  The extension makes that schema itself/s],
    'a function of the same arguments' => [
        q{CREATE FUNCTION public.videoroom_slot(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'},
        'DROP FUNCTION public.videoroom_slot(text)', qr/ERROR:  42723/],
    'a view' => ['CREATE VIEW public.videoroom_rooms AS SELECT 1 AS x', 'DROP VIEW public.videoroom_rooms', qr/ERROR:  42P07/]);
for my $what (sort keys %before) {
    my ($create, $drop, $error) = @{ $before{$what} };
    unlike(as('mallory', "$create;", 'planted'), qr/ERROR/, "before CREATE EXTENSION somebody makes $what");
    like(as('postgres', 'CREATE EXTENSION videoroom;', 'planted'), $error, 'which is not taken over: nothing is installed');
    as('mallory', "$drop;", 'planted');
}
unlike(as('mallory', q{
    CREATE FUNCTION public.mine(integer, interval) RETURNS interval LANGUAGE sql IMMUTABLE AS 'SELECT $2';
    CREATE OPERATOR public.* (LEFTARG = integer, RIGHTARG = interval, FUNCTION = public.mine);
    CREATE FUNCTION public.mine(bigint, text) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1';
    CREATE AGGREGATE public.count(text) (SFUNC = public.mine, STYPE = bigint, INITCOND = '0');
    CREATE FUNCTION public.upper(tstzrange) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS 'SELECT NULL::timestamptz';}, 'planted'),
    qr/ERROR/, 'operators and functions that fit better than the server\'s own');
unlike(as('postgres', 'CREATE EXTENSION videoroom;', 'planted'), qr/ERROR/, 'do not keep it from being installed');
is($node->safe_psql('planted', q{SELECT count(*) FROM pg_depend WHERE refobjid IN (
    SELECT oid FROM pg_operator WHERE oprowner = 'mallory'::regrole
    UNION ALL SELECT oid FROM pg_proc WHERE proowner = 'mallory'::regrole AND proname <> 'mine')}), 0, 'and nothing of the extension uses them');

# --- texts that would be SQL, or more than a name, if anybody took them for it

my $before = sql('SELECT count(*) FROM videoroom.room');
for my $text (q{'; DROP TABLE videoroom.room; --}, q{$$||pg_sleep(60)||$$}, q{\\'); DELETE FROM videoroom.outbox; --}, q{%s %n %1$s}, q{{token}{room_id}},
    q{a&token=b#c?d/../e%00%0d%0aSet-Cookie: x}, q{"}, q{<script>alert(1)</script>}, "\x{c3}\x{a9}\x{e2}\x{80}\x{ae}") {
    (my $quoted = $text) =~ s/'/''/g;
    $quoted = "'$quoted'";
    my $its = sql("SELECT videoroom_create_booking($quoted, now(), now() + interval '1 hour', ARRAY[$quoted],
        json_build_object('metadata', json_build_object($quoted, $quoted))::jsonb)");
    made($its);
    is(sql("SELECT user_id = $quoted AND link ~ '^https://app\\.example/room/[0-9a-zA-Z]{25}#token=[A-Za-z0-9_.-]+\$' FROM videoroom_join('$its', $quoted)"), 't',
        "a user called $text joins, and the link is what the template says") ;
    sql("SELECT videoroom_remove_participant('$its', $quoted), videoroom_cancel($quoted, $quoted)");
    is(sql("SELECT r.reason = $quoted AND r.metadata ->> $quoted = $quoted FROM videoroom.room r WHERE r.room_id = '$its'"), 't', 'it is kept as it came');
    like(as('postgres', "SELECT videoroom_join($quoted, 'ann'); SELECT videoroom_get($quoted)"), qr/(?:ERROR:  PT404.*){2}/s, 'as a room_id it is unknown');
    sql("SELECT videoroom_erase($quoted)");
}
is(sql('SELECT count(*) FROM videoroom.room'), $before + 9, 'every row is there');

is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
never_crashed($node);
done_testing();
