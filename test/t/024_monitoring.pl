# examples/monitoring: the queries of both exporters, as they run them and as their role; what rules and dashboard name is there; the
# board. promtool has a group of its own, and 100_alerts.pl (make alerts) has the exporter and Prometheus themselves.
use strict;
use warnings;
use FindBin;
use IPC::Run ();
use List::Util qw(uniq);
use Monitoring;
use PostgreSQL::Test::Utils 'slurp_file';
use Steps;
use Test::More;
use VideoroomTest;
use Watch qw(lock_room let_go);

# --- what the files say

my %query = queries();
my %metrics = metrics();

{
    my ($collector) = @{ yaml('sql_exporter.yml')->{collectors} };
    my %other = map { ($_->{query_name} => { sql => $_->{query}, labels => [], metrics => {} }) } @{ $collector->{queries} };
    for my $metric (@{ $collector->{metrics} }) {
        my ($query, $value) = ($metric->{query_ref}, @{ $metric->{values} });
        is($metric->{metric_name}, "${query}_$value", "$metric->{metric_name}: named as by postgres_exporter");
        $other{$query}{metrics}{$value} = "$metric->{type}: $metric->{help}";
        $other{$query}{labels} = $metric->{key_labels};
    }
    is_deeply(\%other, \%query, 'sql_exporter has the same queries, labels, metrics, types and help');
}
is_deeply([grep { !/_total$|_sum$|_count$/ != !($metrics{$_} =~ /^counter/) } keys %metrics], [],
    'counters, and they alone, are called so');
is_deeply([grep { /_(?:ms|millis|minutes|hours|at)(?:_|$)/ } keys %metrics], [], 'times are in seconds');

# --- rules and dashboard

