# What time does, with a clock that is pushed.
use strict;
use warnings;
use Test::More;
use Simulator;

my $sim = Simulator->new('--no-rate-limit');
sub status { return ($sim->get("/v1/Rooms/$_[0]{sid}"))[1]{status} }
sub history { return $sim->sim(GET => "rooms?room=$_[0]{sid}")->[0]{history} }
sub last_of { return history($_[0])->[-1] }

my $unused = $sim->room(UnusedRoomTimeout => 2);
$sim->pass(119);
is(status($unused), 'in-progress', 'an unused room lives until its timeout');
$sim->pass(2);
is(status($unused), 'completed', '... and not longer');
is(last_of($unused)->{why}, 'unused', '... for that reason');
is(($sim->get("/v1/Rooms/$unused->{sid}"))[1]{duration}, 120, 'it ended when it was due, not when somebody looked');

my $empty = $sim->room(EmptyRoomTimeout => 3, UnusedRoomTimeout => 1);
my $alice = $sim->join($empty->{sid}, 'alice');
$sim->pass(3600);
is(status($empty), 'in-progress', 'with somebody in it a room stays');
$sim->leave($alice->{sid});
$sim->pass(179);
is(status($empty), 'in-progress', 'the empty timeout begins when the last one leaves');
$alice = $sim->join($empty->{sid}, 'alice');
$sim->leave($alice->{sid});
$sim->pass(179);
is(status($empty), 'in-progress', '... begins anew');
$sim->pass(2);
is_deeply([status($empty), last_of($empty)->{why}], ['completed', 'empty'], '... and ends the room');

my $long = $sim->room(MaxParticipantDuration => 600, EmptyRoomTimeout => 60);
my $bob = $sim->join($long->{sid}, 'bob');
$sim->pass(601);
is_deeply([@{ ($sim->get("/v1/Rooms/$long->{sid}/Participants/$bob->{sid}"))[1] }{qw(status duration)}], ['disconnected', 600],
    'nobody stays longer than MaxParticipantDuration');
is(status($long), 'in-progress', '... which does not end the room');

my $day = $sim->room(MaxParticipantDuration => 86400);
$sim->pass(10);
$sim->join($day->{sid}, 'carol');
$sim->pass(86400 - 20);
is(status($day), 'in-progress', 'a room lives 24 hours');
$sim->pass(11);
is_deeply([status($day), last_of($day)->{why}], ['completed', '24-hours'], '... whoever is in it');
is_deeply([map { $_->{what} } @{ history($day) }], [qw(room-created participant-connected participant-disconnected room-ended)],
    '... and is put out');

my $crash = $sim->room(EmptyRoomTimeout => 1);
my $dave = $sim->join($crash->{sid}, 'dave');
$sim->leave($dave->{sid}, late => 90);
is(($sim->get("/v1/Rooms/$crash->{sid}/Participants/dave"))[1]{status}, 'connected', 'a crashed client seems connected');
$sim->pass(89);
is(($sim->get("/v1/Rooms/$crash->{sid}/Participants/dave"))[0], 200, '... for a while');
$sim->pass(2);
is(($sim->get("/v1/Rooms/$crash->{sid}/Participants/dave"))[0], 404, '... until Twilio sees it');
is(last_of($crash)->{why}, 'lost', '... as lost');
$sim->set(lost_shows_reconnecting => JSON::PP::true);
$dave = $sim->join($crash->{sid}, 'dave');
$sim->leave($dave->{sid}, late => JSON::PP::true);
is(($sim->get("/v1/Rooms/$crash->{sid}/Participants/dave"))[1]{status}, 'reconnecting', '... or reconnecting, as switched');

# what the documentation leaves open
$sim->set(missing_after_completion_ms => 2000, missing_after_creation_ms => 1000);
my $slow = $sim->room(UniqueName => 'slow');
is(($sim->get('/v1/Rooms/slow'))[0], 404, 'switched: a new room is not there yet');
is(scalar(grep { $_->{unique_name} eq 'slow' } @{ ($sim->get('/v1/Rooms'))[1]{rooms} }), 0, '... nor in a list');
is(($sim->post('/v1/Rooms', { UniqueName => 'slow' }))[1]{code}, 53113, '... but its name is taken');
$sim->pass(1.1);
is(($sim->get('/v1/Rooms/slow'))[0], 200, '... then it is');
$sim->post('/v1/Rooms/slow', { Status => 'completed' });
is(($sim->get("/v1/Rooms/$slow->{sid}"))[0], 404, 'switched: a room is gone right after its end');
$sim->pass(2.1);
is(($sim->get("/v1/Rooms/$slow->{sid}"))[0], 200, '... and comes back');
$sim->sim(POST => 'reset');

$sim->set(print_open_end => JSON::PP::true, status_of => { 53113 => 409, 53112 => 422 }, not_in_progress_code => 53118,
    room_not_found_code => 53106, clamp_max_participants => JSON::PP::true);
my $open = $sim->room(UniqueName => 'open', MaxParticipants => 90);
like($open->{end_time}, qr/Z$/, 'switched: rooms in progress print an end');
is($open->{max_participants}, 50, 'switched: too many participants become the most');
is(($sim->post('/v1/Rooms', { UniqueName => 'open' }))[0], 409, 'switched: another status for 53113');
$sim->post('/v1/Rooms/open', { Status => 'completed' });
is(($sim->post("/v1/Rooms/$open->{sid}", { Status => 'completed' }))[1]{code}, 53118, 'switched: another code for a room that is over');
is(($sim->get('/v1/Rooms/open'))[1]{code}, 53106, 'switched: another code for a room that is not there');
$sim->set(error_format => 'problem');
my ($status, $problem, $headers) = $sim->get('/v1/Rooms/open');
is_deeply([$status, sort keys %$problem], [404, qw(code status title type)], 'switched: RFC 9457 errors');
$sim->set(max_rooms => 1);
$sim->room;
is(($sim->post('/v1/Rooms', {}))[1]{code}, 53119, 'the quota of rooms is kept');
is($sim->sim(POST => 'settings', { max_romos => 1 }, 400)->{error}, 'unknown setting: max_romos', 'a setting that is none is refused');
is($sim->sim(POST => 'settings', { max_rooms => -1 }, 400)->{error}, 'bad value for setting: max_rooms', 'so is a bad value');
is($sim->sim(POST => 'clock', { advance_seconds => -1 }, 400)->{error} =~ /negative/, 1, 'time does not go back');
$sim->sim(POST => 'reset');
is(scalar @{ $sim->sim(GET => 'rooms') }, 0, 'a reset forgets everything');

# the clock of the machine drives it too
my $short = $sim->room(UnusedRoomTimeout => 1);
$sim->pass(59.5);
sleep 1;
is_deeply([map { $_->{what} } @{ history($short) }], [qw(room-created room-ended)], 'real time passes as well');
done_testing();
