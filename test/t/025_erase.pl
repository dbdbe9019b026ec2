# Forgetting a person, here and at Twilio.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Utils ();
use Test::More;
use VideoroomTest;

my $twilio = start_simulator();
my $node = new_node(simulator => $twilio, retry_cap => '1s', join_wait => '30s');
my $relay = start_relay($node);
my $patience = 60;    # seconds: the machine is busy

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub identities { return join ' ', map { $_->{identity} } map { @{ $_->{participants} } } @{ $twilio->sim(GET => "rooms?room=$_[0]") } }

my $room = sql(q{SELECT videoroom_create_booking('visit', now(), now() + interval '1 hour', '{zoe-4711,ben}')});
sql("SELECT link FROM videoroom_join('$room', 'zoe-4711')");
my $first = $twilio->join($room, 'zoe-4711')->{participant_sid};
$twilio->leave($first);
my $second = $twilio->join($room, 'zoe-4711')->{participant_sid};
my $ben = $twilio->join($room, 'ben')->{participant_sid};
$twilio->leave($second);
sql("SELECT videoroom_remove_participant('$room', 'zoe-4711')");
$twilio->delivered;
wait_until { sql('SELECT count(*) FROM videoroom.connection WHERE disconnected_at IS NOT NULL') == 2 } $patience, 'the callbacks';

# Twilio fails when the person is to be forgotten.
$twilio->sim(POST => 'faults', [{ match => { path => 'Anonymize$' }, status => 503, count => 2 }]);
is(sql(q{SELECT videoroom_erase('zoe-4711')}), 1, 'a person is forgotten in the rooms they were in');
wait_until { sql('SELECT count(*) FROM videoroom.outbox WHERE run_at <= now()') == 0
        && sql(q{SELECT count(*) FROM videoroom.outbox WHERE action = 'anonymize-participant'}) == 0 } $patience, 'Twilio to be told';
is_deeply([sort split / /, identities($room)], [sort $first, $second, 'ben'], 'Twilio has forgotten each of their stays, and nobody else');

my $file = $node->basedir . '/dump.sql';
ok(IPC::Run::run(['pg_dump', '-d', $node->connstr('postgres'), '-f', $file]), 'there is a dump');
my $dump = PostgreSQL::Test::Utils::slurp_file($file);
unlike($dump, qr/zoe-4711/, 'which does not name them');
is(sql(q{SELECT count(*) FROM videoroom.callback WHERE strpos(body, 'zoe-4711') > 0}), 0, 'nor does a kept callback');
is(sql(q{SELECT connected FROM videoroom_rooms}), 1, 'whoever is there is there');

# What Twilio tells afterwards does not bring them back.
$node->append_conf('postgresql.conf', "videoroom.reconcile_interval = '1s'");
sql(q{UPDATE videoroom.session SET read_at = read_at - interval '1 hour', started_callback = started_callback - interval '1 hour',
    started_rest = started_rest - interval '1 hour'});
$node->reload;
wait_until { sql(q{SELECT read_at > now() - interval '30 min' FROM videoroom.session}) eq 't' } $patience, 'the reconciler to read the session';
$twilio->delivered;
is(sql(q{SELECT count(*) FROM videoroom.connection WHERE user_id LIKE 'erased-%'}), 2, 'stand-ins stay when Twilio is asked again');

is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
done_testing();
