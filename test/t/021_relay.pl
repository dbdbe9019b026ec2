# The relay among strangers: connections that say nothing or trickle, and posts that nobody signed, keep no genuine callback
# waiting, and fill no log.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use POSIX 'strftime';
use Steps qw(set_config);
use Test::More;
use VideoroomTest;
use Watch;

my $node = new_node(name => 'relay', enabled => 'off');
my ($room) = row($node, q{SELECT videoroom_create_booking('b', now() + interval '30 hours', now() + interval '31 hours', '{ann}')});
my $said = $node->basedir . '/relay.log';
open my $stderr, '>&', \*STDERR or die "stderr: $!\n";
open STDERR, '>', $said or die "$said: $!\n";
my $relay = start_relay($node, '--sessions', 3);
open STDERR, '>&', $stderr or die "stderr: $!\n";
my $health = $relay->url =~ s{/twilio$}{/healthz}r;
my ($port) = $relay->url =~ /:(\d+)/;
my $http = HTTP::Tiny->new(timeout => 30, keep_alive => 0);
my $number = 0;

# A request, signed or not: its body and headers.
sub callback {
    my (%given) = @_;
    my %params = (AccountSid => Simulator::ACCOUNT, RoomName => $room, RoomSid => 'RM' . 'a' x 32, StatusCallbackEvent => 'room-created',
        SequenceNumber => $number++, Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime));
    my $text = $relay->url . join '', map { $_ . $params{$_} } sort keys %params;
    return (Simulator::form_encode(\%params), 'Content-Type' => 'application/x-www-form-urlencoded',
        'X-Twilio-Signature' => $given{forged} ? 'x' x 28 : hmac_sha1_base64($text, Simulator::TOKEN) . '=', %{ $given{headers} // {} });
}
sub post {
    my ($body, %headers) = callback(@_);
    return $http->request(POST => $relay->url, { content => $body, headers => \%headers })->{status};
}
sub healthy { return $http->get($health)->{status} }
sub kept { return $node->safe_psql('postgres', 'SELECT count(*) FROM videoroom.callback') }
sub connection {
    my ($begin) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 20) or die "connect: $!\n";
    print $socket $begin;
    $socket->flush;
    return $socket;
}

