# What every benchmark needs: the server's SQL, pgbench, turns, medians and the table.
package Bench;

use strict;
use warnings;
use Exporter 'import';
use File::Basename 'dirname';
use List::Util qw(max min);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(run sql sql_file set_config pgbench latencies builds at_build at_each_build build turns beside row share_row median wait_until note rounds write_file);

my $folder = dirname(dirname(__FILE__));
my $base = $ENV{BASE} || '';
my @table;
my %result_of_base;

$| = 1;

sub note { print @_, "\n" }

sub write_file {
    my ($name, $text) = @_;
    open my $file, '>', $name or die "$name: $!\n";
    print $file $text;
    close $file or die "$name: $!\n";
    return $name;
}

sub run {
    my @command = @_;
    open my $pipe, '-|', @command or die "$command[0]: $!\n";
    local $/;
    my $out = <$pipe>;
    close $pipe or die "@command failed\n";
    return $out // '';
}

# What is measured: the build of this tree, after that of commit BASE if there is one, each on a server of its own.
sub builds { return $base ? qw(base now) : 'now' }

sub build { return $ENV{PGHOST} =~ s|.*/||r }

# Does something at the server of a build.
sub at_build {
    my ($build, $do) = @_;
    local $ENV{PGHOST} = "$ENV{BENCH_WORK}/$build";
    local $ENV{PATH} = $ENV{ uc($build) . '_BIN' } . ":$ENV{PATH}";
    return $do->();
}

sub at_each_build {
    my ($do) = @_;
    at_build($_, $do) for builds();
    return;
}

# The statement's rows, columns apart by tabs.
sub sql {
    my ($statement) = @_;
    chomp(my $out = run('psql', '-XAtq', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-c', $statement));
    return $out;
}

sub sql_file {
    my ($name, %values) = @_;
    run('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', (map { ('-v', "$_=$values{$_}") } keys %values), '-f', "$folder/sql/$name.sql");
    return;
}

# Settings of the server, with a reload; returns when they hold.
sub set_config {
    my (%settings) = @_;
    sql("ALTER SYSTEM SET $_ = '$settings{$_}'") for keys %settings;
    sql('SELECT pg_reload_conf()');
    for my $name (keys %settings) {
        my $want = $settings{$name};
        wait_until(sub {
            sql("SELECT count(*) FROM pg_file_settings s WHERE s.name = '$name' AND s.applied AND s.setting = '$want'") == 1
        }, "$name");
    }
    sleep 0.2;    # for the processes that read it at their next wake-up
    return;
}

sub wait_until {
    my ($condition, $what, $seconds) = @_;
    my $deadline = time + ($seconds // 60);
    until ($condition->()) {
        die "waited in vain for $what\n" if time > $deadline;
        sleep 0.1;
    }
    return;
}

# Transactions a second of a script in sql/.
sub pgbench {
    my ($script, %options) = @_;
    my $clients = $options{clients} // 4;
    my $out = run('pgbench', '-n', '-M', 'prepared', '-c', $clients, '-j', min($clients, 2),
        ($options{transactions} ? ('-t', $options{transactions}) : ('-T', $options{seconds} // 4)),
        (map { ('-D', "$_=$options{values}{$_}") } keys %{ $options{values} // {} }), '-f', "$folder/sql/$script.sql");
    $out =~ /number of failed transactions: 0 / or die "$script: transactions failed:\n$out";
    $out =~ /^tps = ([\d.]+) \(without/m or die "$script: no rate:\n$out";
    return $1;
}

# The milliseconds of each transaction of a script, with one client.
sub latencies {
    my ($script, %options) = @_;
    unlink glob 'latency.*';
    run('pgbench', '-n', '-M', 'prepared', '-c', 1, '-t', $options{transactions}, '-l', '--log-prefix=latency',
        (map { ('-D', "$_=$options{values}{$_}") } keys %{ $options{values} // {} }), '-f', "$folder/sql/$script.sql");
    return map { open my $log, '<', $_ or die "$_: $!\n"; map { (split)[2] / 1000 } <$log> } glob 'latency.*';
}

sub rounds { return $ENV{ROUNDS} || 5 }

# Measures each of them in turn, as often as there are rounds; a warm-up comes first. The figures, in a list for each.
sub turns {
    my (%measure) = @_;
    my %figures = map { $_ => [] } keys %measure;
    my @names = sort keys %measure;
    for my $round (0 .. rounds()) {
        for my $name ($round % 2 ? @names : reverse @names) {
            my $figure = $measure{$name}->();
            push @{ $figures{$name} }, $figure if $round;
        }
    }
    return %figures;
}

# Ours and the floor in turns; with BASE, ours in both builds.
sub beside {
    my ($ours, $floor) = @_;
    return $base
        ? turns(ours => sub { at_build(now => $ours) }, floor => sub { at_build(base => $ours) })
        : turns(ours => sub { at_build(now => $ours) }, floor => sub { at_build(now => $floor) });
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return @sorted % 2 ? $sorted[$#sorted / 2] : ($sorted[@sorted / 2 - 1] + $sorted[@sorted / 2]) / 2;
}

# Of two lists the ratio turn by turn: its median, least and greatest.
sub ratio_of {
    my ($ours, $floor) = @_;
    my @ratios = map { $ours->[$_] / $floor->[$_] } 0 .. $#$ours;
    return (median(@ratios), min(@ratios), max(@ratios));
}

# A median, with the least and the greatest.
sub spread {
    my ($format, @figures) = @_;
    return sprintf "$format ($format to $format)", median(@figures), min(@figures), max(@figures);
}

sub add {
    my ($header, @cells) = @_;
    push @table, '| ' . join(' | ', @cells) . ' |';
    write_file('results.md', join "\n", $header, '|---|---|---|---|', @table, '');
    return;
}

sub add_compared { return add("| what | $base | now | now / $base |", @_) }

# A line of the table: what, the floor, what was reached, what is to be reached. With BASE, a line for two of them: what was
# reached at the base, then now.
sub row {
    my ($what, $floor, $result, $goal) = @_;
    note "$what: $result (floor: $floor; goal: $goal)";
    if (!$base) {
        add('| what | floor in the same run | reached | goal |', $what, $floor, $result, $goal);
    } elsif (build() eq 'base') {
        $result_of_base{$what} = $result;
    } else {
        add_compared($what, $result_of_base{$what}, $result, '');
    }
    return;
}

# A line for what beside() has measured, more being something to add to each build's figure.
sub share_row {
    my ($what, $floor, $rate, $goal, %more) = @_;
    $more{$_} //= '' for builds();
    note "$what: ours @{$rate->{ours}}, ", $base || 'floor', " @{$rate->{floor}}";
    my $share = sprintf '%.2f (%.2f to %.2f)', ratio_of($rate->{ours}, $rate->{floor});
    if ($base) {
        add_compared($what, spread('%.0f/s', @{ $rate->{floor} }) . $more{base}, spread('%.0f/s', @{ $rate->{ours} }) . $more{now}, $share);
    } else {
        at_build(now => sub { row($what, $floor, $share . $more{now}, $goal) });
    }
    return;
}

1;
