# The Rooms resource.
use strict;
use warnings;
use Test::More;
use Simulator;

my $sim = Simulator->new('--no-rate-limit');

sub refused {
    my ($what, $code, $status, $path, $form, $name) = @_;
    my ($got, $body) = $sim->post($path, $form);
    is_deeply([$got, $body->{code}, $body->{status}], [$status, $code, $status], $name // "$what is refused with $code");
    like($body->{more_info}, qr{/$code$}, "... and more_info leads to $code");
}

# creating
my ($status, $room, $headers) = $sim->post('/v1/Rooms', { UniqueName => 'first', Type => 'group' });
is($status, 201, 'a room is created with 201');
like($room->{sid}, qr/^RM[0-9a-f]{32}$/, 'it has a SID');
is_deeply([sort keys %$room], [sort qw(sid status date_created date_updated account_sid enable_turn unique_name
    status_callback status_callback_method end_time duration type max_participants max_participant_duration
    max_concurrent_published_tracks record_participants_on_connect video_codecs media_region audio_only
    empty_room_timeout unused_room_timeout large_room url links)], 'it has exactly the members of the OpenAPI file');
is_deeply([@$room{qw(status type unique_name max_participants max_participant_duration empty_room_timeout
    unused_room_timeout end_time duration status_callback)}],
    ['in-progress', 'group', 'first', 50, 14400, 5, 5, undef, undef, undef], 'it has the documented defaults');
like($room->{date_created}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'dates have whole seconds');
is($room->{url}, $sim->url . "/v1/Rooms/$room->{sid}", 'its URL leads back here');
like($headers->{'twilio-request-id'}, qr/^RQ[0-9a-f]{32}$/, 'answers carry a request id');
is($sim->room->{unique_name} =~ /^RM/, 1, 'without a name the SID is the name');
my $full = $sim->room(UniqueName => 'full', VideoCodecs => ['H264', 'VP8'], MediaRegion => 'ie1', MaxParticipants => 7,
    EmptyRoomTimeout => 60, UnusedRoomTimeout => 1, MaxParticipantDuration => 86400, AudioOnly => 'false',
    StatusCallback => 'https://example.com/cb?x=1#rc=5&rp=all', StatusCallbackMethod => 'GET',
    RecordingRules => '[{"type":"exclude","all":true}]', LargeRoom => 'false', EnableTurn => 'true');
is_deeply([@$full{qw(max_participants empty_room_timeout unused_room_timeout max_participant_duration media_region
    status_callback status_callback_method)}, @{ $full->{video_codecs} }],
    [7, 60, 1, 86400, 'ie1', 'https://example.com/cb?x=1#rc=5&rp=all', 'GET', 'H264', 'VP8'], 'what was asked for is kept');
is_deeply($sim->room(AudioOnly => 'true')->{video_codecs}, [], 'an audio-only room has no codecs');
is($sim->violations, 0, 'none of this was a violation');

# names
refused('a name in progress', 53113, 400, '/v1/Rooms', { UniqueName => 'first' });
is($sim->violations, 0, 'which is no violation');
is(($sim->get('/v1/Rooms/first'))[1]{sid}, $room->{sid}, 'a room is found by its name');
is(($sim->get("/v1/Rooms/$room->{sid}"))[1]{unique_name}, 'first', 'and by its SID');
($status, my $done) = $sim->post("/v1/Rooms/first", { Status => 'completed' });
is_deeply([$status, $done->{status}, $done->{duration}], [202, 'completed', 0], 'completing answers 202 and the completed room');
like($done->{end_time}, qr/Z$/, '... with its end');
is(($sim->get('/v1/Rooms/first'))[0], 404, 'a completed room is not found by name');
is(($sim->get('/v1/Rooms/first'))[1]{code}, 20404, '... with code 20404');
is(($sim->get("/v1/Rooms/$room->{sid}"))[1]{status}, 'completed', 'but by SID');
refused('completing a completed room', 53112, 400, "/v1/Rooms/$room->{sid}", { Status => 'completed' });
isnt($sim->room(UniqueName => 'first')->{sid}, $room->{sid}, 'its name is free again');
$sim->room(UniqueName => "caf\x{e9} \x{1F600}");
is(($sim->get('/v1/Rooms/caf%C3%A9%20%F0%9F%98%80'))[0], 200, 'a name in the path is percent-decoded');
is($sim->violations, 0, 'still no violation');

# strictness
my $before = $sim->violations;
for my $case (
    [20001, { uniquename => 'x' }], [20001, { unique_name => 'x' }], [20001, { Nonsense => 1 }],
    [20001, { AudioOnly => 'True' }], [20001, { AudioOnly => 1 }], [20001, { LargeRoom => '' }],
    [53107, { MaxParticipants => 0 }], [53107, { MaxParticipants => 51 }], [53107, { MaxParticipants => 'ten' }],
    [53107, { MaxParticipants => 3, Type => 'go' }], [53108, { Type => 'Group' }],
    [53109, { EmptyRoomTimeout => 0 }], [53109, { EmptyRoomTimeout => 61 }], [53109, { UnusedRoomTimeout => '5.0' }],
    [53110, { StatusCallbackMethod => 'PUT' }], [53111, { StatusCallback => '/callback' }],
    [53111, { StatusCallback => 'ftp://example.com/' }], [53115, { MediaRegion => 'eu1' }],
    [53123, { MaxParticipantDuration => 599 }], [53123, { MaxParticipantDuration => 86401 }],
    [53120, { RecordingRules => '{}' }], [53120, { RecordingRules => '[]' }],
    [53120, { RecordingRules => '[{"type":"include","all":true,"kind":"audio"}]' }],
    [20001, { VideoCodecs => 'vp8' }], [20001, { VideoCodecs => 'VP8,H264' }],
    [53100, { UniqueName => '' }], [53100, { UniqueName => 'RM' . 'a' x 32 }], [53101, { UniqueName => 'x' x 129 }],
    [53101, { UniqueName => "\x{e9}" x 65 }], [20001, [[UniqueName => 'a'], [UniqueName => 'b']]],
    [20001, { TranscriptionsConfiguration => '[]' }],
) {
    my ($code, $form) = @$case;
    refused(Simulator::form_encode($form), $code, 400, '/v1/Rooms', $form);
    is($sim->violations, ++$before, '... and counted once');
}
is(($sim->post('/v1/Rooms?UniqueName=x', {}))[1]{code}, 20001, 'a query on a POST is refused');
is(($sim->request('POST', '/v1/Rooms', body => '{"UniqueName":"x"}', headers => { 'Content-Type' => 'application/json' }))[1]{code},
    20001, 'a JSON body is refused');
is(($sim->request('POST', '/v1/Rooms', body => 'UniqueName=%FF'))[0], 400, 'invalid UTF-8 is refused');
is(($sim->request('POST', '/v1/Rooms', body => 'UniqueName=%4'))[0], 400, 'a broken escape is refused');
is(($sim->post("/v1/Rooms/first", { Status => 'in-progress' }))[1]{code}, 53112, 'completed is the only target status');
is(($sim->post("/v1/Rooms/first", {}))[1]{code}, 20001, 'Status is required');
is(($sim->request('DELETE', '/v1/Rooms/first'))[0], 405, 'DELETE is not allowed');
is(($sim->get('/v1/rooms'))[0], 404, 'paths are case-sensitive');
is(($sim->get('/v1/Rooms/first/Recordings'))[0], 501, 'what is not simulated says so');
is(($sim->request('GET', '/v1/Rooms', body => 'Status=completed', headers => { Connection => 'close' }))[0], 400,
    'a GET with a body is refused');
is($sim->violations, $before + 9, 'each of them is a violation, but for the last');
$sim->set(strict => JSON::PP::false);
($status, $room) = $sim->post('/v1/Rooms', { unique_name => 'ignored' });
is_deeply([$status, $room->{unique_name} eq $room->{sid}], [201, 1], 'lenient: an unknown name is ignored, as Twilio does');
$sim->sim(POST => 'reset');

# authentication
is(($sim->get('/v1/Rooms', headers => { Authorization => undef }))[1]{code}, 20003, 'no credentials: 20003');
is(($sim->get('/v1/Rooms', headers => { Authorization => 'Basic ' . MIME::Base64::encode_base64("x:y", '') }))[0], 401,
    'wrong credentials: 401');
is(($sim->get('/v1/Rooms', headers => { Authorization => 'Basic '
    . MIME::Base64::encode_base64(Simulator::ACCOUNT . ':' . Simulator::TOKEN, '') }))[0], 200, 'SID and auth token do as well');
is_deeply([map { $_->{auth} } @{ $sim->sim(GET => 'requests') }], ['none', 'wrong', 'auth_token'], 'the ledger tells them apart');

# lists
$sim->room(UniqueName => "list$_") for 1 .. 5;
$sim->post('/v1/Rooms/list3', { Status => 'completed' });
my ($ok, $list) = $sim->get('/v1/Rooms?PageSize=3');
is_deeply([map { $_->{unique_name} } @{ $list->{rooms} }], [qw(list5 list4 list2)], 'a list has rooms in progress, newest first');
is_deeply([sort keys %{ $list->{meta} }], [sort qw(page page_size first_page_url previous_page_url url next_page_url key)],
    'meta has its members');
is_deeply([@{ $list->{meta} }{qw(page page_size key)}], [0, 3, 'rooms'], '... and their values');
($ok, $list) = $sim->get($list->{meta}{next_page_url});
is_deeply([map { $_->{unique_name} } @{ $list->{rooms} }], ['list1'], 'next_page_url leads to the rest');
is($list->{meta}{next_page_url}, undef, 'and the last page has no next');
($ok, $list) = $sim->get('/v1/Rooms?Status=completed&UniqueName=list3');
is(scalar @{ $list->{rooms} }, 1, 'completed rooms are found by status and name');
($ok, $list) = $sim->get('/v1/Rooms?DateCreatedAfter=2100-01-01T00:00:00Z');
is(scalar @{ $list->{rooms} }, 0, 'the creation date filters');
($ok, $list) = $sim->get('/v1/Rooms?DateCreatedBefore=2100-01-01');
is(scalar @{ $list->{rooms} }, 4, '... also as a day');
is(($sim->get("/v1/Rooms?$_"))[0], 400, "?$_ is refused")
    for qw(PageSize=0 PageSize=1001 PageSize=x Page=-1 PageToken=PTx Status=ended pagesize=5 DateCreatedAfter=yesterday Limit=5);
$sim->room(UniqueName => "many$_") for 1 .. 60;
is(scalar @{ ($sim->get('/v1/Rooms'))[1]{rooms} }, 50, 'a page has 50 by default');
is(scalar @{ ($sim->get('/v1/Rooms?PageSize=1000'))[1]{rooms} }, 64, '... and up to 1000 if asked');
done_testing();
