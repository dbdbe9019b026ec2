# What several tests look at: the workers of a node, its health, its log; and clients that stand in the way.
package Watch;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils ();
use Test::More;
use Time::HiRes qw(time);
use VideoroomTest qw(wait_until);

our @EXPORT = qw(workers worker health lock_room let_go log_lines log_position in_time never_crashed);

# The pids of the workers that are connected to a database.
sub workers {
    my ($node, $database) = @_;
    return split /\n/, $node->safe_psql('postgres', qq{
        SELECT pid FROM pg_stat_activity WHERE backend_type = 'videoroom worker' AND datname = '$database'});
}

# The pid of the worker of a database, other than `than` if that is given, as soon as there is one that has looked round.
sub worker {
    my ($node, $database, $than) = @_;
    return wait_until {
        with_api($node, $database, sprintf q{SELECT a.pid FROM videoroom_health() h, pg_stat_activity a
            WHERE h.name = 'worker' AND h.detail ~ ('^process ' || a.pid || '\M') AND a.pid <> %d
              AND a.backend_type = 'videoroom worker' AND a.datname = current_database()}, $than // 0)
    } 20, "a worker in database $database";
}

# What a query gives with the extension's schema in its path, in one session: on a busy machine each costs a second.
sub with_api {
    my ($node, $database, $query) = @_;
    return $node->safe_psql($database // 'postgres', qq{SELECT set_config('search_path', quote_ident(n.nspname), false)
          FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'videoroom' \\g /dev/null
        $query}, extra_params => ['-F', "\t"]);
}

# (ok, detail, hint) of a check.
sub health {
    my ($node, $check, $database) = @_;
    my ($ok, $detail, $hint) = split /\t/,
        with_api($node, $database, "SELECT ok, detail, hint FROM videoroom_health() WHERE name = '$check'"), -1;
    return ($ok eq 't', $detail, $hint);
}

# A client, a new one unless it is given, that holds a room's row in an open transaction, as an application would that forgot
# to commit.
sub lock_room {
    my ($node, $room, $database, $client) = @_;
    $client //= $node->background_psql($database // 'postgres');
    $client->query_safe('BEGIN');
    $client->query_safe("SELECT FROM videoroom.room WHERE room_id = '$room' FOR NO KEY UPDATE");
    return $client;
}

# Ends a client, also one whose server has gone.
sub let_go {
    my ($client) = @_;
    eval { $client->quit };
    return;
}

sub log_position { return -s $_[0]->logfile }

# The lines of the log behind a position that match a pattern.
sub log_lines {
    my ($node, $pattern, $position) = @_;
    return grep { $_ =~ $pattern } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile, $position // 0);
}

# in_time { deed } SECONDS, 'behaviour': prints how long the deed took and fails if that was longer.
sub in_time(&$$) {
    my ($deed, $seconds, $behaviour) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $begun = time;
    $deed->();
    my $took = time - $begun;
    note sprintf '%.0f ms: %s', $took * 1000, $behaviour;
    cmp_ok($took, '<', $seconds * VideoroomTest::patience(), $behaviour);
    return $took;
}

sub never_crashed {
    my ($node) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply([log_lines($node, qr/PANIC|TRAP|was terminated by signal/)], [], $node->name . ' never crashed');
    return;
}

1;
