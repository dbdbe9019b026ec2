# Settings and credentials: what is wrong is refused where it is set, or said where it is missed, without a secret in it; schemas
# of any name; a server without the preload; and what each role may do and what not.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use POSIX 'strftime';
use Steps qw(set_config);
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'settings', simulator => $twilio, start => 0, join_early => '1h', reconcile_interval => '1d');
my $file = $node->basedir . '/credentials.json';
unlink $file or die "$file: $!\n";
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION videoroom');

sub sql { return $node->safe_psql('postgres', $_[0]) }

# (SQLSTATE, all that psql said); '00000' where nothing failed.
sub try {
    my ($statement, %given) = @_;
    my ($out, $error) = ('', '');
    ($given{node} // $node)->psql($given{database} // 'postgres', "\\set VERBOSITY verbose\n$statement",
        stdout => \$out, stderr => \$error, on_error_stop => 0);
    return ($error =~ /ERROR:  (\w{5}): / ? $1 : '00000', "$out$error");
}

sub book {
    my ($name, %given) = @_;
    return ($given{node} // $node)->safe_psql($given{database} // 'postgres',
        "SELECT videoroom_create_booking('$name', now() + interval '5 min', now() + interval '1 hour', '{ann,ben}')");
}

sub made {
    my ($room, %given) = @_;
    return wait_until {
        ($given{node} // $node)->safe_psql($given{database} // 'postgres',
            "SELECT room_sid FROM videoroom.session WHERE room_id = '$room'")
    } 20, "room $room";
}

# --- values

my $hour = 60 * 60;
my %numbers = (  # least, most, unit
    join_early => [0, $hour, 's'], join_grace => [0, 24 * $hour, 's'], end_after => [0, 24 * $hour, 's'],
    join_wait => [0, 60_000, 'ms'], max_waiting => [0, 1000, ''], max_requests => [1, 500, ''],
    writes_per_second => [1, 100_000, ''], reads_per_second => [1, 100_000, ''], request_timeout => [100, 120_000, 'ms'],
    retry_cap => [1, 24 * $hour, 's'], reconcile_interval => [1, 24 * $hour, 's'], retention => [1, 2147483647, 's']);
my @statements;
for my $name (sort keys %numbers) {
    my ($least, $most, $unit) = @{ $numbers{$name} };
    my $outside = qr/is outside the valid range for parameter "videoroom\.$name"/;
    push @statements, ["ALTER SYSTEM SET videoroom.$name = '$least$unit'", '00000', qr/^\s*$/, "$name may be $least$unit"],
        ["ALTER SYSTEM SET videoroom.$name = '$most$unit'", '00000', qr/^\s*$/, "$name may be $most$unit"],
        ["ALTER SYSTEM SET videoroom.$name = '" . ($least - 1) . "$unit'", '22023', $outside, "$name may not be less than $least$unit"],
        $name eq 'retention' ? () :
        ["ALTER SYSTEM SET videoroom.$name = '" . ($most + 1) . "$unit'", '22023', $outside, "$name may not be more than $most$unit"],
        ["ALTER SYSTEM SET videoroom.$name = 'soon'", '22023', qr/invalid value for parameter/, "$name must be a number"],
        ["ALTER SYSTEM RESET videoroom.$name", '00000', qr/^\s*$/, "$name can be reset"];
}
push @statements, map {
    ["ALTER SYSTEM SET videoroom.$_ = 'perhaps'", '22023', qr/parameter "videoroom\.$_" requires a Boolean value/, "$_ is on or off"]
} qw(enabled notify);

