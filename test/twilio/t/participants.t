# The Participants resource, and how people get there.
use strict;
use warnings;
use Test::More;
use Digest::SHA 'hmac_sha256';
use MIME::Base64 'encode_base64';
use Simulator;

my $sim = Simulator->new('--no-rate-limit');
my $room = $sim->room(UniqueName => 'r', MaxParticipants => 2);
my $alice = $sim->join('r', 'alice');
like($alice->{participant_sid}, qr/^PA[0-9a-f]{32}$/, 'connecting answers a participant SID');

my ($status, $one) = $sim->get('/v1/Rooms/r/Participants/alice');
is($status, 200, 'a participant is found by identity');
is_deeply([sort keys %$one], [sort qw(sid room_sid account_sid status identity date_created date_updated start_time
    end_time duration url links)], 'with exactly the members of the OpenAPI file');
is_deeply([@$one{qw(sid room_sid status identity end_time duration)}],
    [$alice->{sid}, $room->{sid}, 'connected', 'alice', undef, undef], '... and their values');
is(($sim->get("/v1/Rooms/$room->{sid}/Participants/$alice->{sid}"))[0], 200, 'and by SIDs');
is(($sim->get('/v1/Rooms/r/Participants/nobody'))[1]{code}, 20404, 'a stranger is not found');
is(($sim->get('/v1/Rooms/none/Participants'))[1]{code}, 20404, 'nor are people of no room');

# limits of connecting
my $bob = $sim->join('r', 'bob');
is($sim->sim(POST => 'connect', { room => 'r', identity => 'carol' }, 400)->{code}, 53105, 'a full room refuses with 53105');
my $again = $sim->join('r', 'bob');
my ($ok, $list) = $sim->get('/v1/Rooms/r/Participants');
is_deeply([map { $_->{sid} } @{ $list->{participants} }], [$again->{sid}, $alice->{sid}],
    'the same identity puts out its earlier connection, also in a full room');
is($sim->sim(POST => 'connect', { room => 'nowhere', identity => 'x' }, 404)->{code}, 53106, 'an unknown room: 53106');
is($sim->sim(POST => 'connect', { room => 'r', identity => '' }, 400)->{code}, 53200, 'an empty identity: 53200');
is($sim->sim(POST => 'connect', { room => 'r', identity => "x" x 129 }, 400)->{code}, 53201, 'a long identity: 53201');

# putting out
($status, $one) = $sim->post('/v1/Rooms/r/Participants/bob', { Status => 'disconnected' });
is_deeply([$status, @$one{qw(sid status duration)}], [202, $again->{sid}, 'disconnected', 0], 'one is put out with 202');
is(($sim->get('/v1/Rooms/r/Participants/bob'))[0], 404, 'an identity means connected ones only');
is(($sim->get("/v1/Rooms/r/Participants/$again->{sid}"))[1]{status}, 'disconnected', 'a SID means both');
is(($sim->post("/v1/Rooms/r/Participants/$again->{sid}", { Status => 'disconnected' }))[0], 404, 'once more is a 404');
$sim->set(remove_twice_is_fine => JSON::PP::true, participant_not_found_code => 53204);
is(($sim->post("/v1/Rooms/r/Participants/$again->{sid}", { Status => 'disconnected' }))[0], 202, '... or 202, as switched');
is(($sim->get('/v1/Rooms/r/Participants/nobody'))[1]{code}, 53204, '... and 53204 instead of 20404');
is($sim->violations, 0, 'none of this was a violation');
is(($sim->post('/v1/Rooms/r/Participants/alice', { Status => 'connected' }))[0], 400, 'nobody can be connected by REST');
is(($sim->post('/v1/Rooms/r/Participants/alice', { status => 'disconnected' }))[0], 400, 'names are case-sensitive');
is(($sim->post('/v1/Rooms/r/Participants', {}))[0], 405, 'nobody is made by REST');
is($sim->violations, 4, 'these were (one was wrong twice)');

