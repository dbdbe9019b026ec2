# A copy must not call Twilio: neither a restored dump, in this cluster or another, nor a database made from the original as a
# template. It has all the rows, its worker and its joins pause and say so, and the original goes on.
use strict;
use warnings;
use PostgreSQL::Test::Utils ();
use Steps qw(set_config);
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'original', simulator => $twilio, join_early => '1h', reconcile_interval => '1d');
my $relay = start_relay($node);

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub book {
    my ($name, $starts) = @_;
    my $from = sprintf "now() + interval '%s'", $starts // '5 min';
    return sql("SELECT videoroom_create_booking('$name', $from, $from + interval '1 hour', '{ann,ben}')");
}

sub made {
    my ($room) = @_;
    return wait_until { sql("SELECT room_sid FROM videoroom.session WHERE room_id = '$room'") } 20, "room $room";
}

# --- an original with some of everything, and with work that is due at the moment it is copied

my %room = map { $_ => book($_) } qw(live ended moved cancelled);
$room{tomorrow} = book('tomorrow', '24 hours');
made($room{$_}) for qw(live ended moved cancelled);
$twilio->join($room{live}, 'ann');
$twilio->leave($twilio->join($room{live}, 'ben')->{participant_sid});
$room{moved_to} = sql(q{SELECT videoroom_reschedule('moved', now() + interval '10 min', now() + interval '20 min')});
sql("SELECT videoroom_end('$room{ended}')");
made($room{moved_to});
wait_until { sql('SELECT count(*) FROM videoroom.outbox WHERE run_at <= now()') == 0 } 20, 'Twilio to know all of that';
wait_until { sql("SELECT connected FROM videoroom_rooms WHERE room_id = '$room{live}'") == 1 } 20, 'the people';
$twilio->delivered;

set_config($node, enabled => 'off');
wait_until { !workers($node, 'postgres') } 20, 'the worker to leave';
$room{due} = book('due');
sql(q{SELECT videoroom_cancel('cancelled', 'for good')});
sql("SELECT videoroom_remove_participant('$room{live}', 'ann')");
is(sql("SELECT string_agg(action, ' ' ORDER BY action) FROM videoroom.outbox WHERE run_at <= now()"),
    'complete-room create-room remove-participant', 'a call of each kind is due when the copies are made');

my @tables = qw(home room participant session connection outbox event);
my @sequences = qw(outbox_id_seq event_id_seq);
sub contents {
    my ($from, $database) = @_;
    return {
        (map { $_ => [split /\n/, $from->safe_psql($database, "SELECT t FROM videoroom.$_ t ORDER BY t::text")] } @tables),
        (map { $_ => $from->safe_psql($database, "SELECT last_value, is_called FROM videoroom.$_") } @sequences) };
}

sub run {
    my (@command) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said = '';
    my $good = IPC::Run::run(\@command, '>&', \$said);
    return ok($good && $said eq '', "$command[0] succeeds") || diag($said);
}

