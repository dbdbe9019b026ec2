# Starts a simulator on a free port and talks to it; a receiver of status callbacks besides. Perl's own modules only.
package Simulator;

use strict;
use warnings;
use Exporter 'import';
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 'encode_base64';
use Time::HiRes 'sleep';

our @EXPORT_OK = qw(form_decode);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my %running;
use constant {
    ACCOUNT => 'AC00000000000000000000000000000001',
    TOKEN   => '0123456789abcdef0123456789abcdef',
    KEY     => 'SK00000000000000000000000000000001',
    SECRET  => 'simulator-api-key-secret',
};

sub new {
    my ($class, @options) = @_;
    my $program = $ENV{SIMULATOR} or die "SIMULATOR must name the program\n";
    my $pid = open(my $out, '-|', $program, '--port', 0, @options) or die "cannot start $program: $!\n";
    my ($url) = (<$out> // '') =~ /^listening on (\S+)$/ or die "$program did not say where it listens\n";
    $running{$pid} = 1;
    return bless { pid => $pid, out => $out, url => $url, http => HTTP::Tiny->new(timeout => 20, max_redirect => 0),
        auth => 'Basic ' . encode_base64(KEY . ':' . SECRET, '') }, $class;
}

# also when the test dies, where objects are destroyed in no order
END { local ($?, $!); kill 'TERM', keys %running }

sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    kill 'TERM', $self->{pid};
    close $self->{out};
    delete $running{ $self->{pid} };
}

sub url { $_[0]{url} }

sub form_encode {
    my ($pair) = @_;
    my @pairs = ref $pair eq 'HASH' ? map { [$_, $pair->{$_}] } sort keys %$pair : @$pair;
    return join '&', map {
        my ($name, $value) = @$_;
        join '&', map { escape($name) . '=' . escape($_) } ref $value ? @$value : $value
    } @pairs;
}

sub escape {
    my ($text) = @_;
    utf8::encode($text);
    $text =~ s/([^A-Za-z0-9\-._~])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

sub form_decode {
    my ($body) = @_;
    return map { my ($n, $v) = split /=/, $_, 2; (unescape($n), unescape($v // '')) } split /&/, $body;
}

sub unescape {
    my ($text) = @_;
    $text =~ tr/+/ /;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $text;
}

# [status, decoded body, headers]; the REST API as an application calls it
sub request {
    my ($self, $method, $path, %given) = @_;
    my %headers = (Authorization => $self->{auth}, %{ $given{headers} // {} });
    delete $headers{Authorization} unless defined $headers{Authorization};
    my $content = exists $given{body} ? $given{body} : $given{form} ? form_encode($given{form}) : undef;
    $headers{'Content-Type'} //= 'application/x-www-form-urlencoded' if defined $content;
    # cpp-httplib takes what follows a DELETE without a length for its body.
    $headers{'Content-Length'} //= 0 if $method eq 'DELETE' && !defined $content;
    my $answer = $self->{http}->request($method, $path =~ /^http/ ? $path : $self->{url} . $path,
        { headers => \%headers, defined $content ? (content => $content) : () });
    my $body = eval { $json->decode($answer->{content}) } // $answer->{content};
    return ($answer->{status}, $body, $answer->{headers});
}

sub get  { my ($self, $path, %given) = @_; return $self->request('GET', $path, %given) }
sub post { my ($self, $path, $form, %given) = @_; return $self->request('POST', $path, form => $form // {}, %given) }

# a control command: the decoded answer; dies unless the status is the wanted one
sub sim {
    my ($self, $method, $path, $command, $wanted) = @_;
    my $answer = $self->{http}->request($method, "$self->{url}/sim/$path",
        { defined $command ? (content => $json->encode($command)) : (headers => { 'Content-Length' => 0 }) });
    die "$method /sim/$path: $answer->{status} $answer->{content}\n" if $answer->{status} != ($wanted // 200);
    return $json->decode($answer->{content});
}

sub room {
    my ($self, %form) = @_;
    my ($status, $room) = $self->post('/v1/Rooms', { Type => 'group', %form });
    die "room not created: $status\n" if $status != 201;
    return $room;
}

sub join   { my ($self, $room, $identity) = @_; return $self->sim(POST => 'connect', { room => $room, identity => $identity }) }
sub leave  { my ($self, $sid, @late) = @_; return $self->sim(POST => 'disconnect', { participant_sid => $sid, @late }) }
sub set    { my ($self, %settings) = @_; return $self->sim(POST => 'settings', \%settings) }
sub pass   { my ($self, $seconds) = @_; return $self->sim(POST => 'clock', { advance_seconds => $seconds }) }
sub faults { my ($self, @faults) = @_; return $self->sim(POST => 'faults', \@faults) }
sub violations { my ($self) = @_; return scalar @{ $self->sim(GET => 'violations') } }
sub delivered  { my ($self) = @_; $self->sim(POST => 'callbacks/drain', {}) }

# Receives callbacks in a process of its own: answers the n-th request by the n-th word of the plan (a status, "drop" to
# close without an answer, "slow" to be silent for a second), then 204.
package Simulator::Receiver;

use IO::Socket::INET;
use File::Temp ();

sub new {
    my ($class, @plan) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100, ReuseAddr => 1) or die "no socket: $!\n";
    my $log = File::Temp->new;
    my $self = bless { log => $log, port => $socket->sockport }, $class;
    $self->{pid} = fork // die "fork: $!\n";
    if ($self->{pid} == 0) {
        serve($socket, $log->filename, @plan);
        require POSIX;
        POSIX::_exit(0);
    }
    return $self;
}

sub serve {
    my ($socket, $log, @plan) = @_;
    while (my $client = $socket->accept) {
        my ($head, $body) = ('', '');
        while (defined(my $line = <$client>)) {
            last if $line =~ /^\r?\n$/;
            $head .= $line;
        }
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        read $client, $body, $length if $length;
        my %headers = map { lc($_->[0]) => $_->[1] } map { [/^([\w-]+): (.*?)\r?$/] } grep { /^[\w-]+: / } split /\n/, $head;
        my ($method, $target) = $head =~ /^(\S+) (\S+)/;
        open my $out, '>>', $log or die "log: $!\n";
        print $out $json->encode({ method => $method, target => $target, headers => \%headers, body => $body,
            params => { Simulator::form_decode($body) } }), "\n";
        close $out;
        my $answer = shift @plan // 204;
        sleep 1 if $answer eq 'slow';
        print $client "HTTP/1.1 $answer x\r\nContent-Length: 0\r\n"
            . ($answer eq '401' ? "WWW-Authenticate: Basic realm=\"x\"\r\n" : '') . "\r\n" if $answer =~ /^\d+$/;
        close $client;
    }
}

sub url { my ($self, $rest) = @_; return "http://127.0.0.1:$self->{port}" . ($rest // '/callback') }

sub received {
    my ($self) = @_;
    open my $in, '<', $self->{log}->filename or die "log: $!\n";
    return map { $json->decode($_) } <$in>;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    kill 'KILL', $self->{pid} if $self->{pid};
    waitpid $self->{pid}, 0 if $self->{pid};
}

1;
