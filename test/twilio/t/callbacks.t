# Status callbacks: what they say, how they are signed, when they are sent again.
use strict;
use warnings;
use Test::More;
use Digest::SHA 'hmac_sha1_base64';
use MIME::Base64 'decode_base64';
use Simulator 'form_decode';

my $sim = Simulator->new('--no-rate-limit');

sub signature {
    my ($url, %params) = @_;
    $url =~ s/#.*//;
    return hmac_sha1_base64($url . join('', map { $_ . $params{$_} } sort keys %params), Simulator::TOKEN) . '=';
}
sub events { return map { $_->{params}{StatusCallbackEvent} } $_[0]->received }
sub states { return map { $_->{state} } @{ $sim->sim(GET => 'callbacks') } }

# a call from its beginning to its end
my $receiver = Simulator::Receiver->new;
my $url = $receiver->url('/hook?a=b%20c');
my $room = $sim->room(UniqueName => 'call', StatusCallback => "$url#rc=2&rp=all");
my $alice = $sim->join('call', 'al ice+&=');
$sim->sim(POST => 'track', { participant_sid => $alice->{sid}, kind => 'audio' });
$sim->pass(42);
$sim->leave($alice->{sid});
$sim->post('/v1/Rooms/call', { Status => 'completed' });
$sim->delivered;
my @got = $receiver->received;
is_deeply([map { $_->{params}{StatusCallbackEvent} } @got],
    [qw(room-created participant-connected track-added participant-disconnected room-ended)], 'every event is sent, in order');
my %common = map { $_ => 1 } qw(AccountSid RoomName RoomSid RoomStatus RoomType StatusCallbackEvent Timestamp SequenceNumber);
my %people = (%common, map { $_ => 1 } qw(ParticipantSid ParticipantStatus ParticipantIdentity));
my @wanted = (\%common, \%people, { %people, TrackSid => 1, TrackKind => 1 }, { %people, ParticipantDuration => 1 },
    { %common, RoomDuration => 1 });