my $dump = $node->basedir . '/original.dump';
my $as_it_was = contents($node, 'postgres');
ok(@{ $as_it_was->{$_} } > 0, "there are rows in $_") for @tables;
run('pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $dump);
undef $relay;
$node->safe_psql('template1', 'CREATE DATABASE clone TEMPLATE postgres');
$relay = start_relay($node);

# The original does what was due, now that there are copies of it, and its new worker looks through the rooms once.
my $begun = $twilio->sim(GET => 'requests')->[-1]{request};
set_config($node, enabled => 'on');
made($room{due});
wait_until { grep { $_->{method} eq 'GET' && $_->{room_name} eq '' } @{ $twilio->sim(GET => "requests?since=$begun") } } 20, 'the sweep';
wait_until { sql('SELECT (SELECT count(*) FROM videoroom.outbox WHERE run_at <= now()) + (SELECT calls_in_flight FROM videoroom_stats())') == 0 }
    20, 'the original to do its work';
my $mark = $twilio->sim(GET => 'requests')->[-1]{request};

# --- copies

# A copy has the rows, pauses and says so.
sub check_copy {
    my ($where, $database, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until { (health($where, 'worker', $database))[1] =~ /leaves another database's rooms alone/ } 20, 'the worker to pause';
    is_deeply(contents($where, $database), $as_it_was, "$what: every row is there, as it was");
    ok(!(health($where, 'worker', $database))[0], "$what: the worker pauses");
    my ($ok, $detail, $hint) = health($where, 'home', $database);
    ok(!$ok && $detail =~ /this is a copy/, "$what: health says that it is a copy");
    like($hint, qr/^SELECT videoroom_adopt\(true\);/, "$what: and what to do about it");
    my $refused = sub {
        my ($out, $error);
        $where->psql($database, "\\set VERBOSITY verbose\n$_[0]", stdout => \$out, stderr => \$error);
        return join ' ', $error =~ /ERROR:  (\w{5})/, $error =~ /"reason": ?"([\w-]+)"/;
    };
    is($refused->("SELECT videoroom_join('$room{live}', 'ben')"), 'PT503 paused',
        "$what: a join is told that it pauses, even where a session is open");
    is($refused->("SELECT videoroom_join('$room{due}', 'ann')"), 'PT503 paused', "$what: and at once where none is");
    is($refused->("SELECT videoroom_join('$room{live}', 'mallory')"), 'PT403 not-participant',
        "$what: a stranger is refused as ever");
    is($refused->(q{SELECT videoroom_create_booking('new', now(), now() + interval '1 hour', '{ann}')}), '55000',
        "$what: nothing can be booked");
}

check_copy($node, 'clone', 'a database made from the original as a template');
is($node->safe_psql('clone', 'SELECT count(*) > 0 FROM videoroom.callback'), 't', 'it has the callbacks too');

sql('CREATE DATABASE restored TEMPLATE template0');
run('pg_restore', '--exit-on-error', '--single-transaction', '-d', $node->connstr('restored'), $dump);
check_copy($node, 'restored', 'a dump restored into the same cluster');
is($node->safe_psql('restored', 'SELECT count(*) FROM videoroom.callback'), 0, 'it has no raw callbacks');
is($node->safe_psql('restored', q{SELECT has_column_privilege('relay', 'videoroom.callback', 'body', 'INSERT'),
    has_table_privilege('relay', 'videoroom.callback', 'SELECT')}), 't|f', 'what was granted is granted, and no more');

my $other = new_node(name => 'other', simulator => $twilio, extension => 0, join_early => '1h', reconcile_interval => '1s');
$other->safe_psql('postgres', 'CREATE ROLE relay');
run('pg_restore', '--exit-on-error', '-d', $other->connstr('postgres'), $dump);
check_copy($other, 'postgres', 'a dump restored into another cluster');
$other->restart;
check_copy($other, 'postgres', 'after a restart');

is(scalar(log_lines($node, qr/LOG:  videoroom is paused: the rooms in this database belong to another/)), 2,
    'each copy logs once why it pauses');

# --- the original

my $new = book('after');
my $sid = made($new);
is((row($node, "SELECT room_sid FROM videoroom_join('$new', 'ann')"))[0], $sid, 'the original goes on: it makes rooms and links');
$twilio->join($new, 'ann');
wait_until { sql("SELECT connected FROM videoroom_rooms WHERE room_id = '$new'") == 1 } 20, 'its callbacks';
ok((health($node, 'worker'))[0] && (health($node, 'home'))[0], 'it hears who comes, and is well');
# The sweep of the original may still lead to readings of single rooms. A copy would look through the rooms, and do what is due.
my $a_copys = sub { my ($request) = @_; return $request->{room_name} ne $new && ($request->{method} ne 'GET' || $request->{room_name} eq '') };
is_deeply([grep { $a_copys->($_) } @{ $twilio->sim(GET => "requests?since=$mark") }], [], 'no copy has called Twilio');
# --- a copy beside the original

my ($out, $error);
$node->psql('postgres', 'SELECT videoroom_adopt(false)', stdout => \$out, stderr => \$error);
like($error, qr/ERROR:  the rooms are this database's own/, 'the original cannot let go of its own by mistake');

$mark = $twilio->sim(GET => 'requests')->[-1]{request};
$node->safe_psql('clone', 'SELECT videoroom_adopt(false)');
wait_until { (health($node, 'worker', 'clone'))[0] } 20, 'the worker of the copy to go on';
is($node->safe_psql('clone', 'SELECT count(*) FROM videoroom.outbox'), 0, 'beside the original a copy has nothing left to do');
is($node->safe_psql('clone', 'SELECT count(*) FROM videoroom.session WHERE ended_at IS NULL'), 0, 'and no session is its');
my $staged = $node->safe_psql('clone', "SELECT videoroom_create_booking('staged', now(), now() + interval '1 hour', '{ann}')");
wait_until { $node->safe_psql('clone', "SELECT room_sid FROM videoroom.session WHERE room_id = '$staged'") } 20, 'a room of its own';
is_deeply([map { "$_->{method} $_->{path} $_->{room_name}" } grep { $_->{room_name} !~ /^($staged)?$/ } @{ $twilio->sim(GET => "requests?since=$mark") }],
    [], 'it calls Twilio about that one only');

# --- a copy in the place of the original, which is no more

my $sid_of_due = made($room{due});
undef $relay;
$node->stop('immediate');
my $before = @{ $twilio->sim(GET => 'rooms') };
$other->safe_psql('postgres', 'SELECT videoroom_adopt(true)');
wait_until { $other->safe_psql('postgres', 'SELECT count(*) FROM videoroom.outbox WHERE run_at <= now()') == 0 } 30,
    'what was due when the copy was made to be done or found done';
is($other->safe_psql('postgres', "SELECT room_sid FROM videoroom.session WHERE room_id = '$room{due}'"), $sid_of_due,
    'a room that the original made meanwhile is found, not made again');
is($other->safe_psql('postgres', 'SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NOT NULL'), 0, 'nothing is given up');
is(scalar(@{ $twilio->sim(GET => 'rooms') }), $before, 'no room was made twice');
is((row($other, "SELECT room_sid FROM videoroom_join('$room{due}', 'ben')"))[0], $sid_of_due, 'people are let in');
ok((health($other, 'worker'))[0] && (health($other, 'home'))[0], 'all is well');

is($twilio->violations, 0, 'no request violated the contract');
$other->stop('fast');
never_crashed($_) for $node, $other;
done_testing();
