# What an hour of steady traffic leaves behind: rooms booked, made, held, ended and forgotten, with their callbacks, as fast as
# it goes. Retention is seconds instead of days, so that the tables come to hold as much as goes through them in that time.
package Steady;

use strict;
use warnings;
use Bench;
use Exporter 'import';
use List::Util qw(max sum);
use Stage;
use Time::HiRes 'time';

our @EXPORT = qw(steady_rows);

my @tables = qw(room participant session connection outbox callback event);
my $samples = 20;

# For each table: megabytes of the table and of its indexes, dead rows, updates, and how many of them were HOT.
sub sample {
    my %of;
    for (split /\n/, sql("SELECT relname, pg_relation_size(relid) / 1e6, pg_indexes_size(relid) / 1e6, n_dead_tup, n_tup_upd, n_tup_hot_upd
                            FROM pg_stat_user_tables WHERE schemaname = 'videoroom'")) {
        my ($name, @figures) = split /\t/;
        @{ $of{$name} }{qw(table index dead updated hot)} = @figures;
    }
    return \%of;
}

sub total {
    my ($sample, $figure) = @_;
    return sum(map { $sample->{$_}{$figure} } @tables);
}

sub live {
    my ($bookings) = @_;
    my @samples = (sample());
    open my $lives, '-|', "$ENV{BENCH_WORK}/bin/bench-live", $bookings, 'https://app.example/callback', 'b' x 32, 'AC' . 'a' x 32 or die "bench-live: $!\n";
    while (my $done = <$lives>) {
        next if $done < @samples * $bookings / $samples;
        push @samples, sample();
        note sprintf '%d bookings: %.0f MB of tables, %.0f MB of indexes, %d dead rows', $done, map { total($samples[-1], $_) } qw(table index dead);
    }
    close $lives or die "bench-live failed\n";
    return @samples;
}

sub greatest {
    my ($figure, @samples) = @_;
    return max(map { total($_, $figure) } @samples);
}

sub steady_rows {
    my $bookings = $ENV{STEADY} || 40_000;
    sql('CREATE DATABASE steady');
    {
        local $ENV{PGDATABASE} = 'steady';
        set_config('videoroom.retention' => 10, 'videoroom.join_grace' => 1, 'videoroom.end_after' => 1);
        sql('ALTER DATABASE steady SET synchronous_commit = off');
        sql('CREATE EXTENSION videoroom');
        my $begun = time;
        my @samples = live($bookings);
        my $seconds = time - $begun;
        my @first = @samples[0 .. @samples / 2 - 1];
        my @second = @samples[@samples / 2 .. $#samples];
        my $end = $samples[-1];
        row("$bookings bookings with their callbacks, " . sprintf('%.0f/s', $bookings / $seconds), 'the greatest size in the first half',
            sprintf('second half: tables %.2f, indexes %.2f, dead rows %.2f', map { greatest($_, @second) / greatest($_, @first) } qw(table index dead)), 'levels off');
        my @updated = grep { $end->{$_}{updated} } @tables;
        row('HOT updates then', 'all updates', join(', ', map { sprintf '%s %.2f', $_, $end->{$_}{hot} / $end->{$_}{updated} } @updated), 'status updates HOT');
        row('updates a booking that are not HOT', 'none but what moves a row into another partial index',
            join(', ', map { sprintf '%s %.2f', $_, ($end->{$_}{updated} - $end->{$_}{hot}) / $bookings } @updated), 'room 1, session 1');
        set_config('videoroom.retention' => 90 * 24 * 3600, 'videoroom.join_grace' => 15 * 60, 'videoroom.end_after' => 3600);
        worker_off();
    }
    sql('DROP DATABASE steady');
    rewind();
    return;
}

1;
