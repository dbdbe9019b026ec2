# The fast Twilio of twilio.conf, and what its log says.
package Twilio;

use strict;
use warnings;
use Bench;
use File::Basename 'dirname';
use IO::Socket::INET;
use Time::HiRes 'sleep';

my $source = dirname(dirname(__FILE__));

# Starts it in a folder of its own; address('at_once'), ('50_ms') and ('100_ms') then say where it is.
sub start {
    my ($class, $folder) = @_;
    mkdir $folder or die "$folder: $!\n";
    my @sockets = map { IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) // die "no port: $!\n" } 1 .. 3;
    my $self = bless { folder => $folder, log => "$folder/twilio.log" }, $class;
    @{ $self->{port} }{qw(at_once 50_ms 100_ms)} = map { $_->sockport } @sockets;
    close $_ for @sockets;
    for my $name (qw(twilio.conf rooms.conf)) {
        open my $in, '<', "$source/$name" or die "$name: $!\n";
        my $text = do { local $/; <$in> };
        $text =~ s/FOLDER/$folder/g;
        $text =~ s/PORT_(\w+)/$self->{port}{lc $1}/g;
        write_file("$folder/$name", $text);
    }
    system('/usr/sbin/nginx', '-e', "$folder/error.log", '-c', "$folder/twilio.conf") == 0 or die "nginx does not start\n";
    return $self;
}

sub address {
    my ($self, $delay) = @_;
    return "http://127.0.0.1:$self->{port}{$delay}";
}

# Forgets what was called.
sub forget {
    my ($self) = @_;
    sleep 0.5;    # longer than the log is buffered
    truncate $self->{log}, 0;
    return;
}

# The writes since: { arrived, answered, status, method, room } each, in the order in which they arrived.
sub calls {
    my ($self) = @_;
    sleep 0.5;
    open my $log, '<', $self->{log} or die "$self->{log}: $!\n";
    my @calls;
    while (<$log>) {
        my %call;
        @call{qw(arrived answered status method room)} = split;
        push @calls, \%call if $call{method} eq 'POST';
    }
    return sort { $a->{arrived} <=> $b->{arrived} } @calls;
}

# Calls a second, from the first one's arrival to the last one's answer. Dies if there were not as many as expected.
sub rate {
    my ($self, $expected) = @_;
    my @calls = $self->calls;
    die 'Twilio was called ' . @calls . " times instead of $expected\n" if defined $expected && @calls != $expected;
    die "Twilio was not called\n" unless @calls;
    my ($last) = sort { $b <=> $a } map { $_->{answered} } @calls;
    return @calls / ($last - $calls[0]{arrived});
}

1;
