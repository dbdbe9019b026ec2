# What is to be seen of a room once a set of facts is known, whatever their order: the rules of the design in plain words, and
# nothing of how the extension goes about it. Times are microseconds since 1970.
package RoomModel;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(max min uniq);

our @EXPORT = qw(expected expected_calls);

use constant DAY => 86_400_000_000;

# The least or greatest of what is defined; undef where nothing is.
sub least { my @known = grep { defined } @_; return @known ? min(@known) : undef }
sub greatest { my @known = grep { defined } @_; return @known ? max(@known) : undef }

# Starts by min and ends by max, each source on its own, and a callback's milliseconds before an answer's whole seconds.
sub start { my ($callbacks, $answers) = @_; return least(@$callbacks) // least(@$answers) }
sub end { my ($callbacks, $answers) = @_; return greatest(@$callbacks) // greatest(@$answers) }

sub callbacks { my ($facts, $event) = @_; return [map { $_->{at} } grep { ($_->{event} // '') eq $event } @$facts] }
sub answers { my ($facts, $kind, $what) = @_; return [map { $_->{$what} } grep { $_->{kind} eq $kind } @$facts] }

# sid => { start, end }: an end that nobody reported is presumed, since at Twilio no room outlives a day.
sub sessions {
    my ($room, $facts, $now) = @_;
    my %sessions;
    for my $sid (uniq map { $_->{session} } @$facts) {
        my @about = grep { $_->{session} eq $sid } @$facts;
        my $start = start(callbacks(\@about, 'room-created'), answers(\@about, 'session', 'start'));
        my $end = end(callbacks(\@about, 'room-ended'), answers(\@about, 'session', 'end'));
        my $limit = ($start // $room->{closes}) + DAY;
        $end //= $limit if $limit <= $now;
        $sessions{$sid} = { start => $start, end => $end };
    }
    return \%sessions;
}

# Each connection: { sid, session, user, joined, left, open }.
sub stays {
    my ($facts, $sessions) = @_;
    my @stays;
    for my $sid (uniq map { $_->{stay} // () } @$facts) {
        my @about = grep { ($_->{stay} // '') eq $sid } @$facts;
        my $session = $about[0]{session};
        my $over = $sessions->{$session}{end};
        my $end = end(callbacks(\@about, 'participant-disconnected'), answers(\@about, 'stay', 'end'));
        my $duration = greatest(map { $_->{duration} } @about);
        my $left = $end // $over;
        my $joined = start(callbacks(\@about, 'participant-connected'), answers(\@about, 'stay', 'start'));
        $joined //= $left - $duration * 1_000_000 if defined $left && defined $duration;
        push @stays, { sid => $sid, session => $session, user => $about[0]{user}, joined => $joined, left => $left, gone => $end,
            open => !defined $left };
    }
    return @stays;
}

# The length of the union of intervals, in seconds.
sub seconds {
    my ($now, @stays) = @_;
    my ($total, $reached) = (0, undef);
    for (sort { $a->{joined} <=> $b->{joined} } grep { defined $_->{joined} } @stays) {
        my $from = max($_->{joined}, $reached // $_->{joined});
        my $to = $_->{left} // $now;
        $total += $to - $from if $to > $from;
        $reached = max($reached // $to, $to);
    }
    return int(($total + 500_000) / 1_000_000);
}

sub person {
    my ($room, $user, $now, @stays) = @_;
    my $connected = grep { $_->{open} } @stays;
    return {
        status => $room->{removed}{$user} ? 'removed' : $connected ? 'connected' : @stays ? 'disconnected' : 'invited',
        invited => exists $room->{removed}{$user} ? 1 : 0,
        connected_seconds => seconds($now, @stays),
        first_joined_at => least(map { $_->{joined} } @stays),
        last_left_at => $connected ? undef : greatest(map { $_->{left} } @stays),
    };
}

sub status {
    my ($room, $sessions, $stays, $now) = @_;
    return 'cancelled' if defined $room->{cancelled};
    return 'completed' if defined $room->{ended};
    return 'in-progress' if grep { !defined $_->{end} } values %$sessions;
    return 'completed' if @$stays;
    return $room->{closes} <= $now ? 'expired' : 'not-started';
}

# What videoroom_get shows. The room: closes, completes, cancelled, ended, removed => { each invited user => true or false }.
sub expected {
    my ($room, $facts, $now) = @_;
    my $sessions = sessions($room, $facts, $now);
    my @stays = stays($facts, $sessions);
    my %people = map { $_ => 1 } keys %{ $room->{removed} }, map { $_->{user} } @stays;
    my $overruns = $room->{completes} > $now && grep { !defined $_->{end} } values %$sessions;
    my $closed = least($room->{cancelled}, $room->{ended}, $room->{closes} <= $now && !$overruns ? $room->{closes} : undef);
    return {
        status => status($room, $sessions, \@stays, $now),
        closed_at => $closed,
        final => defined $closed && !(grep { !defined $_->{end} } values %$sessions) ? 1 : 0,
        connected => scalar(uniq map { $_->{user} } grep { $_->{open} } @stays),
        participants => { map { my $user = $_; ($user => person($room, $user, $now, grep { $_->{user} eq $user } @stays)) } keys %people },
        sessions => { map { ($_ => {
            status => defined $sessions->{$_}{end} ? 'completed' : 'in-progress',
            started_at => $sessions->{$_}{start}, ended_at => $sessions->{$_}{end} }) } keys %$sessions },
    };
}

# Are only people there who are not, or no longer, invited, and was somebody there who is? Then when the last of these left;
# where one of those who are there was removed, at a time that the model does not know, 'unknown'.
sub deserted {
    my ($room, @stays) = @_;
    my @there = grep { !defined $_->{gone} } @stays;
    return undef if !@there || grep { exists $room->{removed}{ $_->{user} } && !$room->{removed}{ $_->{user} } } @there;
    return 'unknown' if grep { $room->{removed}{ $_->{user} } } @stays;
    return greatest(map { $_->{gone} } grep { exists $room->{removed}{ $_->{user} } } @stays);
}

# The calls to Twilio that must have been asked for: { action and target => when, or several }. An open session will be ended, at
# once where the room was closed on purpose, earlier where it was deserted; a removed person who is connected is put out; a room
# whose last session ended unattended while its booking is on is made again.
sub expected_calls {
    my ($room, $facts, $now) = @_;
    my $sessions = sessions($room, $facts, $now);
    my @stays = stays($facts, $sessions);
    my @open = grep { !defined $sessions->{$_}{end} } keys %$sessions;
    my %calls;
    my %is_open = map { $_ => 1 } @open;
    my $deserted = deserted($room, grep { $is_open{ $_->{session} } } @stays);
    my $early = defined $deserted && $deserted ne 'unknown' && $deserted + 300_000_000 < $room->{completes};
    # What is asked for early is looked at again, so it stays where people have come back.
    $calls{'complete-room'} = defined($room->{cancelled} // $room->{ended}) ? 'now' : $early ? 'early' : 'in the end or early' if @open;
    $calls{"remove-participant $_->{sid}"} = 'now' for grep { $_->{open} && $room->{removed}{ $_->{user} } } @stays;

    my $over = defined($room->{cancelled} // $room->{ended}) || $room->{ends} <= $now;
    my ($last, $other) = sort { $sessions->{$b}{start} <=> $sessions->{$a}{start} }
        grep { defined $sessions->{$_}{start} } keys %$sessions;
    if (!@open && !$over && defined $last && !grep { !defined $_->{start} } values %$sessions) {
        my $tie = defined $other && $sessions->{$other}{start} == $sessions->{$last}{start};
        $calls{'create-room'} = 'again' unless $tie || grep { $_->{session} eq $last } @stays;
    }
    return \%calls;
}

1;