my ($group) = @{ yaml('rules.yml')->{groups} };
my @alerts = grep { $_->{alert} } @{ $group->{rules} };
my %recorded = map { ($_->{record} // ()) x 2 } @{ $group->{rules} };
sub unknown { return [uniq grep { !$metrics{$_} && !$recorded{$_} } map { /\b(videoroom[_:]\w[\w:]*)/g } @_] }

is_deeply(unknown(map { $_->{expr} } @{ $group->{rules} }), [], 'rules name only metrics that there are');
{
    my ($count) = grep { ($_->{record} // '') eq 'videoroom:queries:count' } @{ $group->{rules} };
    my %of = map { my $name = $_; map { ("${name}_$_" => $name) } keys %{ $query{$name}{metrics} } } keys %query;
    my ($each) = $count->{expr} =~ /"videoroom_\(([^)]*)\)"/;
    is_deeply([sort map { $of{"videoroom_$_"} // "no $_" } split /\|/, $each], [sort keys %query],
        'and one metric of each query to count the queries');
}
my @anchors = map { lc($_) =~ s/[^\w -]//gr =~ tr/ /-/r } slurp_file("$FindBin::Bin/operations.md") =~ /^#+ (.*)$/mg;
for my $alert (@alerts) {
    my $notes = $alert->{annotations};
    my ($anchor) = $notes->{runbook_url} =~ m{^docs/operations\.md#(.+)$};
    ok((grep { $_ eq ($anchor // '') } @anchors), "$alert->{alert}: the page has its $notes->{runbook_url}");
    ok($notes->{summary} =~ /\$labels\.datname/ && $notes->{description} && $alert->{labels}{severity} =~ /^(?:critical|warning)$/,
        "$alert->{alert}: says where, what to do and how bad it is");
}
my $page = slurp_file(monitoring_file('README.md'));
is_deeply([sort $page =~ /^\| `(Videoroom\w+)` \|/mg], [sort map { $_->{alert} } @alerts], 'the page lists the alerts');
my @expressions = dashboard();
cmp_ok(scalar @expressions, '>', 10, 'the dashboard has queries');
is_deeply(unknown(@expressions), [], 'which name only metrics that there are');

# --- the queries

my $twilio = start_simulator();
my $node = new_node(name => 'monitoring', simulator => $twilio, reconcile_interval => '1d', conf => 'max_prepared_transactions = 2');
my $relay = start_relay($node);
sub sql { return $node->safe_psql('postgres', $_[0]) }
sql("CREATE ROLE monitoring LOGIN; SELECT videoroom_grant('monitoring', 'operator')");

{
    my @columns = split /\n/, sql(q{SELECT attname FROM pg_attribute WHERE attrelid = 'videoroom.stats'::regclass AND attnum > 0});
    my $sql = join '', map { $_->{sql} } values %query;
    is_deeply([grep { $sql !~ /\bs\.$_\b/ } @columns], ['paused_until'],
        'all that videoroom_stats() gives is a metric, but how long a pause is');
}

# What the alerts say is to be run.
{
    my @statements = map { /\bSELECT .*?;/g } map { $_->{annotations}{description} } @alerts;
    cmp_ok(scalar @statements, '>', 10, 'alerts have statements to run');
    my %given = ('$labels.pid' => 1, '$labels.check' => 'clock');
    for my $statement (uniq @statements) {
        my $filled = $statement =~ s/\{\{ (\S+) \}\}/$given{$1}/gr =~ s/\((?:room_id|id)\b[^)]*\)/(NULL)/gr =~ s/explain\(NULL\)/explain(NULL, NULL)/r;
        is(eval { sql("PREPARE it AS $filled"); '' } // $@, '', "they can be: $statement");
    }
}

# What a query gives, prepared as sql_exporter does: rows { column => value }.
sub rows {
    my ($name, $role) = @_;
    my ($status, $out, $error) = $node->psql('postgres', "PREPARE q AS $query{$name}{sql};\nEXECUTE q;",
        extra_params => ['-U', $role // 'monitoring', qw(--csv -P tuples_only=off -P null=NULL)]);
    die "$name: $error\n" if $status || $error;
    my ($head, @lines) = map { [split /,/, $_, -1] } split /\n/, $out;
    return map { my $line = $_; +{ map { ($head->[$_] => $line->[$_]) } 0 .. $#$head } } @lines;
}

my ($reasons) = row($node, q{SELECT col_description('videoroom.stats'::regclass, attnum) FROM pg_attribute
    WHERE attrelid = 'videoroom.stats'::regclass AND attname = 'paused'});
my $reason = join '|', 'none', $reasons =~ /\b([a-z]+-[a-z]+|standby|limited|unauthorized|unavailable)\b/g;
my %label = (datname => qr/^postgres$/, reason => qr/^(?:$reason)$/, check => qr/^[a-z_]+$/, code => qr/^(?:none|\d{3,5})$/,
    pid => qr/^(?:none|prepared|\d+)$/, transaction => qr{^(?:none|-?\d+/\d+)$});

sub all_run {
    my ($when) = @_;
    for my $name (sort keys %query) {
        my %of = %{ $query{$name} };
        my @rows = rows($name);
        cmp_ok(scalar @rows, '>', 0, "$when, $name: a row at least");
        is_deeply([sort keys %{ $rows[0] }], [sort @{ $of{labels} }, keys %{ $of{metrics} }],
            "$when, $name: the columns that are declared");
        is_deeply([grep { !/^-?\d+(?:\.\d+)?(?:e[+-]\d+)?$/ } map { @$_{ keys %{ $of{metrics} } } } @rows], [],
            "$when, $name: each value is a number");
        is_deeply([grep { my $row = $_; grep { $row->{$_} !~ ($label{$_} // qr/^$/) } @{ $of{labels} } } @rows], [],
            "$when, $name: no label has anything in it but what there are few of");
        is(scalar(uniq map { my $row = $_; join ',', map { $row->{$_} } @{ $of{labels} } } @rows), scalar @rows,
            "$when, $name: no two rows have the same labels");
    }
    return;
}

# --- the board: 24 lines of 80 columns

sub board_command {
    return ($node->installed_command('psql'), '-X', @_, qw(-U monitoring -f), monitoring_file('board.sql'), '-d', $node->connstr('postgres'));
}

sub board {
    my ($when) = @_;
    my ($out, $error) = ('', '');
    IPC::Run::run([board_command(qw(-v once=1))], '<', \undef, '>', \$out, '2>', \$error);
    is($error, '', "$when: the board is drawn");
    my @lines = split /\n/, $out;
    cmp_ok(scalar @lines, '<=', 22, "$when: it fits the screen");
    is_deeply([grep { length > 80 || /[^ -~]/ } @lines], [], "$when: in width, too");
    return $out;
}

all_run('with nothing booked');
like(board('with nothing booked'), qr/^videoroom in postgres, .*; calls are made$/m, 'it says that all goes on');

my $room = book($node, 'first');
made($node, $room);
$twilio->join($room, 'alice');
$twilio->delivered;
sql("SELECT videoroom_join('$room', 'alice')");
no_calls($node);
all_run('with a call');
like(board('with a call'), qr/^now        0 calls under way, 0 joins wait, 1 rooms open, 0 due in an hour$/m, 'it says what goes on');

# Much of everything that can be late, held or dead, with words of Twilio's that are no ASCII, and have line feeds.
set_config($node, enabled => 'off');
wait_until { (row($node, 'SELECT paused FROM videoroom_stats()'))[0] eq 'no-worker' } 30, 'the worker to go';
my @rooms = book_many($node, 'many', 60);
sql(q{SET session_replication_role = replica;
    UPDATE videoroom.outbox SET run_at = now() - interval '5 minutes', attempts = 1234567, last_error = jsonb_build_object(
        'code', 53100 + id % 20, 'kind', 'later', 'message', repeat(E'tr\u00f6t\n\U0001F600', 30)) WHERE action = 'create-room';
    UPDATE videoroom.outbox SET dead_at = now() WHERE action = 'create-room' AND id % 2 = 0;
    INSERT INTO videoroom.callback (body, signature, digest, room_id, received_at, attempts, error)
        SELECT 'x', 'x', sha256(room_id::bytea), room_id, now() - interval '2 minutes', 3, repeat(E'n\u00f6 ', 100) FROM videoroom.room;
    ALTER SYSTEM SET videoroom.link_template = ''; ALTER SYSTEM SET videoroom.callback_url = ''; SELECT pg_reload_conf();});
wait_until { !health($node, 'link_template') } 30, 'the settings to be reloaded';
my $holder = lock_room($node, $room);
sql("BEGIN; SELECT FROM videoroom.room WHERE room_id = '$rooms[0]' FOR NO KEY UPDATE; PREPARE TRANSACTION 'held'");
all_run('with much trouble');
{
    my @grants = $page =~ /^    (GRANT .*) TO monitoring;$/mg;
    is(scalar @grants, 4, 'the page has grants for a role that may only look');
    sql(join '', 'CREATE ROLE looking LOGIN;', map { "$_ TO looking;" } @grants);
    is_deeply([map { scalar(my @rows = rows($_, 'looking')) } sort keys %query], [map { scalar(my @rows = rows($_)) } sort keys %query],
        'which sees as much');
}
my $pid = $holder->query_safe('SELECT pg_backend_pid()');
is_deeply([sort map { $_->{pid} } rows('videoroom_rooms')], [sort $pid, 'prepared'],
    'who holds rooms is named, and that a prepared transaction does');
my %outbox = map { ($_->{code} => $_) } rows('videoroom_outbox');
is_deeply([map { scalar keys %outbox, $_->{dead_calls} > 0 || $_->{refused_calls} > 0 } $outbox{53101}], [20, 1],
    'calls are counted by Twilio\'s code');
my $board = board('with much trouble');
note $board;
like($board, qr/calls are PAUSED, no-worker$/m, 'it says why no calls are made');
like($board, qr/^$_/m, "and $_") for 'late       30 calls', 'given up   30 calls', 'callbacks  61 not applied',
    'checks     failing: worker, callback_url, link_template, outbox, callbacks';
is(() = $board =~ /^  $_/mg, 4, 'and names some calls that are late') for "\\w+  create-room, try 1234568: 531\\d\\d tr\\?t";

# Without -v once=1 it goes on, each time on a clear screen.
{
    my ($out, $error) = ('', '');
    my $psql = IPC::Run::start([board_command()], '<', \undef, '>', \$out, '2>', \$error);
    my @drawn;
    wait_until { $psql->pump_nb; @drawn = split /\e\[H\e\[J/, $out, -1; @drawn > 2 } 30, 'the board to be drawn again';
    $psql->kill_kill;
    like($drawn[1], qr/\Avideoroom in /, 'the board goes on');
    cmp_ok(($drawn[1] =~ tr/\n//), '<=', 23, 'and leaves the screen a line for the cursor');
}

let_go($holder);
sql("ROLLBACK PREPARED 'held'");
is($twilio->violations, 0, 'no request violated the contract');
is_deeply([crashes($node)], [], 'nothing crashed');
done_testing();
