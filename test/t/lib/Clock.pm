# A clock that a test puts forward, for servers that are started under it. clock.cpp is its other end.
package Clock;

use strict;
use warnings;
use IO::Handle;

sub new {
    my ($class, $name) = @_;
    open my $file, '>', $name or die "$name: $!\n";
    return bless({ name => $name, file => $file, passed => 0 }, $class)->pass(0);
}

sub start {
    my ($self, $node) = @_;
    local @ENV{qw(LD_PRELOAD CLOCK)} = ($ENV{CLOCK_LIBRARY} // die("CLOCK_LIBRARY must name the library\n"), $self->{name});
    $node->start;
    return;
}

# Puts it so many seconds forward. Who sleeps until a moment is not woken by that.
sub pass {
    my ($self, $seconds) = @_;
    $self->{passed} += $seconds;
    seek $self->{file}, 0, 0 or die "$self->{name}: $!\n";
    print { $self->{file} } pack 'q', $self->{passed};
    $self->{file}->flush or die "$self->{name}: $!\n";
    return $self;
}

sub passed { return $_[0]{passed} }

1;
