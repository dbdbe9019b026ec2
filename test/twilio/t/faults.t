# Trouble on demand, rate limits, and many clients at once.
use strict;
use warnings;
use Test::More;
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_ERROR);
use Time::HiRes 'time';
use Simulator;

my $sim = Simulator->new('--no-rate-limit');
my ($host) = $sim->url =~ m{//(.*)};

sub wire {    # one request on a connection of its own: everything that came back, and how it ended
    my ($method, $path, $body) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $host) or die "connect: $!";
    $body //= '';
    print $socket "$method $path HTTP/1.1\r\nHost: $host\r\nAuthorization: $sim->{auth}\r\n"
        . "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
    my ($all, $end) = ('', 'timeout');
    while (IO::Select->new($socket)->can_read(3)) {
        my $got = sysread $socket, my $piece, 65536;
        $end = !defined $got ? 'reset' : $got == 0 ? 'closed' : 'timeout';
        last unless $got;
        $all .= $piece;
    }
    return ($all, $end);
}
sub exists_now { return ($sim->get("/v1/Rooms/$_[0]"))[0] == 200 ? 1 : 0 }

# connections
$sim->faults({ match => { method => 'POST' }, reset => 'before' }, { match => { method => 'POST' }, reset => 'after' });
my ($bytes, $end) = wire(POST => '/v1/Rooms', 'UniqueName=before');
is_deeply([$bytes, $end, exists_now('before')], ['', 'reset', 0], 'reset before the work: a reset and no room');
($bytes, $end) = wire(POST => '/v1/Rooms', 'UniqueName=after');
is_deeply([$bytes, $end, exists_now('after')], ['', 'reset', 1], 'reset after the work: a reset and a room');
$sim->faults({ truncate => 20 });
($bytes, $end) = wire(GET => '/v1/Rooms/after');
my ($length, $body) = $bytes =~ /Content-Length: (\d+).*?\r\n\r\n(.*)/s;
is_deeply([$length > 500, length $body, $end], [1, 20, 'closed'], 'a body can be cut short');
$sim->faults({ hang => 'after', hang_ms => 700, match => { room => 'hung' } });
my $begun = time;
($bytes, $end) = wire(POST => '/v1/Rooms', 'UniqueName=hung');
is_deeply([$bytes, $end, time - $begun >= 0.6, exists_now('hung')], ['', 'reset', 1, 1], 'a request can hang after the work');
$sim->faults({ hang => JSON::PP::true });
my $socket = IO::Socket::INET->new(PeerAddr => $host) or die "connect: $!";
print $socket "GET /v1/Rooms HTTP/1.1\r\nHost: $host\r\n\r\n";
select undef, undef, undef, 0.2;
$sim->sim(DELETE => 'faults');
is(IO::Select->new($socket)->can_read(2) ? 1 : 0, 1, 'clearing the faults lets go of who hangs');
$sim->faults({ raw => "HTTP/9 what\r\n\r\n" });
is((wire(GET => '/v1/Rooms'))[0], "HTTP/9 what\r\n\r\n", 'raw bytes can be sent');
$sim->faults({ drip => 2000, match => { path => '^/v1/Rooms/after$' } });
$begun = time;
($bytes) = wire(GET => '/v1/Rooms/after');
is_deeply([$bytes =~ /\}$/, time - $begun > 0.4], [1, 1], 'an answer can drip');

for my $part (qw(headers body)) {
    $sim->faults({ endless => $part });
    my $client = IO::Socket::INET->new(PeerAddr => $host) or die "connect: $!";
    print $client "GET /v1/Rooms HTTP/1.1\r\nHost: $host\r\nAuthorization: $sim->{auth}\r\n\r\n";
    my $got = 0;
    while ($got < 20_000_000 && IO::Select->new($client)->can_read(3)) {
        $got += sysread($client, my $piece, 65536) || last;
    }
    cmp_ok($got, '>=', 20_000_000, "the $part never stop coming");
    close $client;
}

# answers
$sim->faults({ status => 503, headers => { 'Retry-After' => '7' } }, { code => 53119 }, { status => 502 },
    { status => 200, body => '{"sid":' }, { status => 500, work => JSON::PP::true });
my ($status, $answer, $headers) = $sim->get('/v1/Rooms');
is_deeply([$status, $answer->{code}, $headers->{'retry-after'}], [503, 20503, 7], 'a 503 with its code and Retry-After');
is(($sim->get('/v1/Rooms'))[1]{code}, 53119, 'any error code, with its status');
($status, $answer, $headers) = $sim->get('/v1/Rooms');
is_deeply([$status, $headers->{'content-type'}], [502, 'text/html'], 'a gateway answers in HTML');
is(($sim->get('/v1/Rooms'))[1], '{"sid":', 'a body of your own');
is_deeply([($sim->post('/v1/Rooms', { UniqueName => 'done' }))[0], exists_now('done')], [500, 1], 'an error after the work was done');
$sim->faults({ huge_body => 3_000_000 });
is(length $sim->{http}->get($sim->url . '/v1/Rooms', { headers => { Authorization => $sim->{auth} } })->{content}, 3_000_000,
    'a huge body');
