# A database session that goes on by itself: what it is asked, it does while the test does something else.
package Session;

use strict;
use warnings;
use IPC::Run ();
use Time::HiRes qw(sleep time);

sub new {
    my ($class, $node) = @_;
    my $self = bless { node => $node, in => '', out => '', err => '', asked => 0 }, $class;
    $self->{psql} = IPC::Run::start(
        [$node->installed_command('psql'), '-XAtq', '-F', "\t", '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres')],
        '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err});
    return $self;
}

# Sends statements and does not wait.
sub ask {
    my ($self, $statements) = @_;
    $self->{asked}++;
    ($self->{out}, $self->{err}) = ('', '');
    $self->{in} .= "$statements\n;\n\\echo done-$self->{asked}\n";
    $self->{psql}->pump_nb;
    return $self;
}

# Waits for what was asked last: { rows => [[column, ...], ...], state, message, detail, lost }. state is the SQLSTATE of the
# first error, '' if all went well; lost is true where the connection ended.
sub answer {
    my ($self, $seconds) = @_;
    my $deadline = time + ($seconds // 60);
    my $done = "done-$self->{asked}\n";
    until ($self->{out} =~ s/^$done//m) {
        last unless $self->{psql}->pumpable;
        die "no answer of a session: $self->{out}$self->{err}\n" if time > $deadline;
        $self->{psql}->pump_nb;
        sleep 0.01;
    }
    my $lost = !$self->{psql}->pumpable;
    my ($state, $message) = $self->{err} =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/;
    return {
        rows => [map { [split /\t/, $_, -1] } split /\n/, $self->{out}],
        state => $state // '', message => $message // '', lost => $lost,
        detail => $self->{err} =~ /DETAIL:  (.*)/ ? $1 : '',
    };
}

# Both.
sub do {
    my ($self, $statements) = @_;
    return $self->ask($statements)->answer;
}

# The process id of the session's server process.
sub pid {
    my ($self) = @_;
    return $self->{pid} //= $self->do('SELECT pg_backend_pid()')->{rows}[0][0];
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    eval { $self->{psql}->kill_kill(grace => 1) };
}

1;