my $form_of_api = qr/API URL must be of the form https:/;
my $form_of_callback = qr/DETAIL:  Callback URL must be in its normal form\.\nHINT:  That is https:.*\{database\} is the one placeholder\./;
my %texts = (
    credentials_file => [['credentials.json', qr/DETAIL:  The path must be absolute\./]],
    ca_file => [['own.pem', qr/DETAIL:  The path must be absolute\./]],
    proxy => [map { [$_, qr{DETAIL:  Proxy must be of the form http://host:port.*HINT:  Its user and password are in the credentials file}s] }
        'proxy.internal:3128', 'http://proxy.internal', 'socks5://proxy.internal', 'http://pro:xy@proxy.internal:3128', 'http://proxy.internal/path'],
    api_url => [
        (map { [$_, $form_of_api] } '', 'video.twilio.com', 'ftp://video.twilio.com', 'https://key:secret@video.twilio.com',
            'https://video.twilio.com/v1', 'https://video.twilio.com?a=b', 'https://video.twilio.com#a', 'https://video.twilio.com:99999'),
        (map { [$_, qr/must begin with https:.*Plain http is allowed for loopback only/s] }
            'http://video.twilio.com', 'http://127.0.0.1.example', 'http://localhost.example')],
    callback_url => [
        (map { [$_, $form_of_callback] } 'rooms.example/twilio', 'ftp://rooms.example', 'https://rooms.example/a b',
            'https://user:password@rooms.example/', 'https://Rooms.example/', 'https://rooms.example:443/', 'https://rooms.example',
            'http://192.0.2.1/', 'https://rooms.example/a/../b', 'https://rooms.example/%41', 'https://rooms.example/?a=1&a=2',
            'https://rooms.example/{room}', 'https://{database}.example/'),
        ['https://rooms.example/' . 'a' x 1000, qr/must be shorter than 1024 characters.*override that is added with 12/s]],
    link_template => [
        (map { [$_, qr/must be an absolute https URL.*For example: https:/s] }
            '/room/{room_id}#token={token}', 'https://user@app.example/#{token}'),
        ['http://app.example/#{token}', qr/must begin with https:.*Plain http is allowed for loopback only/s],
        ['https://app.example/{room_id}', qr/must contain \{token\}/],
        (map { [$_, qr/unknown placeholder.*Known are \{token\}, \{room_id\} and \{room_sid\}/s] }
            'https://app.example/{room}#{token}', 'https://app.example/#{token')],
    identity_claim => [map { [$_, qr/DETAIL:  identity_claim .*\./] } '', "a\tb", 'c' x 129]);
for my $name (sort keys %texts) {
    push @statements, map {
        my ($value, $message) = @$_;
        ["ALTER SYSTEM SET videoroom.$name = '$value'", '22023', qr/invalid value for parameter "videoroom\.$name".*$message/s,
            sprintf '%s may not be "%.40s"', $name, $value =~ s/\t/<tab>/r]
    } @{ $texts{$name} };
}
push @statements, map { ["ALTER SYSTEM SET videoroom.$_->[0] = '$_->[1]'", '00000', qr/^\s*$/, "$_->[0] may be $_->[1]"],
    ["ALTER SYSTEM RESET videoroom.$_->[0]", '00000', qr/^\s*$/, "$_->[0] can be reset"] }
    ['proxy', 'http://proxy.internal:3128'], ['proxy', 'https://proxy.internal:3128/'], ['proxy', ''],
    ['ca_file', '/etc/ssl/own.pem'], ['ca_file', ''],
    ['api_url', 'http://[::1]:8080'], ['api_url', 'http://localhost'], ['api_url', 'https://video.dublin.us1.twilio.com/'],
    ['callback_url', 'https://rooms.example/{database}?a=b#rc=1'], ['callback_url', 'http://[::1]:8080/'], ['callback_url', ''],
    ['link_template', 'https://app.example/{room_sid}/{room_id}?lang=en#{token}'], ['link_template', ''];
push @statements,
    ["ALTER SYSTEM SET videoroom.link_template = 'https://app.example/room?token={token}'", '00000',
        qr/WARNING:  .*puts the token where web servers log it.*HINT:  Put \{token\} behind a "#"/s,
        'a template that puts the token into the query is warned of'],
    ['ALTER SYSTEM RESET videoroom.link_template', '00000', qr/^\s*$/, 'it can be reset'],
    ['ALTER SYSTEM SET videoroom.retires = 5', '(42704|42602)', qr/videoroom\.retires/, 'a misspelt setting is refused'],
    ['SET videoroom.join_early = 5', '55P02', qr/cannot be changed now/, 'a session cannot change settings for itself'],
    ['SET videoroom.identity_claim = \'email\'', '55P02', qr/cannot be changed now/, 'least of all which claim names the user'];

push @statements,
    ["ALTER DATABASE postgres SET videoroom.link_template = 'https://db.example/{room_id}?t={token}'", '00000',
        qr/WARNING:  .*puts the token where web servers log it/, 'a template may be a database\'s, and is warned of once, when it is set'],
    ['\c -', '00000', qr/^(?!.*WARNING).*$/s, 'not in each session that begins'],
    [q{DO $$ BEGIN ASSERT current_setting('videoroom.link_template') = 'https://db.example/{room_id}?t={token}'; END $$}, '00000', qr/^\s*$/,
        'where it is in force'],
    ['ALTER DATABASE postgres RESET videoroom.link_template', '00000', qr/^\s*$/, 'it can be reset there'],
    ['CREATE ROLE nobody_special; SET ROLE nobody_special; SHOW videoroom.credentials_file', '42501', qr/pg_read_all_settings/,
        'where the credentials are is not told to everybody'],
    ["SET videoroom.link_template = 'https://mine.example/{token}'", '42501', qr/permission denied/, 'nor does everybody set the template'],
    ['RESET ROLE; DROP ROLE nobody_special', '00000', qr/^\s*$/, 'as the owner again'];

push @statements, (map { ["ALTER SYSTEM SET videoroom.log_joins = '$_'", '00000', qr/^\s*$/, "log_joins may be $_"] } qw(none refused all)),
    ["ALTER SYSTEM SET videoroom.log_joins = 'some'", '22023', qr/HINT:  Available values: none, refused, all/, 'and nothing else'],
    ['ALTER SYSTEM RESET videoroom.log_joins', '00000', qr/^\s*$/, 'log_joins can be reset'];

# One session for all of them: what each says stands between two marks.
my (undef, $said) = try(join "\n", map { ("$statements[$_][0];", "\\warn <$_>") } 0 .. $#statements);
my @answers = split /<\d+>\n?/, $said;
for my $i (0 .. $#statements) {
    my (undef, $state, $message, $behaviour) = @{ $statements[$i] };
    my ($got) = ($answers[$i] // '') =~ /ERROR:  (\w{5}): /;
    ok(($got // '00000') =~ /^$state$/ && $answers[$i] =~ $message, $behaviour) || diag("$statements[$i][0]: $answers[$i]");
}

my $position = log_position($node);
$node->append_conf('postgresql.conf', "videoroom.join_early = '2h'");
$node->reload;
wait_until { log_lines($node, qr/is outside the valid range for parameter "videoroom.join_early"/, $position) } 20, 'the reload';
is(sql('SHOW videoroom.join_early'), '1h', 'a bad value in the file is logged at reload and the one in use stays');
$node->append_conf('postgresql.conf', "videoroom.join_early = '1h'");
$node->reload;

# --- credentials

my %good = (account_sid => Simulator::ACCOUNT, auth_token => Simulator::TOKEN,
    api_key_sid => Simulator::KEY, api_key_secret => Simulator::SECRET);
my $secondary = 'fedcba9876543210fedcba9876543210';

# Puts a file in place at once, so that nobody reads half of it.
sub put {
    my ($content, $mode) = @_;
    PostgreSQL::Test::Utils::append_to_file("$file.new", ref $content ? JSON::PP->new->canonical->encode($content) : $content);
    chmod $mode // 0600, "$file.new";
    rename "$file.new", $file or die "$file: $!\n";
}

my $booked = book('without-credentials');
ok($booked, 'without credentials booking works');
wait_until { log_lines($node, qr/LOG:  videoroom makes no calls: the Twilio credentials are not available/) } 20, 'the log';
wait_until { (health($node, 'worker'))[1] =~ /^process \d+ has no credentials$/ } 20, 'the worker to say that it waits';
pass('the worker waits');
my $form = qr/The file must be a JSON object with account_sid, auth_token, api_key_sid, api_key_secret/;
my @broken = (
    ['missing', sub { }, qr/could not read credentials file ".*": No such file or directory/, qr/Set videoroom\.credentials_file and reload/],
    ['readable by its group', sub { put(\%good, 0640) }, qr/is accessible to group or others/, qr/Run: chmod 600 \Q$file/],
    ['readable by others', sub { put(\%good, 0604) }, qr/is accessible to group or others/, qr/Run: chmod 600 \Q$file/],
    ['not readable at all', sub { put(\%good, 0000) }, qr/Permission denied/, qr/./],
    ['a directory', sub { unlink $file; mkdir $file, 0700 or die "$file: $!\n" }, qr/it is not a regular file/, qr/./],
    ['empty', sub { rmdir $file; put('') }, qr/It is not valid JSON: the error is at line 1, column 0/, $form],
    ['broken JSON', sub { put('{"auth_token": "' . Simulator::TOKEN . '", "api_key_secret": "' . Simulator::SECRET) },
        qr/It is not valid JSON: the error is at line 1/, $form],
    ['no object', sub { put('["' . Simulator::TOKEN . '"]') }, qr/It is no JSON object/, $form],
    ['with an unknown key', sub { put({ %good, auth_tokens => $secondary }) }, qr/Key "auth_tokens" is unknown/, $form],
    ['with a secret for a key', sub { put({ %good, Simulator::SECRET() => 1 }) }, qr/There is an unknown key/, $form],
    ['with a key missing', sub { my %less = %good; delete $less{auth_token}; put(\%less) }, qr/Key "auth_token" is missing/, $form],
    ['with a number for a secret', sub { put({ %good, api_key_secret => 5 }) }, qr/Key "api_key_secret" must be a string/, $form],
    ['with the token for an SID', sub { put({ %good, account_sid => Simulator::TOKEN }) },
        qr/Key "account_sid" must be AC and 32 hexadecimal digits/, $form],
    ['with a key twice', sub { put('{"auth_token": "' . Simulator::TOKEN . '", "auth_token": "' . $secondary . '"}') },
        qr/It is not valid JSON: a key is there twice/, $form],
    ['larger than 64 kB', sub { put(JSON::PP->new->encode(\%good) . ' ' x 65536) }, qr/it is larger than 64 kB/, qr/./]);
for (@broken) {
    my ($what, $break, $why, $hint) = @$_;
    $break->();
    my ($state, $words) = try("SELECT videoroom_join('$booked', 'ann')");
    ok($state eq '55000' && $words =~ /the Twilio credentials are not available.*DETAIL:  .*$why.*HINT:  .*$hint/s,
        "a join is told with a hint what is wrong with a credentials file that is $what") || diag($words);
    my ($ok, $detail, $help) = health($node, 'credentials');
    ok(!$ok && $detail =~ $why && $help =~ ($hint eq $form || $what =~ /readable by/ ? $hint : qr/credentials_file = .*pg_reload_conf/),
        "health fails for one that is $what, and says what to do") || diag("$detail $help");
}
is((try("SELECT videoroom_join('$booked', 'mallory')"))[0], 'PT403', 'a stranger is told no more than ever');
ok(book('with-a-broken-file'), 'with a broken file booking works');
is_deeply($twilio->sim(GET => 'requests'), [], 'nothing was sent to Twilio so far');

for (['/etc/passwd', qr/is accessible to others, or its group can write it/, qr{Run: chmod 640 /etc/passwd}],
    -e $ENV{MOUNTED} ? [$ENV{MOUNTED}, qr/^the file is complete$/, qr/^$/] : ()) {
    my ($path, $why, $hint) = @$_;
    set_config($node, credentials_file => $path);
    my (undef, $detail, $help) = health($node, 'credentials');
    ok($detail =~ $why && $help =~ $hint, "of root's files one that only its group reads will do: $path") || diag("$detail $help");
}
SKIP: { skip 'a file of root\'s takes root to make', 1 unless -e $ENV{MOUNTED}; pass('such a file was tried') }
set_config($node, credentials_file => $file);

put(\%good);
sql('SELECT pg_reload_conf()');
my $sid = made($booked);
is(sql("SELECT room_sid FROM videoroom_join('$booked', 'ann')"), $sid, 'with the file corrected and a reload all goes on');
ok((health($node, $_))[0], "health: $_ is well") for qw(credentials worker);

my $session = $node->background_psql('postgres');
my $join = "SELECT room_sid FROM videoroom_join('$booked', 'ben')";
is($session->query_safe($join), $sid, 'a session joins');
my $loaded = $session->query_safe('SELECT pg_conf_load_time()');
put('{"auth_token": "' . $secondary . '",');
$position = log_position($node);
set_config($node);
wait_until { log_lines($node, qr/LOG:  keeping the credentials in use/, $position) } 20, 'the worker to log it';
ok(1, 'a file that is broken at a reload is logged');
ok(made(book('after-a-bad-reload')), 'and the worker keeps the credentials in use');
wait_until { $session->query_safe('SELECT pg_conf_load_time()') ne $loaded } 20, 'the session to reload';
is($session->query_safe($join), $sid, 'so does a session that has them');
is((try($join))[0], '55000', 'a session that starts then has none to keep');
like((health($node, 'credentials'))[1], qr/It is not valid JSON/, 'health says what is wrong');
let_go($session);
put({ %good, auth_token_secondary => $secondary });
sql('SELECT pg_reload_conf()');

# --- a clock that is not Twilio's

sub http_date { my ($shift) = @_; return POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $shift)) }
sub told_the_time { my ($shift) = @_; $twilio->faults({ match => { method => 'POST' }, status => 409, headers => { Date => http_date($shift) }, count => 1 }) }
ok((health($node, 'clock'))[0], 'what no answer tells is not known');
for ([-9, qr/^\d+ seconds ahead of Twilio's/], [20, qr/^1\d seconds behind Twilio's/], [-2, qr/^as Twilio's/]) {
    my ($shift, $says) = @$_;
    told_the_time($shift);
    book("told-$shift");
    wait_until { (health($node, 'clock'))[1] =~ $says } 20, "health to say $says";
    is((health($node, 'clock'))[0], $shift == -2 ? 1 : '', "Twilio's Date $shift s from here: health says so beyond 5 s");
}

# --- who a request's claims name

# What the one-argument join says to claims: a user_id, or SQLSTATE and reason.
sub claimed {
    my ($claims) = @_;
    my ($state, $words) = try("SET request.jwt.claims = '$claims'; SELECT 'user ' || user_id FROM videoroom_join('$booked')");
    return $words =~ /^user (.*)$/m ? $1 : join ' ', $state, $words =~ /"reason": ?"([^"]*)"/;
}
set_config($node, identity_claim => 'app_metadata.user_id');
is(claimed(@$_), $_->[1], "$_->[2]: $_->[0]") for
    ['{"sub": "ben", "app_metadata": {"role": "x", "user_id": "ann"}}', 'ann', 'identity_claim may be a path'],
    ['{"app_metadata": {"user_id": "ann"}, "app_metadata.user_id": "ben"}', 'ben', 'a claim of exactly that name wins'],
    ['{"app_metadata": {"user_id": "ann"}, "app_metadata.user_id": null}', 'PT401 bad-claim', 'and where it is unusable, nobody is named'],
    ['{"user_id": "ann", "app_metadata": {"app_metadata": {"user_id": "ann"}}}', 'PT401 no-claim', 'a path begins at the top'],
    ['{"app_metadata": "user_id"}', 'PT401 no-claim', 'and leads through objects'],
    ['{"app_metadata": [{"user_id": "ann"}]}', 'PT401 no-claim', 'not through lists'],
    ['{"app_metadata": {"user_id": ["ann"]}}', 'PT401 bad-claim', 'what is at its end must be usable'];
set_config($node, identity_claim => 'sub');

# --- secrets

my @secrets = (Simulator::TOKEN, Simulator::SECRET, $secondary);
my ($token) = sql("SELECT token FROM videoroom_join('$booked', 'ann')");
$twilio->join($booked, 'ann');
my $dump = '';
IPC::Run::run(['pg_dump', '-d', $node->connstr('postgres')], '>', \$dump) or die "pg_dump failed\n";
my %places = (
    'the log' => PostgreSQL::Test::Utils::slurp_file($node->logfile),
    'pg_settings' => sql('SELECT s FROM pg_settings s'),
    'pg_file_settings' => sql('SELECT s FROM pg_file_settings s'),
    'pg_stat_activity' => sql('SELECT a FROM pg_stat_activity a'),
    'health' => sql('SELECT h FROM videoroom_health() h'),
    'a dump' => $dump,
    map({ ("table $_" => sql("SELECT t FROM videoroom.$_ t")) } qw(room participant session connection outbox callback event)));
for my $place (sort keys %places) {
    is(scalar(grep { index($places{$place}, $_) >= 0 } @secrets, $token), 0, "no secret is in $place");
}
my %logins = map { $_->{auth} => 1 } grep { !$_->{fault} } @{ $twilio->sim(GET => 'requests') };
is_deeply([keys %logins], ['api_key'], 'the auth token is never sent');

# --- schemas

sub callback {
    my ($room, $url, %more) = @_;
    my %params = (
        AccountSid => Simulator::ACCOUNT, RoomName => $room, RoomSid => 'RM' . 'a' x 32, RoomStatus => 'in-progress',
        RoomType => 'group', StatusCallbackEvent => 'room-created', SequenceNumber => 0,
        Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime), %more);
    my $signature = hmac_sha1_base64($url . join('', map { $_ . $params{$_} } sort keys %params), Simulator::TOKEN) . '=';
    my $body = Simulator::form_encode(\%params);
    return "INSERT INTO videoroom.callback (body, signature) VALUES ('$body', '$signature')";
}
my $url = "http://127.0.0.1:$node->{relay_port}/twilio";

for my $schema ('api', 'Odd Name; (select) – ünd so') {
    my $database = $schema eq 'api' ? 'tidy' : 'odd';
    sql("CREATE DATABASE $database");
    my $in = sub { return $node->safe_psql($database, qq{SET search_path = "$schema"; $_[0]}) };
    $in->(qq{CREATE SCHEMA "$schema"; CREATE EXTENSION videoroom SCHEMA "$schema"});
    is($in->(q{SELECT string_agg(DISTINCT pronamespace::regnamespace::text, ' ') FROM pg_proc WHERE proname LIKE 'videoroom\_%'}),
        $in->(qq{SELECT quote_ident('$schema')}), qq{CREATE EXTENSION SCHEMA "$schema" puts the functions there and nowhere else});
    my $room = $in->(q{SELECT videoroom_create_booking('here', now(), now() + interval '1 hour', '{ann}')});
    my $its_sid = made($room, database => $database);
    is($in->("SELECT room_sid FROM videoroom_join('$room', 'ann')"), $its_sid, 'there its worker makes rooms and joins give links');
    my %person = (RoomSid => $its_sid, StatusCallbackEvent => 'participant-connected', ParticipantSid => 'PA' . 'b' x 32,
        ParticipantStatus => 'connected', ParticipantIdentity => 'ann');
    my $client = lock_room($node, $room, $database);
    $in->(callback($room, $url, %person));
    $client->query_safe('COMMIT');
    let_go($client);
    wait_until { $in->('SELECT outcome FROM videoroom.callback') eq 'applied' } 20, 'the callback to be applied';
    is($in->('SELECT connected FROM videoroom_rooms'), 1, 'callbacks are applied, by the worker too');
    $in->('DO $$ BEGIN CREATE ROLE "Its Relay" NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$');
    $in->(qq{SELECT videoroom_grant('"Its Relay"', '$_')}) for qw(scheduler backend member relay reader operator);
    $in->(qq{SET ROLE "Its Relay"; SELECT videoroom_end('$room')});
    ok(1, 'every part can be granted');
    wait_until { $twilio->sim(GET => "rooms?room=$room")->[0]{status} eq 'completed' } 20, 'the end';
    ok(1, 'and a call ends');
}

# --- who may do what

my $other_room = book('grants');
made($other_room);
my $times = q{now(), now() + interval '1 hour'};
my %deeds = (
    create => "SELECT videoroom_create_booking('mine', $times, '{ann}')",
    cancel => "SELECT videoroom_cancel('grants')",
    reschedule => "SELECT videoroom_reschedule('grants', $times)",
    update => "SELECT videoroom_update('grants', '{}')",
    extend => "SELECT videoroom_extend('grants', now() + interval '90 min')",
    add => "SELECT videoroom_add_participants('$other_room', '{carl}')",
    remove => "SELECT videoroom_remove_participant('$other_room', 'ben')",
    end => "SELECT videoroom_end('$other_room')",
    get => "SELECT videoroom_get('$other_room')",
    rooms => 'SELECT count(*) FROM videoroom_rooms',
    participants => 'SELECT count(*) FROM videoroom_participants',
    'join as anybody' => "SELECT videoroom_join('$other_room', 'ann')",
    'join as oneself' => "SET LOCAL request.jwt.claims = '{\"sub\": \"ann\"}'; SELECT videoroom_join('$other_room')",
    'receive a callback' => q{SELECT videoroom_receive_callback('a=b')},
    'insert a callback' => callback($other_room, $url),
    'insert one as applied' => q{INSERT INTO videoroom.callback (body, signature, outcome) VALUES ('a=b', '', 'applied')},
    'read calls' => 'SELECT * FROM videoroom.outbox',
    'read callbacks' => 'SELECT id, room_id, retry_at, error FROM videoroom.callback',
    'read what callbacks say' => 'SELECT body FROM videoroom.callback',
    'read tables' => 'SELECT count(*) FROM videoroom.room',
    'write the outbox' => "INSERT INTO videoroom.outbox (room_id, action) VALUES ('$other_room', 'complete-room')",
    health => 'SELECT count(*) FROM videoroom_health()',
    stats => 'SELECT count(*) FROM videoroom_stats()',
    explain => q{SELECT count(*) > 0 FROM videoroom_explain('x', 'ann')},
    retry => 'SELECT videoroom_retry()',
    'apply a callback' => q{SELECT videoroom_apply_callback('{}')},
    grant => q{SELECT videoroom_grant(current_user::regrole, 'operator')},
    wake => 'SELECT videoroom.wake()',
    settle => "SELECT videoroom.settle_room('$other_room')");
my %may = (
    nobody => [],
    scheduler => [qw(create cancel reschedule update extend add remove end get rooms participants)],
    backend => ['join as anybody', qw(end remove get)],
    member => ['join as oneself'],
    relay => ['receive a callback', 'insert a callback'],
    reader => [qw(get rooms participants)],
    operator => [qw(health stats explain retry wake), 'apply a callback', 'read calls', 'read callbacks']);
for my $part (sort keys %may) {
    sql("CREATE ROLE $part NOLOGIN");
    sql("SELECT videoroom_grant('$part', '$part')") if $part ne 'nobody';
    my (undef, $words) = try(join "\n", "SET ROLE $part;",
        map { ('BEGIN;', "$deeds{$_} \\g /dev/null", "\\warn <$_>", 'ROLLBACK;') } sort keys %deeds);
    my %answer = map { /^(.*)<([^<>]+)>\z/s ? ($2 => $1) : () } split /(?<=>)\n/, $words;
    my @allowed = grep { $answer{$_} !~ /ERROR:  42501/ } keys %answer;
    is(scalar(keys %answer), scalar(keys %deeds), "$part tries everything");
    is_deeply([sort @allowed], [sort @{ $may{$part} }], "$part may do its part and nothing else");
    is_deeply([map { $answer{$_} =~ /ERROR:  (\w+)/ ? "$_: $1" : () } sort @allowed],
        $part eq 'relay' ? ['receive a callback: PT403'] : [], "and what $part may do works");
}
sql('CREATE ROLE person LOGIN');
like((try(q{SELECT videoroom_grant('person', 'member')}))[1], qr/22023: role person can log in and so cannot be a member.*HINT:  Use a NOLOGIN role/s,
    'a role that can log in cannot be a member, since it could claim to be anybody');
is(scalar(@{ $twilio->sim(GET => "requests?room=$other_room&method=POST") }), 1, 'what was rolled back was never sent');

is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
never_crashed($node);

# --- without the preload

my $bare = new_node(name => 'bare', simulator => $twilio, preload => 0, extension => 0, join_early => '1h',
    conf => "shared_preload_libraries = 'pg_stat_statements'");
my ($state, $words) = try('CREATE EXTENSION videoroom', node => $bare);
is($state, '00000', 'without the preload CREATE EXTENSION works');
like($words, qr/WARNING:  \w+: videoroom is not preloaded: bookings are taken, but no rooms are made/, 'with a warning');
my ($line) = $words =~ /HINT:  Add to postgresql\.conf and restart: (.*)/;
is($line, q{shared_preload_libraries = 'pg_stat_statements, videoroom'}, 'that names the line to add');
like((health($bare, 'preload'))[2], qr/\Q$line/, 'so does health');
ok(!(health($bare, 'worker'))[0], 'which knows that there is no worker');
like((try('SELECT * FROM videoroom_stats()', node => $bare))[1], qr/ERROR:  55000: videoroom is not preloaded.*HINT:  .*\Q$line/s,
    'there are no counters, and the same line says how to have them');
my $waiting = book('bare', node => $bare);
ok($waiting, 'booking works');
($state, $words) = try("SELECT videoroom_join('$waiting', 'ann')", node => $bare);
ok($state eq 'PT503' && $words =~ /"reason": ?"no-worker"/, 'a join is told that there is no worker');
my $bare_url = "http://127.0.0.1:$bare->{relay_port}/twilio";
$bare->safe_psql('postgres', callback($waiting, $bare_url));
is($bare->safe_psql('postgres', 'SELECT outcome FROM videoroom.callback'), 'applied', 'callbacks are taken and applied');
is((try(callback($waiting, "$bare_url/forged"), node => $bare))[0], 'PT403', 'forged ones are refused');
is($bare->safe_psql('postgres', "SELECT room_sid FROM videoroom_join('$waiting', 'ann')"), 'RM' . 'a' x 32,
    'a room that is there can be joined');
$bare->append_conf('postgresql.conf', "$line\nvideoroom.callback_url = 'https://Rooms.example/twilio'");
$position = log_position($bare);
$bare->restart;
ok(made(book('preloaded', node => $bare), node => $bare), 'with that line and a restart rooms are made');
ok(log_lines($bare, qr/WARNING:  invalid value for parameter "videoroom.callback_url"/, $position), 'a value in the file that would be refused is logged');
my ($well, $what) = health($bare, 'callback_url');
ok(!$well && $what =~ /^not set/, 'and is none');
$bare->stop('fast');
never_crashed($bare);
done_testing();