is_deeply([sort keys %{ $got[$_]{params} }], [sort keys %{ $wanted[$_] }], "event $_ has the documented parameters") for 0 .. 4;
is($_->{headers}{'x-twilio-signature'}, signature($url, %{ $_->{params} }), "$_->{params}{StatusCallbackEvent} is signed") for @got;
is($got[0]{target}, '/hook?a=b%20c', 'the query is kept as it is and the fragment is not sent');
is($got[1]{params}{ParticipantIdentity}, 'al ice+&=', 'values are form-encoded');
is_deeply([map { $_->{params}{SequenceNumber} } @got], [0 .. 4], 'the sequence is counted');
like($got[0]{params}{Timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'timestamps have milliseconds');
is_deeply([@{ $got[3]{params} }{qw(ParticipantDuration ParticipantStatus RoomStatus)}], [42, 'disconnected', 'in-progress'],
    'a participant leaves with its duration');
is_deeply([@{ $got[4]{params} }{qw(RoomDuration RoomStatus)}], [42, 'completed'], 'a room ends with its duration');
like($got[0]{headers}{'content-type'}, qr{^application/x-www-form-urlencoded}, 'they are forms');

# retries by the fragment of the URL
sub attempts {
    my ($fragment, @plan) = @_;
    $sim->sim(POST => 'reset');
    my $one = Simulator::Receiver->new(@plan);
    $sim->room(StatusCallback => $one->url . $fragment);
    $sim->delivered;
    return ($one, (states())[0]);
}
my ($one, $state) = attempts('', 503);
is_deeply([scalar($one->received), $state], [1, 'failed'], 'by default a 503 is not tried again');
($one, $state) = attempts('#rc=5&rp=all', 503, 500, 404);
is_deeply([scalar($one->received), $state], [4, 'delivered'], 'with rp=all it is, until a 2xx');
my @tokens = map { $_->{headers}{'i-twilio-idempotency-token'} } $one->received;
is_deeply([scalar(grep { $_ eq $tokens[0] } @tokens), length $tokens[0]], [4, 36], 'all tries share one idempotency token');
($one, $state) = attempts('#rc=2&rp=5xx', (503) x 9);
is_deeply([scalar($one->received), $state], [3, 'failed'], 'no more often than rc says');
($one, $state) = attempts('#rc=5&rp=5xx', 404);
is(scalar($one->received), 1, '5xx does not cover 4xx');
($one, $state) = attempts('#rc=5&rp=4xx', 404, 404);
is(scalar($one->received), 3, '4xx does');
($one, $state) = attempts('#rc=9&rp=all', (503) x 9);
is(scalar($one->received), 2, 'an rc out of range is the default of 1');
($one, $state) = attempts('#rc=5&rp=rt&rt=400', 'slow');
is_deeply([scalar($one->received) > 1, $state], [1, 'delivered'], 'a read timeout is tried again with rt');
($one, $state) = attempts('#rc=3&rt=300', 'slow');
is_deeply([scalar($one->received), $state], [1, 'failed'], '... and not without');
($one, $state) = attempts('#rp=rt', 'drop');
is(scalar($one->received), 2, 'a connection that closes without an answer is one, too');
($one, $state) = attempts('#rc=5&rp=all', 302);
is_deeply([scalar($one->received), $state], [1, 'failed'], 'redirects are not followed');
$sim->sim(POST => 'reset');
$sim->room(StatusCallback => 'http://127.0.0.1:1/#rc=3');
$sim->delivered;
is_deeply([map { $_->{error} } @{ $sim->sim(GET => 'callbacks')->[0]{attempts} }], [('connect') x 4], 'a refused connection is tried again');

# passwords and methods
$sim->sim(POST => 'reset');
$one = Simulator::Receiver->new(401);
(my $with_password = $one->url) =~ s{//}{//us%3Aer:se%20cret@};
$sim->room(StatusCallback => $with_password);
$sim->delivered;
@got = $one->received;
is($got[0]{headers}{authorization}, undef, 'a password in the URL is kept back');
is(decode_base64($got[1]{headers}{authorization} =~ s/^Basic //r), 'us:er:se cret', '... until a 401 asks for it');
is($got[1]{headers}{'x-twilio-signature'}, signature($one->url, %{ $got[1]{params} }), '... and not signed');
$one = Simulator::Receiver->new;
$sim->room(StatusCallback => $one->url('/get?x=1'), StatusCallbackMethod => 'GET');
$sim->delivered;
@got = $one->received;
like($got[0]{target}, qr{^/get\?x=1&AccountSid=AC}, 'GET puts the parameters into the URL');
is($got[0]{headers}{'x-twilio-signature'}, signature($one->url($got[0]{target})), '... and signs that');

# switches
sub switched {
    my ($settings, @plan) = @_;
    $sim->sim(POST => 'reset');
    $sim->set(%$settings);
    my $to = Simulator::Receiver->new(@plan);
    my $made = $sim->room(UniqueName => 'switched', StatusCallback => $to->url('/s'));
    $sim->join('switched', "person $_") for 1 .. 4;
    $sim->post('/v1/Rooms/switched', { Status => 'completed' });
    $sim->delivered;
    return $to;
}
is(scalar(events(switched({}))), 10, 'a room of four people has ten events');
is(scalar(events(switched({ callback_drop_events => 'participant-connected,room-ended' }))), 5, 'events can be dropped by name');
is(scalar(events(switched({ callback_drop_percent => 100 }))), 0, '... or by chance');
is(scalar(events(switched({ callback_duplicate_percent => 100 }))), 20, 'every event can come twice');
my $shuffled = join ' ', map { $_->{params}{SequenceNumber} } switched({ callback_order => 'shuffled', callback_shuffle_ms => 200 })->received;
isnt($shuffled, join(' ', 0 .. 9), "the order can be shuffled ($shuffled)");
is_deeply([grep { $_ ne 'room_created' } grep { /room_c/ } events(switched({ callback_underscores => JSON::PP::true }))], [],
    'events can have underscores');
is((switched({ callback_room_type => JSON::PP::false })->received)[0]{params}{RoomType}, undef, 'RoomType can be left out');
is((switched({ callback_extra => 'Novel=1&RoomNameX=2' })->received)[0]{params}{RoomNameX}, 2, 'new parameters can come');
my $portless = switched({ callback_signed_url => 'without_port' });
@got = $portless->received;
is($got[0]{headers}{'x-twilio-signature'}, signature('http://127.0.0.1/s', %{ $got[0]{params} }), 'the port can be left out of the signature');
my $default = switched({ default_status_callback => 'http://127.0.0.1:1/' });
$sim->room;
is($sim->sim(GET => 'callbacks')->[-1]{url}, 'http://127.0.0.1:1/', 'a room can inherit a callback URL');

# by hand
my $held = switched({ callback_order => 'held' });
is_deeply([events($held)], [], 'held callbacks are not sent');
is_deeply([states()], [('held') x 10], '... but kept');
my @ids = map { $_->{id} } @{ $sim->sim(GET => 'callbacks') };
is($sim->sim(POST => 'callbacks/release', { ids => [@ids[9, 0, 3]] })->{released}, 3, 'some are released');
$sim->delivered;
is_deeply([events($held)], [qw(room-ended room-created participant-connected)], '... in the order given');
$sim->sim(POST => 'callbacks/resend', { id => $ids[0] });
$sim->delivered;
is((events($held))[-1], 'room-created', 'one is sent again');
is($sim->sim(POST => 'callbacks/release', {})->{released}, 7, 'the rest is released');
$sim->delivered;
is(scalar(events($held)), 11, '... and all have come');
is($sim->sim(GET => 'counts')->{callbacks}{delivered}, 11, 'the counts say so');
done_testing();
