# A storm over a server with the extension: clients book, cancel, reschedule and join, people come and go, while processes are
# killed, the server is restarted and Twilio drops connections; and while there is trouble that nobody who joins should notice: a
# client holds many rooms, reads fail, Twilio has no room for another room. It remembers what was committed, for certain.
package Storm;

use strict;
use warnings;
use JSON::PP ();
use List::Util 'shuffle';
use PostgreSQL::Test::Utils ();
use Session;
use Time::HiRes 'time';
use VideoroomTest;

sub new {
    my ($class, %given) = @_;
    return bless { %given, booked => {}, gone => {}, people => [], survived => {}, next => 0 }, $class;
}

# { booking_id => room_id } of the bookings that are there for certain, and not touched again since.
sub booked { return $_[0]{booked} }

# { booking_id => 1 } of those whose cancellation was committed.
sub gone { return $_[0]{gone} }

# What there was, and how often.
sub survived { return $_[0]{survived} }

sub count { $_[0]{survived}{ $_[1] }++; return }

sub pick { return $_[int rand @_] }

# Callbacks that were taken.
sub heard { return grep { grep { ($_->{status} // 0) =~ /^2/ } @{ $_->{attempts} } } @{ $_[0]{twilio}->sim(GET => 'callbacks') } }

sub was_enough {
    my ($self) = @_;
    return keys %{ $self->booked } > 10 && keys %{ $self->gone } > 2 && $self->heard > 20;
}

# --- what clients do: a statement, and what follows from its success

sub book {
    my ($self) = @_;
    my $booking = 'storm-' . $self->{next}++;
    return ("SELECT videoroom_create_booking('$booking', now(), now() + interval '20 hours', '{ann,ben}', '{\"empty_room_timeout\": 60}')",
        sub { $self->{booked}{$booking} = $_[0]; $self->count('bookings') });
}

# From the moment it is asked nothing is certain about a booking, until the answer says so.
sub cancel {
    my ($self) = @_;
    my $booking = pick(sort keys %{ $self->{booked} }) // return $self->book;
    delete $self->{booked}{$booking};
    return ("SELECT 'cancelled' FROM videoroom_cancel('$booking')", sub { $self->{gone}{$booking} = 1; $self->count('cancellations') });
}

sub reschedule {
    my ($self) = @_;
    my $booking = pick(sort keys %{ $self->{booked} }) // return $self->book;
    delete $self->{booked}{$booking};
    return ("SELECT videoroom_reschedule('$booking', now(), now() + interval '21 hours')",
        sub { $self->{booked}{$booking} = $_[0]; $self->count('reschedules') });
}

sub join_room {
    my ($self) = @_;
    my $room = pick(map { $self->{booked}{$_} } sort keys %{ $self->{booked} }) // return $self->book;
    return ("SELECT room_sid FROM videoroom_join('$room', 'ann')", sub { $self->count('joins') });
}

# One statement in each client; meanwhile something happens. A client whose connection is lost is replaced.
sub round {
    my ($self, $meanwhile) = @_;
    my @deeds = (qw(book) x 4, qw(cancel reschedule join_room join_room));
    my @asked;
    for my $place (0 .. $self->{clients} - 1) {
        my $client = $self->{client}[$place] //= Session->new($self->{node});
        my $deed = pick(@deeds);
        my ($statement, $done) = $self->$deed;
        push @asked, [$place, $done] if eval { $client->ask($statement); 1 };
        delete $self->{client}[$place] unless @asked && $asked[-1][0] == $place;
    }
    $meanwhile->();
    for (@asked) {
        my ($place, $done) = @$_;
        my $answer = eval { $self->{client}[$place]->answer(60) } // { lost => 1, state => '', rows => [] };
        delete $self->{client}[$place] if $answer->{lost};
        $self->count('lost connections') if $answer->{lost};
        $done->($answer->{rows}[0][0]) if length($answer->{rows}[0][0] // '');    # psql connects again by itself
    }
    return;
}

# --- what people do at Twilio

sub come_and_go {
    my ($self) = @_;
    my @open = grep { $_->{status} eq 'in-progress' } @{ $self->{twilio}->sim(GET => 'rooms') };
    for my $room ((shuffle @open)[0 .. 2]) {
        next unless $room;
        my $came = eval { $self->{twilio}->join($room->{sid}, pick(qw(ann ben))) } or next;
        $self->count('people');
        push @{ $self->{people} }, $came->{participant_sid};
    }
    for my $sid (splice @{ $self->{people} }, 0, int rand(3)) {
        eval { $self->{twilio}->leave($sid) };    # or their room has ended
    }
    return;
}

# --- disasters

sub backend { my ($self, $type) = @_; return eval { pick(split /\n/, $self->{node}->safe_psql('postgres',
    "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND pid <> pg_backend_pid()")) } }

# A backend that dies of SIGKILL takes the others with it: the postmaster starts all over.
sub kill_one {
    my ($self, $type, $name) = @_;
    my $pid = $self->backend($type) or return;
    kill 'KILL', $pid or return;
    $self->count("$name killed");
    wait_until { !kill 0, $pid } 60, "the postmaster to see that $pid is gone";
    wait_for_server($self->{node});
    return;
}

sub kill_worker { $_[0]->kill_one('videoroom worker', 'worker') }
sub kill_launcher { $_[0]->kill_one('videoroom launcher', 'launcher') }
sub kill_client { $_[0]->kill_one('client backend', 'client') }

# A fresh Debian has no ps.
sub children_of {
    my ($parent) = @_;
    my @children;
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $stat, '<', $file or next;    # it has ended
        my ($pid, $its_parent) = (<$stat> // '') =~ /^([0-9]+) \(.*\) \S ([0-9]+)/ or next;
        push @children, $pid if $its_parent == $parent;
    }
    die "the postmaster $parent has no children\n" unless @children;
    return @children;
}

sub kill_postmaster {
    my ($self) = @_;
    my ($postmaster) = split /\n/, PostgreSQL::Test::Utils::slurp_file($self->{node}->data_dir . '/postmaster.pid');
    my @children = children_of($postmaster);
    $self->{node}->kill9;
    $self->count('postmaster killed');
    # Nobody's child: until init has noticed its death, a new one would take it for alive.
    wait_until { !kill 0, $postmaster, @children } 60, 'it and its children to be gone';
    $self->{node}->start;
    return;
}

sub restart {
    my ($self, $mode) = @_;
    $self->{node}->stop($mode);
    $self->{node}->start;
    $self->count("restarts, $mode");
    return;
}

sub restart_fast { $_[0]->restart('fast') }
sub restart_immediate { $_[0]->restart('immediate') }

sub drop_connections {
    my ($self) = @_;
    my %way = (before => 'reset before the work', after => 'reset after the work', hang => 'hangs', error => '503, but done');
    my $kind = pick(sort keys %way);
    my %fault = $kind eq 'hang' ? (hang => pick(qw(before after)), hang_ms => 3000) : $kind eq 'error' ? (status => 503, work => JSON::PP::true()) : (reset => $kind);
    $self->{twilio}->faults({ match => { method => 'POST' }, count => 1 + int rand 5, %fault });
    $self->count("faults, $way{$kind}");
    return;
}

sub disaster {
    my ($self) = @_;
    my $what = pick(qw(drop_connections drop_connections drop_connections kill_worker kill_worker kill_launcher kill_client
        kill_postmaster restart_fast restart_immediate));
    return $self->$what;
}

# --- troubles, each of which lasts until it is picked again

my $rooms_held = 200;

sub hold_rooms {
    my ($self) = @_;
    return delete $self->{holder} if $self->{holder};
    my $client = Session->new($self->{node});
    $self->{held} ||= eval { @{ $client->ask("SELECT videoroom_create_booking('held-' || n, now(), now() + interval '20 hours', '{ann,ben}')
        FROM generate_series(1, $rooms_held) n")->answer(60)->{rows} } == $rooms_held } or return;
    eval { $client->ask(q{BEGIN; UPDATE videoroom.session s SET read_at = NULL, started_rest = started_rest - interval '1 hour'
             FROM videoroom.room r WHERE r.room_id = s.room_id AND r.booking_id LIKE 'held-%'; COMMIT;
        BEGIN; SELECT count(*) FROM (SELECT FROM videoroom.room WHERE booking_id LIKE 'held-%' FOR NO KEY UPDATE) r}) } or return;
    $self->{holder} = $client;
    $self->count("times $rooms_held rooms were held");
    return;
}

sub fail_reads {
    my ($self) = @_;
    $self->{reads_fail} = !$self->{reads_fail};
    return $self->{twilio}->sim(DELETE => 'faults') unless $self->{reads_fail};
    $self->{twilio}->faults({ match => { method => 'GET', path => '/Participants$' }, status => 500, count => -1 });
    $self->count('times reads failed');
    return;
}

sub fill_account {
    my ($self) = @_;
    $self->{full} = !$self->{full};
    $self->{twilio}->set(max_rooms => $self->{full} ? 1 : 10_000);
    $self->count('times the account was full') if $self->{full};
    return;
}

sub trouble {
    my ($self) = @_;
    my $what = pick(qw(hold_rooms fail_reads fill_account));
    return $self->$what;
}

sub end_troubles {
    my ($self) = @_;
    delete $self->{holder};
    $self->{twilio}->set(max_rooms => 10_000);
    $self->{twilio}->sim(DELETE => 'faults');
    return;
}

# So many seconds of all of it, and on until there was enough to tell something from.
sub rage {
    my ($self, $seconds) = @_;
    my $until = time + $seconds;
    while (time < $until || !$self->was_enough) {
        die "too little happens\n" if time > $until + 240;
        $self->round(sub { $self->come_and_go if rand() < 0.5; $self->trouble if rand() < 0.2; $self->disaster if rand() < 0.3 });
    }
    $self->{client} = [];
    $self->end_troubles;
    return;
}

1;
