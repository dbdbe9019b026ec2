# Random histories of a room: what happened in it, as Twilio and people tell of it, in no order.
package History;

use strict;
use warnings;
use List::Util qw(max shuffle);

use constant SECOND => 1_000_000;

sub pick { return $_[int rand @_] }
sub chance { return rand() < $_[0] }
sub whole { my ($time) = @_; return $time - $time % SECOND }

# now: microseconds since 1970. A history: { timing, starts, ends, closes, completes, facts => [...], deeds => [...] }; nothing
# in it lies in the future but, where the booking is on, its end.
sub draw {
    my ($class, $now) = @_;
    my ($timing, $age) = @{ pick(['on', 100], ['on', 100], ['over', 600], ['long ago', 7200]) };
    my $starts = whole($now) - $age * 60 * SECOND;
    my $self = bless { timing => $timing, starts => $starts, ends => $starts + 150 * 60 * SECOND }, $class;
    $self->{closes} = $self->{ends} + 900 * SECOND;
    $self->{completes} = $self->{ends} + 3600 * SECOND;
    $self->{grid} = pick(1000, 1000, 60 * SECOND);    # on a coarse one times are often equal
    $self->{facts} = [map { $self->session("s$_") } 1 .. pick(0, 1, 1, 2, 3)];
    push @{ $self->{facts} }, map { retold($_) } grep { chance(0.25) } @{ $self->{facts} };
    $self->{deeds} = [$self->deeds];
    return $self;
}

# A moment in the so many minutes after another.
sub moment {
    my ($self, $after, $minutes) = @_;
    my $time = $after + int rand($minutes * 60 * SECOND);
    return max($after, $time - $time % $self->{grid});
}

sub session {
    my ($self, $name) = @_;
    my $start = $self->moment($self->{starts}, 45);
    my $end = $self->moment($start, 45);
    my %of = (session => $name);
    my @facts = (
        chance(0.8) ? { %of, kind => 'callback', event => 'room-created', at => $start } : (),
        chance(0.6) ? { %of, kind => 'callback', event => 'room-ended', at => $end } : (),
        chance(0.4) ? { %of, kind => 'session', start => whole($start), chance(0.5) ? (end => whole($end)) : () } : ());
    push @facts, map { $self->stay("$name-p$_", $name, $start, $end) } 1 .. pick(0, 0, 1, 2, 4);
    return @facts;
}

sub stay {
    my ($self, $name, $session, $start, $end) = @_;
    my $minutes = ($end - $start) / (60 * SECOND);
    my $came = $self->moment($start, $minutes);
    my $left = $self->moment($came, ($end - $came) / (60 * SECOND));
    my $duration = int(($left - $came) / SECOND);
    my %of = (session => $session, stay => $name, user => pick(qw(ann ann ben stranger)));
    return (
        chance(0.75) ? { %of, kind => 'callback', event => 'participant-connected', at => $came } : (),
        chance(0.65) ? { %of, kind => 'callback', event => 'participant-disconnected', at => $left, duration => $duration } : (),
        chance(0.3) ? { %of, kind => 'callback', event => pick(qw(track-added track-removed track-enabled track-disabled)),
            at => $self->moment($came, 5) } : (),
        chance(0.3) ? { %of, kind => 'stay', start => whole($came), chance(0.5) ? (end => whole($left), duration => $duration) : () } : ());
}

# The same told again, a little differently.
sub retold {
    my ($fact) = @_;
    my %again = %$fact;
    for (grep { exists $again{$_} } qw(at start end)) {
        $again{$_} += pick(-2, -1, 0, 1, 2) * SECOND;
    }
    $again{duration} = max(0, $again{duration} + pick(-2, 0, 2)) if exists $again{duration};
    return \%again;
}

# What people do, in this order, and how the booking comes to its end: where it is over, the clock does it.
sub deeds {
    my ($self) = @_;
    my @deeds;
    if (chance(0.4)) {
        push @deeds, { kind => 'remove', user => pick(qw(ann ben)) };
        push @deeds, { kind => 'add', user => $deeds[0]{user} } if chance(0.3);
    }
    push @deeds, { kind => 'remove', user => 'ben' } if chance(0.1);
    push @deeds, $self->{timing} eq 'on' ? pick({ kind => 'cancel' }, { kind => 'end' }, ({ kind => 'nothing' }) x 2)
        : { kind => 'run out' };
    return @deeds;
}

# One order of all that: facts in any, some of them twice, and deeds in their own among them.
sub order {
    my ($self) = @_;
    my @facts = @{ $self->{facts} };
    push @facts, grep { chance(0.2) } @facts;
    push @facts, ({ kind => 'housekeeping' }) x pick(0, 0, 1, 2);
    my @slots = shuffle(@facts, ('deed') x @{ $self->{deeds} });
    my @deeds = @{ $self->{deeds} };
    return map { ref $_ ? $_ : shift @deeds } @slots;
}

# Who is invited, and whether they are removed, after the deeds.
sub removed {
    my ($self) = @_;
    my %removed = (ann => 0, ben => 0);
    for (@{ $self->{deeds} }) {
        $removed{ $_->{user} } = $_->{kind} eq 'remove' ? 1 : 0 if $_->{kind} =~ /^(?:add|remove)$/;
    }
    return \%removed;
}

sub did { my ($self, $kind) = @_; return scalar grep { $_->{kind} eq $kind } @{ $self->{deeds} } }

1;
