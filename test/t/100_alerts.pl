# Debian's Prometheus and postgres_exporter watch a server by the files of examples/monitoring, with minutes for seconds, while one
# trouble after another is played: its alert fires, names what it is about, and ends. `make alerts`; no group of `make test`.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP ();
use List::Util qw(uniq);
use Monitoring;
use POSIX 'strftime';
use PostgreSQL::Test::Utils 'slurp_file';
use Steps;
use Test::More;
use Time::HiRes 'time';
use VideoroomTest;
use Watch qw(lock_room let_go);

my $patience = 120;    # seconds: some rules wait for a minute in earnest, and the machine is busy
my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(name => 'alerts', simulator => $twilio, reconcile_interval => '1d', retry_cap => '2s', join_wait => '0');
my $relay = start_relay($node);
my $session = session($node);
my $http = HTTP::Tiny->new(timeout => 20);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A second database, with which nothing is ever wrong but what is so for the whole server or account.
sql('CREATE ROLE monitoring LOGIN');
sql('CREATE DATABASE second');
$node->safe_psql('second', 'CREATE EXTENSION videoroom');
$node->safe_psql($_, "SELECT videoroom_grant('monitoring', 'operator')") for qw(postgres second);

# --- the exporter and Prometheus

my %running;

sub start_watcher {
    my ($name, $port, @options) = @_;
    my $log = PostgreSQL::Test::Utils::tempdir() . "/$name.log";
    my $watcher = $running{$name} = IPC::Run::start(["$ENV{PROGRAMS}/$name", "--web.listen-address=127.0.0.1:$port", @options],
        '<', \undef, '>&', $log);
    wait_until { $http->get("http://127.0.0.1:$port/metrics")->{success} || !$watcher->pumpable } 30, "$name to listen";
    die "$name has ended: " . slurp_file($log) . "\n" unless $watcher->pumpable;
    return;
}
sub stop_watcher { my ($name) = @_; (delete $running{$name})->kill_kill; return }
END { local ($?, $!, $@); $_->kill_kill for values %running }

my ($exporter_port, $port) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;

sub start_exporter {
    local $ENV{DATA_SOURCE_NAME} = join ',',
        map { sprintf 'user=monitoring host=%s port=%d dbname=%s sslmode=disable', $node->host, $node->port, $_ } qw(postgres second);
    # Without what it collects besides, which each version has more of.
    my $help = qx($ENV{PROGRAMS}/prometheus-postgres-exporter --help 2>&1);
    my @others = map { "--no-collector.$_" } $help =~ /^ *--collector\.(\w+)/mg;
    return start_watcher('prometheus-postgres-exporter', $exporter_port, '--extend.query-path=' . monitoring_file('queries.yml'),
        qw(--disable-default-metrics --disable-settings-metrics), @others);
}

my $folder = PostgreSQL::Test::Utils::tempdir();
sub write_file { my ($name, $text) = @_; return PostgreSQL::Test::Utils::append_to_file("$folder/$name", $text) }

start_exporter();
write_file('rules.yml', scalar qx($ENV{PROGRAMS}/quicker @{[monitoring_file('rules.yml')]}));
write_file('prometheus.yml', slurp_file(monitoring_file('prometheus.yml'))
    =~ s/^( *(?:scrape|evaluation)_interval:) 15s$/$1 1s/mgr =~ s/localhost:9187/127.0.0.1:$exporter_port/r);
start_watcher('prometheus', $port, "--config.file=$folder/prometheus.yml", "--storage.tsdb.path=$folder/data");