# lists
$sim->join('r', 'dora');
($ok, $list) = $sim->get('/v1/Rooms/r/Participants?Status=disconnected');
is(scalar @{ $list->{participants} }, 2, 'the disconnected ones are listed on request');
is($list->{meta}{key}, 'participants', 'meta names the key');
($ok, $list) = $sim->get('/v1/Rooms/r/Participants?PageSize=1');
($ok, my $next) = $sim->get($list->{meta}{next_page_url});
is_deeply([map { $_->{participants}[0]{identity} } $list, $next], ['dora', 'alice'], 'pages follow each other');
($ok, $list) = $sim->get('/v1/Rooms/r/Participants?Identity=alice');
is(scalar @{ $list->{participants} }, 1, 'an identity filters');
$sim->post('/v1/Rooms/r', { Status => 'completed' });
($ok, $list) = $sim->get("/v1/Rooms/$room->{sid}/Participants");
is(scalar(grep { $_->{status} eq 'disconnected' } @{ $list->{participants} }), 4, 'of a completed room all are disconnected');
is($sim->sim(POST => 'connect', { room => $room->{sid}, identity => 'x' }, 400)->{code}, 53118, 'it cannot be joined: 53118');
is($sim->sim(POST => 'connect', { room => 'r', identity => 'x' }, 404)->{code}, 53106, '... by name: 53106');

# forgetting
($status, $one) = $sim->post("/v1/Rooms/$room->{sid}/Participants/$alice->{sid}/Anonymize");
is_deeply([$status, $one->{identity}, $one->{links}], [200, $alice->{sid}, undef], 'Anonymize makes the identity the SID');
is(($sim->get("/v1/Rooms/$room->{sid}/Participants/$alice->{sid}"))[1]{identity}, $alice->{sid}, '... for good');

# access tokens
sub part { my $text = encode_base64($_[0], ''); $text =~ tr{+/}{-_}; $text =~ s/=+$//; return $text }
sub token {
    my (%change) = @_;
    my $iat = $change{iat} // time;
    my %payload = (jti => Simulator::KEY . "-$iat-nonce", iss => Simulator::KEY, sub => Simulator::ACCOUNT, iat => $iat,
        exp => $iat + 3600, grants => { identity => 'erin', video => { room => $change{room} // 't' } }, %{ $change{payload} // {} });
    my %header = (alg => 'HS256', typ => 'JWT', cty => 'twilio-fpa;v=1', %{ $change{header} // {} });
    my $text = part(JSON::PP->new->canonical->encode(\%header)) . '.' . part(JSON::PP->new->canonical->encode(\%payload));
    return "$text." . part(hmac_sha256($text, $change{secret} // Simulator::SECRET));
}
sub refused_token {
    my ($code, $name, %change) = @_;
    my $status = $code == 53106 ? 404 : 401;
    is($sim->sim(POST => 'connect', { token => token(%change) }, $status)->{code}, $code, "$name: $code");
}
my $t = $sim->room(UniqueName => 't');
is($sim->sim(POST => 'connect', { token => token() })->{identity}, 'erin', 'a token for the name lets in');
is($sim->sim(POST => 'connect', { token => token(room => $t->{sid}) })->{room_sid}, $t->{sid}, 'a token for the SID lets in');
refused_token(20107, 'a forged signature', secret => 'wrong');
refused_token(20104, 'an expired token', iat => time - 7200);
refused_token(20105, 'a token of tomorrow', iat => time + 86400);
refused_token(20157, 'more than 24 hours', payload => { exp => time + 86500 });
refused_token(20103, 'another key', payload => { iss => 'SK' . '2' x 32 });
refused_token(20103, 'another account', payload => { sub => 'AC' . '2' x 32 });
refused_token(20102, 'another header', header => { cty => 'x' });
refused_token(20101, 'another jti', payload => { jti => 'x' });
refused_token(20106, 'no video grant', payload => { grants => { identity => 'erin' } });
refused_token(53106, 'a room that is not there', room => 'elsewhere');
$sim->room(UniqueName => 'other');
is($sim->sim(POST => 'connect', { token => token(), room => 'other' }, 401)->{code}, 20106, 'a token for another room: 20106');
is($sim->sim(POST => 'connect', { token => 'a.b' }, 401)->{code}, 20101, 'rubbish: 20101');
$sim->set(strict_jti => JSON::PP::true);
refused_token(20101, 'a jti with a suffix, if switched');
$sim->set(ad_hoc_rooms => JSON::PP::true, strict_jti => JSON::PP::false);
$sim->post('/v1/Rooms/t', { Status => 'completed' });
my $new = $sim->sim(POST => 'connect', { token => token() });
isnt($new->{room_sid}, $t->{sid}, 'ad hoc: a token for the name makes a new room');
$sim->leave($new->{sid});
is(($sim->get("/v1/Rooms/$new->{room_sid}"))[1]{status}, 'completed', '... that ends with the last one leaving');
is($sim->sim(POST => 'connect', { token => token(room => $t->{sid}) }, 400)->{code}, 53118, '... a token for the SID does not');
done_testing();
