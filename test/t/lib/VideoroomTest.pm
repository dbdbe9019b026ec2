# What the TAP tests share: a node with the extension and a worker, the Twilio simulator, the relay between them.
package VideoroomTest;

use strict;
use warnings;
use Exporter 'import';
use HTTP::Tiny;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Simulator;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(start_simulator new_node start_relay wait_until wait_for_server refusal row);

$ENV{PGUSER} = 'postgres';

# The simulator, on a port of its own; its methods are those of test/twilio/t/Simulator.pm.
sub start_simulator { return Simulator->new(@_) }

# A started node with the extension in database postgres. Names: name, simulator, preload (1), extension (1), start (1),
# conf (lines for postgresql.conf); every other name is a setting of the extension, such as join_early => '1h'.
sub new_node {
    my (%given) = @_;
    my %of = (name => 'main', preload => 1, extension => 1, start => 1, conf => '');
    for my $name (keys %of, 'simulator') {
        $of{$name} = delete $given{$name} if exists $given{$name};
    }

    my $node = PostgreSQL::Test::Cluster->new($of{name});
    $node->init(extra => [qw(-U postgres -E UTF8 --locale=C.UTF-8)]);
    $node->{relay_port} = PostgreSQL::Test::Cluster::get_free_port();
    my %settings = (
        link_template => 'https://app.example/room/{room_id}#token={token}',
        callback_url => "http://127.0.0.1:$node->{relay_port}/twilio",
        credentials_file => write_credentials($node),
        $of{simulator} ? (api_url => $of{simulator}->url) : (),
        %given);
    $node->append_conf('postgresql.conf', join "\n",
        $of{preload} ? "shared_preload_libraries = 'videoroom'" : (),
        (map { "videoroom.$_ = '$settings{$_}'" } sort keys %settings), $of{conf});
    $node->start if $of{start};
    $node->safe_psql('postgres', 'CREATE EXTENSION videoroom') if $of{start} && $of{extension};
    return $node;
}

# Writes the simulator's credentials, with what is given put in their place; returns the file's name.
sub write_credentials {
    my ($node, %given) = @_;
    my %credentials = (
        account_sid => Simulator::ACCOUNT, auth_token => Simulator::TOKEN,
        api_key_sid => Simulator::KEY, api_key_secret => Simulator::SECRET, %given);
    my $file = $node->basedir . '/credentials.json';
    open my $out, '>', $file or die "$file: $!\n";
    chmod 0600, $file or die "$file: $!\n";
    print $out JSON::PP->new->canonical->encode(\%credentials);
    close $out or die "$file: $!\n";
    return $file;
}

# The relay, at the node's callback_url, as a role that may do nothing else. It ends with the object. Of the hosts that it knows
# the node is the last, after those in relay_hosts.
sub start_relay {
    my ($node, @options) = @_;
    $node->safe_psql('postgres', <<'    SQL');
        DO $$ BEGIN CREATE ROLE relay LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        SELECT videoroom_grant('relay', 'relay');
    SQL
    my $program = $ENV{RELAY} or die "RELAY must name the program\n";
    my @hosts = (@{ $node->{relay_hosts} // [] }, [$node->host, $node->port]);
    local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} =
        (join(',', map { $_->[0] } @hosts), join(',', map { $_->[1] } @hosts), 'relay', 'postgres');
    my $pid = open(my $out, '-|', $program, '--port', $node->{relay_port}, @options) or die "cannot start $program: $!\n";
    (<$out> // '') =~ /^listening on / or die "$program did not say where it listens\n";
    return bless { pid => $pid, out => $out, url => "http://127.0.0.1:$node->{relay_port}/twilio" }, 'VideoroomTest::Relay';
}

sub VideoroomTest::Relay::url { $_[0]{url} }

sub VideoroomTest::Relay::DESTROY {
    my ($self) = @_;
    local ($?, $!);
    kill 'TERM', $self->{pid};
    close $self->{out};
}

# So many times longer is waited for everything: under valgrind all is slow.
sub patience { return $ENV{PATIENCE} // 1 }

# wait_until { condition } SECONDS, 'what': returns what the condition gave, or ends the test.
sub wait_until(&$$) {
    my ($condition, $seconds, $what) = @_;
    $seconds *= patience();
    my $deadline = time + $seconds;
    while (1) {
        my $value = $condition->();
        return $value if $value;
        last if time > $deadline;
        sleep 0.02;
    }
    die "waited $seconds s in vain for $what\n";
}

# Until a node that is starting takes connections. A psql that gets none ends before it has read what it is asked, which
# IPC::Run calls a broken pipe.
sub wait_for_server {
    my ($node) = @_;
    wait_until { ((eval { $node->psql('postgres', 'SELECT') })[0] // 1) == 0 } 60, 'the server to be back';
    return;
}

# The first row of a query, as a list of columns; one empty column where there is no row.
sub row {
    my ($node, $query) = @_;
    my ($line) = split /\n/, $node->safe_psql('postgres', $query, extra_params => ['-F', "\t"]);
    return length($line // '') ? split(/\t/, $line, -1) : ('');
}

# (SQLSTATE, message, DETAIL or '') of a statement that must fail.
sub refusal {
    my ($node, $statement) = @_;
    my ($status, $out, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement");
    die "not refused: $statement\n" unless $error =~ /ERROR:  (\w{5}): (.*)/;
    my ($state, $message) = ($1, $2);
    return ($state, $message, $error =~ /DETAIL:  (.*)/ ? $1 : '');
}

1;