# What Prometheus answers.
sub prometheus {
    my ($path, %form) = @_;
    my $answer = $http->get("http://127.0.0.1:$port/api/v1/$path?" . $http->www_form_urlencode(\%form));
    my $json = eval { JSON::PP->new->decode($answer->{content}) } // {};
    die "Prometheus, $path: $answer->{status} $answer->{content}\n" if ($json->{status} // '') ne 'success';
    return $json->{data};
}
sub query { return @{ prometheus('query', query => $_[0])->{result} } }

sub firing { return grep { $_->{state} eq 'firing' } @{ prometheus('alerts')->{alerts} } }

sub described {
    return map { my $labels = $_->{labels}; $labels->{alertname} . '{'
        . join(', ', map { "$_=$labels->{$_}" } grep { !/^(?:alertname|instance|job|server|severity)$/ } sort keys %$labels) . '}' } @_;
}

# alerts NAME => LABELS, ... fire, while the deed is done again and again; then the trouble ends, and nothing fires any more.
sub trouble {
    my ($what, $alerts, %do) = @_;
    $do{begin}->() if $do{begin};
    my $begun = time;
    for my $alert (@$alerts) {
        my $seen;
        my $found = eval {
            wait_until { $do{again}->() if $do{again}; ($seen) = grep { (described($_))[0] eq $alert } firing(); $seen } $patience, $alert;
        };
        ok($found, "$what: $alert fires") or diag join ' ', 'firing: ', described(firing());
        my ($name, $database) = $alert =~ /^(\w+)\{.*\bdatname=(\w+)/;
        like($seen->{annotations}{summary} // '', qr/\b$database\b/, "$what: and its summary names the database") if $found;
        note "after " . int(time - $begun) . " s: $seen->{annotations}{summary}" if $found;
    }
    $do{end}->();
    $begun = time;
    ok(eval { wait_until { !firing() } $patience, 'quiet' }, "$what: it ends, and nothing fires any more")
        or diag join ' ', 'firing: ', described(firing());
    note "quiet after " . int(time - $begun) . ' s';
    return;
}

# An alert as described() shows it, in each of the databases.
sub of {
    my ($name, $labels, @databases) = @_;
    return map { "$name\{" . join(', ', sort "datname=$_", split / /, $labels) . '}' } @databases ? @databases : 'postgres';
}

# --- rest

my $ready = book($node, 'ready');
made($node, $ready);
my %metrics = metrics();
wait_until { (query('videoroom:queries:count == 5')) == 2 } $patience, 'five queries to answer for each database';
{
    my $known = prometheus('metadata');
    is_deeply({ map { ($_ => "$known->{$_}[0]{type}: $known->{$_}[0]{help}") } grep { /^videoroom_/ } keys %$known }, \%metrics,
        'Prometheus has the metrics that queries.yml declares, with their types and help');
    my ($page, $lint) = ($http->get("http://127.0.0.1:$exporter_port/metrics")->{content}, '');
    IPC::Run::run(["$ENV{PROGRAMS}/promtool", qw(check metrics)], '<', \$page, '>&', \$lint);
    # It wants a _sum and a _count to be those of a histogram or summary, which no exporter of SQL can give.
    is_deeply([grep { /^videoroom/ && !/^\w+_(?:sum|count) / } split /\n/, $lint], [], 'promtool has nothing to say against their names');
    is_deeply([map { $_->{health} } @{ prometheus('targets')->{activeTargets} }], ['up'], 'the exporter is up');
    my @rules;
    wait_until {
        @rules = map { @{ $_->{rules} } } @{ prometheus('rules')->{groups} };
        !grep { $_->{health} ne 'ok' } @rules
    } $patience, 'the rules to be evaluated';
    cmp_ok(scalar @rules, '>', 10, 'every rule is evaluated');
}
is_deeply([described(firing())], [], 'nothing fires');

# --- the troubles

{
    my @rooms;
    # It is about Twilio's account, which both databases have.
    trouble('an outage', [of(VideoroomCallsPaused => 'reason=unavailable', qw(postgres second)), of(VideoroomJoinsUnavailable => '')],
        begin => sub { $twilio->faults({ status => 503, count => -1 }); @rooms = book_many($node, 'outage', 6) },
        again => sub { $session->do("SELECT videoroom_join('$rooms[0]', 'alice')") },
        end => sub { clear_faults($twilio) });
}

{
    my $secret = 'rotated';
    trouble('a lost key', [of(VideoroomAccountRefused => 'reason=unauthorized', qw(postgres second))],
        begin => sub { $twilio->set(api_key_secret => $secret); book($node, 'lost-key') },
        end => sub { VideoroomTest::write_credentials($node, api_key_secret => $secret); set_config($node) });
}

trouble('a full account', [of(VideoroomRoomLimit => 'code=53119')],
    begin => sub { $twilio->set(max_rooms => scalar in_progress_at($twilio)); book_many($node, 'full', 3) },
    end => sub { $twilio->set(max_rooms => 1000) });

trouble('a call that is given up', [of(VideoroomCallsGivenUp => 'code=53115')],
    begin => sub { $twilio->faults({ match => { method => 'POST', path => '^/v1/Rooms$' }, code => 53115 }); book($node, 'given-up') },
    end => sub { sql('SET ROLE monitoring; SELECT videoroom_retry()') });

{
    my ($room, $holder, $pid, $transaction) = book($node, 'held', unasked => 1);
    $holder = lock_room($node, $room);
    ($pid, $transaction) = row($node, q{SELECT pid, virtualtransaction FROM pg_locks WHERE relation = 'videoroom.room'::regclass
        AND mode = 'RowShareLock'});
    trouble('a stuck client', [of(VideoroomRoomsHeld => "pid=$pid transaction=$transaction"), of(VideoroomCallsLate => '')],
        begin => sub { sql("INSERT INTO videoroom.outbox (room_id, action) VALUES ('$room', 'create-room')") },
        end => sub { sql("SELECT pg_terminate_backend($pid)") });
    made($node, $room);
    let_go($holder);
}

trouble('no worker', [of(VideoroomNoWorker => 'reason=no-worker', qw(postgres second))],
    begin => sub { set_config($node, enabled => 'off') },
    end => sub { set_config($node, enabled => 'on') });

trouble('no link template', [of(VideoroomJoinsFailed => ''), of(VideoroomHealthCheckFails => 'check=link_template', qw(postgres second))],
    begin => sub { set_config($node, link_template => ''); $session = session($node) },
    again => sub { $session->do("SELECT videoroom_join('$ready', 'alice')") },
    end => sub { set_config($node, link_template => 'https://app.example/room/{room_id}#token={token}'); $session = session($node) });

# What Twilio, or somebody else, posts about the room.
my $told = 0;
sub callback {
    my ($token, $late) = @_;
    my %params = (AccountSid => Simulator::ACCOUNT, RoomName => $ready, RoomSid => made($node, $ready), RoomStatus => 'in-progress',
        RoomType => 'group', StatusCallbackEvent => 'room-created', SequenceNumber => $told++,
        Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime(time - $late)));
    my $url = $relay->url;
    my $signature = hmac_sha1_base64($url . join('', map { $_ . $params{$_} } sort keys %params), $token) . '=';
    return $http->post($url, { content => Simulator::form_encode(\%params),
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded', 'X-Twilio-Signature' => $signature } })->{status};
}

trouble('forged callbacks', [of(VideoroomCallbacksForged => '')],
    again => sub { callback('f' x 32, 0) == 403 or die "a forged callback was taken\n" },
    end => sub { });

trouble('late callbacks', [of(VideoroomCallbacksLate => '')],
    again => sub { callback(Simulator::TOKEN, 120) == 204 or die "a callback was refused\n" },
    end => sub { });

trouble('no callbacks', [of(VideoroomCallbacksMissing => '')],
    begin => sub { undef $relay },
    again => sub { $session->do("SELECT videoroom_join('$ready', 'alice')") },
    end => sub { $relay = start_relay($node); $twilio->join($ready, 'alice') });

trouble('a query that fails', [of(VideoroomMetricsMissing => '')],
    begin => sub { sql('REVOKE EXECUTE ON FUNCTION videoroom_health() FROM monitoring') },
    end => sub { sql("SELECT videoroom_grant('monitoring', 'operator')") });

trouble('no exporter', [of(VideoroomMetricsMissing => '', qw(postgres second))],
    begin => sub { stop_watcher('prometheus-postgres-exporter') },
    end => sub { start_exporter() });

# --- all of it

my %fired = map { ($_->{metric}{alertname} => 1) } query('count by (alertname) (last_over_time(ALERTS{alertstate="firing"}[1h]))');
is_deeply([sort keys %fired], [sort map { $_->{alert} // () } @{ yaml('rules.yml')->{groups}[0]{rules} }], 'every alert has fired');
is_deeply([sort map { $_->{metric}{alertname} }
    query('count by (alertname) (last_over_time(ALERTS{alertstate="firing", datname="second"}[1h]))')],
    [qw(VideoroomAccountRefused VideoroomCallsPaused VideoroomHealthCheckFails VideoroomMetricsMissing VideoroomNoWorker)],
    'of the second database those that were about the whole server, or the account');

# --- the dashboard

for my $expression (dashboard()) {
    my $filled = $expression =~ s/\$__rate_interval/30s/gr =~ s/\$datname/.+/gr;
    ok(eval { query($filled); 1 }, "$expression: Prometheus takes it") or diag $@;
    my @names = uniq $expression =~ /\b(videoroom[_:]\w[\w:]*|ALERTS\b)/g;
    is_deeply([grep { !query("last_over_time($_\[1h])") } @names], [], "$expression: its metrics are there");
}

{
    my @labels = grep { !/^(?:__name__|alertname|alertstate|instance|job|severity|server)$/ }
        @{ prometheus('labels', 'match[]' => '{__name__=~"videoroom.*"}') };
    is_deeply([sort @labels], [qw(check code datname pid reason transaction)], 'there are no other labels');
}
is($twilio->violations, 0, 'no request violated the contract');
is_deeply([crashes($node)], [], 'nothing crashed');
done_testing();