# Callbacks on connections of their own, all at once.
sub post_at_once {
    my ($count) = @_;
    return map {
        my ($body, %headers) = callback();
        $headers{'Content-Length'} = length $body;
        connection(join "\r\n", 'POST /twilio HTTP/1.1', 'Host: h', (map { "$_: $headers{$_}" } sort keys %headers), '', $body);
    } 1 .. $count;
}
sub status_of {
    my ($socket) = @_;
    return IO::Select->new($socket)->can_read(20) && (<$socket> // '') =~ /^HTTP\S* (\d+)/ ? $1 : 'none';
}
sub end_relay {
    kill 'TERM', $relay->{pid};
    return wait_until { waitpid($relay->{pid}, POSIX::WNOHANG()) == $relay->{pid} ? "ended $?" : undef } 30, 'the relay to end';
}

is(healthy(), 204, 'the relay is well');
is(post(), 204, 'and takes what is signed');

# --- people who say nothing, or hardly anything

$SIG{PIPE} = 'IGNORE';
my $head = "POST /twilio HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: x\r\n";
my @silent = map { connection('') } 1 .. 300;
my @trickling = ((map { connection("POST /twilio HTTP/1.1\r\nX-") } 1 .. 100), (map { connection("${head}Content-Length: 1000\r\n\r\n") } 1 .. 100));
my $before = kept();
is(scalar(grep { $_ == 204 } map { print $_ 'x' and $_->flush for @trickling; post() } 1 .. 40), 40, 'among five hundred of them all genuine callbacks are taken');
is(kept(), $before + 40, 'and kept');
is(healthy(), 204, 'and the relay is well');
my $open = IO::Select->new(@silent, @trickling);
my $patience = time + 60;
while ($open->count && time < $patience) {
    for my $socket ($open->can_read(0.2)) {
        $open->remove($socket) unless sysread $socket, my $answer, 4096;
    }
    print $_ 'x' and $_->flush for grep { $open->exists($_) } @trickling;
}
is($open->count, 0, 'they are cut off, whatever they go on to say');
is(post(headers => { 'X-Long' => 'x' x 12_000 }), 204, 'twelve kilobytes of header are taken');
is($http->request(POST => $relay->url, { content => 'x', headers => { 'Content-Type' => 'text/plain' } })->{status}, 415, 'what is no form is not');
is($http->get($relay->url)->{status}, 405, 'nor is what is not posted');
is($http->get("http://127.0.0.1:$port/elsewhere")->{status}, 404, 'nor what is for another path');

# --- people who sign nothing

my $position = log_position($node);
is(scalar(grep { $_ == 403 } map { post(forged => 1) } 1 .. 60), 60, 'sixty forged callbacks are refused');
# If the minute is over in between, one more, and the number of the others.
cmp_ok(scalar(() = PostgreSQL::Test::Utils::slurp_file($said) =~ /^relay: 4/mg), '<=', 2, 'all refusals of a minute are one line of the relay');
my @lines = log_lines($node, qr/callback not verified|PL\/pgSQL function videoroom\.receive|INSERT INTO videoroom\.callback/, $position);
is(scalar(grep { /ERROR:  callback not verified/ } @lines), 1, 'the server has one line about them');
is(scalar(grep { /CONTEXT|STATEMENT/ } @lines), 0, 'without its context');
is(post(), 204, 'a genuine one is taken');
is($node->safe_psql('postgres', 'SELECT callbacks_forged FROM videoroom_stats()'), 60, 'all of them are counted');

# --- a server that takes no writes

$node->safe_psql('postgres', 'ALTER SYSTEM SET default_transaction_read_only = on');
$node->reload;
wait_until { healthy() == 503 } 20, 'the relay to notice';
is(post(), 503, 'on a read-only server the relay is not well, and what is posted is to be sent again');
$node->safe_psql('postgres', 'SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only');
$node->reload;
wait_until { healthy() == 204 } 20, 'the relay to be well';
is(post(), 204, 'and is once it is writable');

# --- the end

{
    my $holder = $node->background_psql('postgres');
    $holder->query_safe('BEGIN; LOCK TABLE videoroom.callback IN ACCESS EXCLUSIVE MODE');
    my @waiting = post_at_once(20);
    wait_until { $node->safe_psql("postgres", q{SELECT count(*) = 3 FROM pg_stat_activity WHERE usename = 'relay' AND wait_event_type = 'Lock'}) eq "t" } 20,
        'the sessions to wait';
    @trickling = map { connection("${head}Content-Length: 1000\r\n\r\n") } 1 .. 20;
    is(end_relay(), 'ended 0', 'it ends when told to, whoever is still trickling');
    is_deeply([map { status_of($_) } @waiting], [(503) x 20], 'and whoever waited for the database is told to come again');
    $holder->quit;
}
like(PostgreSQL::Test::Utils::slurp_file($said), qr/^relay: \d+ more refused within a minute$/m, 'and says how many it has refused');

# --- servers that are not there

{
    # Its queue is full, so that whoever comes hears nothing.
    my $silent = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "listen: $!\n";
    my @queue = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $silent->sockport, Blocking => 0) } 1 .. 8;
    die "somebody is heard\n" if $queue[-1]->connected;
    local $node->{relay_hosts} = [['127.0.0.1', $silent->sockport]];
    $relay = start_relay($node, '--sessions', 3);
    is(post(), 204, 'of several hosts the first may say nothing');
    is(end_relay(), 'ended 0', 'and it ends');
}
$relay = start_relay($node, '--sessions', 3);
$node->stop('fast');
is_deeply([map { status_of($_) } post_at_once(20)], [(503) x 20], 'of a server that is gone everybody is told');
never_crashed($node);
done_testing();
