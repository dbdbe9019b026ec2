# One booking from end to end: the worker makes the room ahead, a join gives a link, people come and go, the callbacks that
# tell of it arrive through the relay, and the end of the booking is the end of the call.
use strict;
use warnings;
use Test::More;
use VideoroomTest;

my $twilio = start_simulator();
my $node = new_node(simulator => $twilio);
my $relay = start_relay($node);

my ($room) = row($node, q{
    SELECT videoroom_create_booking('visit-1', now() + interval '5 min', now() + interval '1 hour', '{alice,bob}')});
like($room, qr/^[0-9a-f]{3}[0-9A-Za-z]{22}$/, 'booking gives a room_id');

my $made = wait_until { $twilio->sim(GET => "rooms?room=$room")->[0] } 20, 'the worker to make the room';
is($made->{unique_name}, $room, 'the room exists at Twilio before anyone asks, since its window is open');
is($made->{type}, 'group', 'it is a group room');

wait_until { (row($node, 'SELECT count(*) FROM videoroom.session'))[0] } 10, 'the room to be recorded';
my ($sid, $link, $token, $left) = row($node, qq{
    SELECT room_sid, link, token, extract(epoch FROM expires_at - now()) FROM videoroom_join('$room', 'alice')});
is($sid, $made->{sid}, 'a join answers with the room of the booking');
is($link, "https://app.example/room/$room#token=$token", 'the link follows the template');
cmp_ok($left, '>=', 3600, 'the token lasts to the end of the booking');

my $alice = $twilio->sim(POST => 'connect', { token => $token });
is($alice->{identity}, 'alice', 'Twilio lets the token in, as alice');
my $bob = $twilio->join($room, 'bob');
wait_until { (row($node, "SELECT connected FROM videoroom_rooms WHERE room_id = '$room'"))[0] == 2 } 10,
    'the callbacks of both people';
is((row($node, "SELECT status FROM videoroom_rooms WHERE room_id = '$room'"))[0], 'in-progress', 'the room is in progress');

$twilio->leave($bob->{participant_sid});
wait_until { (row($node, "SELECT status FROM videoroom_participants WHERE room_id = '$room' AND user_id = 'bob'"))[0]
        eq 'disconnected' } 10, 'the callback of who leaves';

is_deeply([(refusal($node, "SELECT videoroom_join('$room', 'mallory')"))[0]], ['PT403'], 'a stranger is refused');
is_deeply([(refusal($node, "SELECT videoroom_join('nowhere', 'alice')"))[0]], ['PT404'], 'an unknown room is not found');

$node->safe_psql('postgres', "SELECT videoroom_end('$room')");
wait_until { $twilio->sim(GET => "rooms?room=$room")->[0]{status} eq 'completed' } 20, 'Twilio to be told of the end';
wait_until { (row($node, "SELECT final FROM videoroom_rooms WHERE room_id = '$room'"))[0] eq 't' } 10, 'the end to be final';
is((row($node, "SELECT status FROM videoroom_rooms WHERE room_id = '$room'"))[0], 'completed', 'the room is completed');

$twilio->delivered;
is((row($node, q{SELECT count(*) FROM videoroom.callback WHERE outcome NOT IN ('applied', 'duplicate')}))[0], 0,
    'every callback was taken');
# The callback of the end may have come before Twilio's answer to who asked for it.
wait_until { (row($node, 'SELECT count(*) FROM videoroom.outbox'))[0] == 0 } 10, 'the outbox to be empty';
pass('no work is left over');
is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
is(scalar(grep { /PANIC|TRAP|was terminated by signal/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile)), 0,
    'the server never crashed');
done_testing();
