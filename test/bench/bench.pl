# The benchmarks one after the other: perl bench.pl FOLDER, in which the server and the programs are.
use strict;
use warnings;
use Backlog;
use Bench;
use Nine;
use Stage;
use Steady;
use Time::HiRes qw(sleep time);
use Trouble;

my ($work) = @ARGV;
my %wanted = map { $_ => 1 } split ' ', $ENV{ROWS} // '';

# A backlog of rooms to be made, which the worker then finds all at once: calls a second, and its processor time for 1000.
my $drained = 0;
sub drain {
    my ($rooms) = @_;
    worker_off();
    sql("SELECT count(videoroom_create_booking('drain-$drained-' || n, now() + interval '1 minute', now() + interval '1 hour', ARRAY['host', 'guest']))
           FROM generate_series(1, $rooms) n");
    $drained++;
    sql('VACUUM ANALYZE videoroom.outbox, videoroom.room, videoroom.session');
    twilio()->forget;
    set_config('videoroom.enabled' => 'on');
    wait_until(sub { sql("SELECT NOT EXISTS (SELECT FROM videoroom.outbox WHERE priority = 2 AND dead_at IS NULL AND starts_at < now() + interval '1 hour')") eq "t" }, 'the drain', 300);
    my $used = processor_time(worker());
    return (twilio()->rate($rooms), 1000 * 1000 * $used / $rooms);
}

my $posted = 0;
sub post {
    my ($address, $connections, $rooms) = @_;
    twilio()->forget;
    program('post', $address, $connections, $posted + 1, $posted + $rooms);
    $posted += $rooms;
    return twilio()->rate($rooms);
}

sub drain_row {
    my ($delay, $connections, $rooms, $goal) = @_;
    my $address = twilio()->address($delay);
    at_each_build(sub { set_config('videoroom.api_url' => $address, 'videoroom.max_requests' => $connections) });
    my %used;
    my %rate = beside(
        sub { my ($rate, $used) = drain($rooms); push @{ $used{ build() } }, $used; $rate },
        sub { post($address, $connections, $rooms) });
    my %more;
    for my $build (builds()) {
        shift @{ $used{$build} };    # the warm-up's
        $more{$build} = sprintf '; worker %.0f ms of processor time for 1000 calls', median(@{ $used{$build} });
    }
    my $shown = $delay eq 'at_once' ? '0 ms' : $delay =~ tr/_/ /r;
    share_row("drain of $rooms rows, Twilio at $shown, $connections connections", 'a bare libcurl multi loop with the same requests', \%rate, $goal, %more);
    return;
}

# Milliseconds between leaving and arriving: median and 99th percentile.
sub delays {
    my (@left) = @_;
    my %arrived = map { $_->{room} => $_->{arrived} } twilio()->calls;
    my @delays = sort { $a <=> $b } map { 1000 * (($arrived{ $_->[1] } // die "$_->[1] was not called\n") - $_->[0]) } @left;
    return ($delays[$#delays / 2], $delays[int($#delays * 0.99)]);
}

sub wire_row {
    my ($rate) = @_;
    my $count = 10 * $rate;
    my (%middle, %late);
    for my $round (0 .. rounds()) {
        my %measure = (ours => sub { program('book', $rate, $count) }, floor => sub { program('post', twilio()->address('at_once'), 'pace', $rate, $count) });
        for my $name (sort keys %measure) {
            twilio()->forget;
            my ($p50, $p99) = delays($measure{$name}->());
            next unless $round;
            push @{ $middle{$name} }, $p50;
            push @{ $late{$name} }, $p99;
        }
    }
    my %p50 = map { $_ => median(@{ $middle{$_} }) } keys %middle;
    my %p99 = map { $_ => median(@{ $late{$_} }) } keys %late;
    row("commit to request on the wire, $rate/s", sprintf('a bare libcurl POST on a warm connection: p50 %.2f ms, p99 %.2f ms', $p50{floor}, $p99{floor}),
        sprintf('p50 %.2f ms, p99 %.2f ms more', $p50{ours} - $p50{floor}, $p99{ours} - $p99{floor}), 'p50 within 2 ms, p99 within 15 ms');
    return;
}

# Callbacks a second; all of them take the signed ones in order, each from where it was.
my $each = 1500;
my %received;
sub callbacks {
    my ($script) = @_;
    my $tps = pgbench($script, transactions => $each, values => { n => $received{ build() }{$script} });
    $received{ build() }{$script} += $each;
    return $tps;
}

sub come_again {
    forget_callbacks();
    $received{ build() } = { callback => 0, callback_floor => 0 };
    return;
}

sub callback_row {
    my ($setting) = @_;
    local $ENV{PGOPTIONS} = $setting ? "-c $setting" : '';
    at_each_build(sub { ready_rooms(); come_again() });
    my %tps = beside(sub { callbacks('callback') }, sub { callbacks('callback_floor') });
    share_row('callback insert to applied, 4 clients' . ($setting ? ", $setting" : ''), 'the raw INSERT plus one UPDATE by primary key', \%tps, '0.6');
    return;
}

# Beside a Node client, where its packages could be had; with BASE, this relay at each build's server.
my $taken = 0;
sub take {
    my ($command) = @_;
    my ($first, $last) = ($taken + 1, $taken += 5000);
    return run('sh', '-c', "$command $first $last <signed.tsv");
}

sub relay_row {
    my $node = "$work/node/insert.js";
    return note 'relay: left out, npm could not get its packages' unless $ENV{BASE} || -d "$work/node/node_modules";
    at_each_build(sub { ready_rooms(); come_again() });
    my $ours = sub {
        my $pid = open my $relay, '-|', "$work/bin/relay", '--port', 0, '--sessions', 4 or die "relay: $!\n";
        my ($port) = <$relay> =~ /:(\d+)$/ or die "the relay did not say where it listens\n";
        my $rate = take("$work/bin/bench-deliver http://127.0.0.1:$port/twilio 16");
        kill 'TERM', $pid;
        close $relay or die "the relay failed\n";
        return $rate;
    };
    my %tps = beside($ours, sub { take("node $node") });
    share_row('callbacks through the relay, 16 connections, 4 sessions', 'a Node client that sends the same INSERTs over 4', \%tps, '0.9');
    return;
}

sub join_row {
    at_each_build(\&ready_rooms);
    my %values = (values => { rooms => ready() });
    my %tps = beside(sub { pgbench('join', %values) }, sub { pgbench('join_floor', %values) });
    share_row('join on a ready room, 4 clients, 10^5 rooms', 'SELECT of the same two rows by primary key', \%tps, '0.85');
    return;
}

# The same against a Node service, where its packages could be had.
sub join_node_row {
    return note 'join against Node: left out, it compares with something else than BASE' if $ENV{BASE};
    my $node = "$work/node/join.js";
    return note 'join against Node: left out, npm could not get its packages' unless -d "$work/node/node_modules";
    at_build(now => \&ready_rooms);
    my %tps = beside(sub { pgbench('join', values => { rooms => ready() }) }, sub { run('node', $node, ready(), 4) });
    share_row('the same', sprintf('a Node service with pg and twilio: %.0f/s', median(@{ $tps{floor} })), \%tps, '10');
    return;
}

sub create_row {
    my ($setting) = @_;
    local $ENV{PGOPTIONS} = $setting ? "-c $setting" : '';
    my %tps = beside(sub { pgbench('create') }, sub { pgbench('create_floor') });
    share_row('create_booking, 2 participants, 4 clients' . ($setting ? ", $setting" : ''), 'the same rows by one prepared statement into plain tables', \%tps, '0.85');
    return;
}

sub first_join_row {
    my $count = 50;
    set_config('videoroom.api_url' => twilio()->address('100_ms'));
    my (@more, @twilio);
    for my $round (0 .. rounds()) {
        my $first = $round * $count + 1;
        sql_file('unmade', first => $first, last => $first + $count - 1);
        twilio()->forget;
        my @joins = latencies('first_join', transactions => $count, values => { n => $first - 1 });
        my @calls = map { 1000 * ($_->{answered} - $_->{arrived}) } twilio()->calls;
        @calls == $count or die 'Twilio was called ' . @calls . " times instead of $count\n";
        next unless $round;
        push @more, median(@joins) - median(@calls);
        push @twilio, median(@calls);
    }
    row('first join of a room not yet made, Twilio at 100 ms', sprintf('%.1f ms, the call itself', median(@twilio)),
        sprintf('%.1f ms more (%.1f to %.1f)', median(@more), sort_ends(@more)), 'within 10 ms');
    set_config('videoroom.api_url' => twilio()->address('at_once'));
    return;
}

sub sort_ends {
    my @sorted = sort { $a <=> $b } @_;
    return @sorted[0, -1];
}

sub idle_row {
    my $worker = worker();
    my $seconds = 60;
    my $count = sub {
        return (switches($worker), sql("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"));
    };
    sleep 3;
    my ($woken, $queries) = $count->();
    sleep $seconds;
    my ($woken_after, $queries_after) = $count->();
    row("idle, $seconds s", 'zero', sprintf('%d wake-ups of the worker, %d transactions', $woken_after - $woken, $queries_after - $queries - 1),
        'the safety look alone');
    return;
}

# How often a process has gone to sleep.
sub switches {
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or die "$pid: $!\n";
    my ($count) = map { /^voluntary_ctxt_switches:\s+(\d+)/ ? $1 : () } <$status>;
    return $count;
}

# As the manual would set up a server for much data: a quarter of the memory is the server's.
my %uses_memory;
sub use_memory {
    return if $uses_memory{ build() }++;
    open my $info, '<', '/proc/meminfo' or die "/proc/meminfo: $!\n";
    my ($total) = map { /^MemTotal:\s+(\d+)/ ? $1 : () } <$info>;
    sql(sprintf "ALTER SYSTEM SET shared_buffers = '%dkB'", $total / 4);
    run('pg_ctl', '-D', "$ENV{PGHOST}/data", '-l', "$ENV{PGHOST}/server.log", '-m', 'fast', '-w', 'restart');
    return;
}

my @sizes = map { 10**$_ } 4 .. ($ENV{HISTORY} || 6);
sub history_rows {
    use_memory();
    ready_rooms();
    my $loaded = 10_000;
    my %at;
    for my $size (@sizes) {
        note "loading a history of $size rooms";
        sql_file('history', first => $loaded + 1, last => $size) if $size > $loaded;
        $loaded = $size;
        sql('CHECKPOINT');
        # As on a server that has been in use for a while: the first change of a page after a checkpoint writes all of it to the log.
        pgbench('create', seconds => 30);
        come_again();
        my %figures = turns(
            create => sub { pgbench('create', seconds => 2) },
            join => sub { pgbench('join', seconds => 2, values => { rooms => ready() }) },
            callback => sub { callbacks('callback') },
            drain => sub { (drain(10_000))[0] });
        $at{$_}{$size} = median(@{ $figures{$_} }) for keys %figures;
        note "history $size: ", join ', ', map { sprintf '%s %.0f', $_, $at{$_}{$size} } sort keys %at;
    }
    for my $what (sort keys %at) {
        row("$what with a history of " . join(', ', map { sprintf '10^%d', length($_) - 1 } @sizes[1 .. $#sizes]) . ' rooms', 'the same at 10^4',
            join(', ', map { sprintf '%.2f', $at{$what}{$_} / $at{$what}{ $sizes[0] } } @sizes[1 .. $#sizes]), 'at least 0.90');
    }
    return;
}

# One build after the other: these take long to set up, or are about the worker alone.
sub at_each {
    my ($measure) = @_;
    return sub { at_each_build($measure) };
}

my @rows = (
    create => sub { create_row() },
    create_async => sub { create_row('synchronous_commit=off') },
    drain_50 => sub { drain_row('50_ms', 50, 10_000, '0.95') },
    drain_200 => sub { drain_row('50_ms', 200, 20_000, '0.95') },
    drain_0 => sub { drain_row('at_once', 50, 20_000, '0.5; 60 ms') },
    wire_20 => at_each(sub { wire_row(20) }),
    wire_200 => at_each(sub { wire_row(200) }),
    first_join => at_each(\&first_join_row),
    trouble => at_each(\&trouble_rows),
    idle => at_each(\&idle_row),
    nine => at_each(\&nine_rows),
    steady => at_each(\&steady_rows),
    join => \&join_row,
    join_node => \&join_node_row,
    callback => sub { callback_row() },
    relay => \&relay_row,
    callback_async => sub { callback_row('synchronous_commit=off') },
    history => at_each(\&history_rows),
    backlog => at_each(sub { use_memory(); backlog_rows() }),
);

set_stage($work);
while (my ($name, $measure) = splice @rows, 0, 2) {
    next if %wanted && !$wanted{$name};
    my $begun = time;
    note "--- $name";
    $measure->();
    note sprintf '    %.0f s', time - $begun;
}
