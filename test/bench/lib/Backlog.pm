# What a long queue costs: a million rooms due at once, and a hundred thousand rows that were given up.
package Backlog;

use strict;
use warnings;
use Bench;
use Exporter 'import';
use Stage;
use Time::HiRes 'sleep';

our @EXPORT = qw(backlog_rows);

my $seconds = 3;
my $before = 300_000;    # more than all turns make calls of
my %loaded;

sub load {
    my ($rows, $dead) = @_;
    my $loaded = \$loaded{ build() };
    note "loading $rows due rows", $dead ? " and $dead dead ones" : '';
    sql_file('backlog', first => ($$loaded // 0) + 1, last => ($$loaded // 0) + $rows + $dead, dead => $dead);
    $$loaded += $rows + $dead;
    sql('CHECKPOINT');
    return;
}

# Kilobytes of a process that are nobody else's.
sub memory {
    my ($pid) = @_;
    open my $rollup, '<', "/proc/$pid/smaps_rollup" or die "$pid: $!\n";
    my ($size) = map { /^Anonymous:\s+(\d+) kB/ ? $1 : () } <$rollup>;
    return $size;
}

# Calls a second of a worker that has seconds of time for the queue, and its memory at the end.
sub drain_for_a_while {
    twilio()->forget;
    set_config('videoroom.enabled' => 'on');
    wait_until(sub { my @calls = twilio()->calls; @calls > 0 }, 'the first call');
    sleep $seconds;
    my $memory = memory(worker());
    worker_off();
    return (twilio()->rate, $memory);
}

sub figures {
    my ($memory) = @_;
    my $drain = sub { my ($rate, $size) = drain_for_a_while(); $$memory = $size if $size > $$memory; $rate };
    my %turns = turns(
        create => sub { pgbench('create', seconds => 2) },
        join => sub { pgbench('join', seconds => 2, values => { rooms => ready() }) },
        drain => $drain);
    return map { $_ => median(@{ $turns{$_} }) } keys %turns;
}

sub backlog_rows {
    ready_rooms();
    worker_off();
    my $due = $ENV{BACKLOG} || 1_000_000;
    my $memory = 0;
    load($before, 0);
    my %short = figures(\$memory);
    load($due, $due / 10);
    my %long = figures(\$memory);
    for my $what (sort keys %long) {
        note "backlog, $what: $short{$what} before, $long{$what} with it";
        row("$what with a backlog of $due due and " . $due / 10 . ' dead rows', "the same with $before due and none dead", sprintf('%.2f', $long{$what} / $short{$what}), 'at least 0.90');
    }
    row('worker memory with that backlog', 'zero', sprintf('%.1f MB anonymous', $memory / 1024), 'at most 32 MB');
    rewind();
    return;
}

1;