$sim->faults({ delay_ms => 300 });
$begun = time;
$sim->get('/v1/Rooms');
cmp_ok(time - $begun, '>=', 0.3, 'a late answer');

# which requests
$sim->faults({ match => { path => '/Participants', method => 'GET' }, status => 500, after => 1, count => 2 });
is_deeply([map { ($sim->get('/v1/Rooms/after/Participants'))[0] } 1 .. 4], [200, 500, 500, 200], 'after and count');
is(($sim->get('/v1/Rooms/after'))[0], 200, 'other paths are left alone');
my $after = ($sim->get('/v1/Rooms/after'))[1];
$sim->faults({ match => { room => 'after' }, status => 500, count => -1 });
is_deeply([map { ($sim->get($_))[0] } "/v1/Rooms/$after->{sid}", '/v1/Rooms/after', '/v1/Rooms'], [500, 500, 200],
    'a room is matched by its name whatever the path says');
is($sim->sim(GET => 'faults')->[-1]{struck}, 2, 'the list counts');
$sim->sim(DELETE => 'faults');
is(($sim->get('/v1/Rooms/after'))[0], 200, 'cleared');
is($sim->sim(POST => 'faults', { statsu => 500 }, 400)->{error} =~ /statsu/, 1, 'a fault that is none is refused');
my @outcomes = map { $_->{outcome} } grep { $_->{fault} } @{ $sim->sim(GET => 'requests') };
is_deeply([@outcomes[0 .. 3]], [qw(reset reset truncated hung)], 'the ledger says what struck');

# rate limits
$sim->sim(POST => 'reset');
$sim->set(rate_limits => JSON::PP::true);
# All in one second: they are connected already, and none waits for another's answer.
my @writers = map { IO::Socket::INET->new(PeerAddr => $host) || die "connect: $!" } 1 .. 25;
syswrite $_, "POST /v1/Rooms HTTP/1.1\r\nHost: $host\r\nAuthorization: $sim->{auth}\r\n"
    . "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n" for @writers;
my @statuses = map { (<$_> // '') =~ m{^HTTP/1.1 (\d+)} ? $1 : 0 } @writers;
my $limited = grep { $_ == 429 } @statuses;
is_deeply([scalar(grep { $_ == 201 } @statuses), $limited], [20, 5], '20 writes a second, then 429');

# The next that is refused: at the latest the 21st of some second.
sub refused {
    for (1 .. 100) {
        my @refusal = $sim->post('/v1/Rooms', {});
        next if $refusal[0] != 429;
        $limited++;
        return @refusal;
    }
    die "no write is refused\n";
}
($status, $answer, $headers) = refused();
is_deeply([$answer->{code}, $headers->{'retry-after'}], [20429, undef], '... with 20429 and no Retry-After');
$sim->set(retry_after_seconds => 2);
($status, $answer, $headers) = refused();
is($headers->{'retry-after'}, 2, '... or with one');
is(($sim->get('/v1/Rooms'))[0], 200, 'reads have a limit of their own');
select undef, undef, undef, 1.1;
is(($sim->post('/v1/Rooms', {}))[0], 201, 'a second later it goes on');
is($sim->sim(GET => 'counts')->{requests}{rate_limited}, $limited, 'the counts say so');

# credentials
$sim->set(rate_limits => JSON::PP::false, credentials_valid => JSON::PP::false);
is(($sim->get('/v1/Rooms'))[0], 401, 'credentials can be revoked');
$sim->set(credentials_valid => JSON::PP::true, api_key_secret => 'rotated');
is(($sim->get('/v1/Rooms'))[0], 401, '... and rotated');
$sim->sim(POST => 'reset');
$sim->set(rate_limits => JSON::PP::false);

# many at once
my @sockets = map { IO::Socket::INET->new(PeerAddr => $host) || die "connect: $!" } 1 .. 300;
# A server with too few threads would serve none of the others before these close; how long it takes is the machine's business.
local $SIG{ALRM} = sub { die "300 kept connections are not served side by side\n" };
alarm 250;
for my $round (1 .. 3) {
    print $_ "GET /v1/Rooms HTTP/1.1\r\nHost: $host\r\nAuthorization: $sim->{auth}\r\n\r\n" for @sockets;
    for my $one (@sockets) {
        my $head = '';
        $head .= <$one> until $head =~ /\r\n\r\n$/;
        my ($size) = $head =~ /Content-Length: (\d+)/;
        read $one, my ($rest), $size;
    }
}
alarm 0;
is($sim->sim(GET => 'counts')->{requests}{answered}, 900, 'three requests on each of 300 kept connections are answered');
done_testing();
