# The benchmarks one after the other: perl bench.pl FOLDER, in which the server and the programs are.
use strict;
use warnings;
use Bench;
use Time::HiRes qw(sleep time);
use Twilio;

my ($work) = @ARGV;
my %wanted = map { $_ => 1 } split ' ', $ENV{ROWS} // '';
my $ready_rooms = 100_000;
my $twilio;

sub share {
    my ($ours, $floor) = @_;
    return sprintf '%.2f (%.2f to %.2f)', ratio_of($ours, $floor);
}

sub program {
    my ($name, @arguments) = @_;
    open my $pipe, '-|', "$work/bin/bench-$name", @arguments or die "$name: $!\n";
    my @lines = <$pipe>;
    close $pipe or die "bench-$name failed\n";
    return map { [split] } @lines;
}

sub begin {
    write_file('credentials.json', '{"account_sid": "AC' . 'a' x 32 . '", "auth_token": "' . 'b' x 32 . '",
        "api_key_sid": "SK' . 'c' x 32 . '", "api_key_secret": "' . 'd' x 32 . '"}');
    chmod 0600, 'credentials.json';
    $twilio = Twilio->start("$work/nginx");
    set_config(
        'videoroom.credentials_file' => "$work/credentials.json", 'videoroom.link_template' => 'https://app.example/room/{room_id}#token={token}',
        'videoroom.api_url' => $twilio->address('at_once'), 'videoroom.callback_url' => 'https://app.example/callback',
        'videoroom.writes_per_second' => 100000, 'videoroom.reads_per_second' => 100000, 'videoroom.reconcile_interval' => '1d');
    sql('CREATE EXTENSION videoroom');
    sql("SELECT videoroom_create_booking('first', now() + '2 days', now() + '49 hours', ARRAY['a', 'b'])");
    sql_file('plain');
    wait_until(\&worker, 'the worker');
    return;
}

# The worker's process, or '' while there is none.
sub worker { return sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'videoroom worker'") }

sub worker_off {
    set_config('videoroom.enabled' => 'off');
    wait_until(sub { !worker() }, 'the worker to leave');
    return;
}

# Seconds of processor time that a process has used.
sub processor_time {
    my ($pid) = @_;
    open my $stat, '<', "/proc/$pid/stat" or die "$pid: $!\n";
    my @fields = split ' ', <$stat> =~ s/.*\) //r;
    return ($fields[11] + $fields[12]) / 100;
}

# A backlog of rooms to be made, which the worker then finds all at once: calls a second, and its processor time for 1000.
my $drained = 0;
sub drain {
    my ($rooms) = @_;
    worker_off();
    sql("SELECT count(videoroom_create_booking('drain-$drained-' || n, now() + interval '1 minute', now() + interval '1 hour', ARRAY['host', 'guest']))
           FROM generate_series(1, $rooms) n");
    $drained++;
    sql('VACUUM ANALYZE videoroom.outbox, videoroom.room, videoroom.session');
    $twilio->forget;
    set_config('videoroom.enabled' => 'on');
    wait_until(sub { sql("SELECT NOT EXISTS (SELECT FROM videoroom.outbox WHERE priority = 2 AND dead_at IS NULL AND starts_at < now() + interval '1 hour')") eq "t" }, 'the drain', 300);
    my $used = processor_time(worker());
    return ($twilio->rate($rooms), 1000 * 1000 * $used / $rooms);
}

my $posted = 0;
sub post {
    my ($address, $connections, $rooms) = @_;
    $twilio->forget;
    program('post', $address, $connections, $posted + 1, $posted + $rooms);
    $posted += $rooms;
    return $twilio->rate($rooms);
}

sub drain_row {
    my ($delay, $connections, $rooms, $goal) = @_;
    my $address = $twilio->address($delay);
    set_config('videoroom.api_url' => $address, 'videoroom.max_requests' => $connections);
    my @used;
    my %rate = turns(
        ours => sub { my ($rate, $used) = drain($rooms); push @used, $used; $rate },
        floor => sub { post($address, $connections, $rooms) });
    note "drain $delay $connections: ours @{$rate{ours}}, floor @{$rate{floor}}, processor @used";
    shift @used;    # the warm-up's
    my $shown = $delay eq 'at_once' ? '0 ms' : $delay =~ tr/_/ /r;
    row("drain of $rooms rows, Twilio at $shown, $connections connections", 'a bare libcurl multi loop with the same requests',
        share(@rate{qw(ours floor)}) . sprintf('; worker %.0f ms of processor time for 1000 calls', median(@used)), $goal);
    return;
}

# Milliseconds between leaving and arriving: median and 99th percentile.
sub delays {
    my (@left) = @_;
    my %arrived = map { $_->{room} => $_->{arrived} } $twilio->calls;
    my @delays = sort { $a <=> $b } map { 1000 * (($arrived{ $_->[1] } // die "$_->[1] was not called\n") - $_->[0]) } @left;
    return ($delays[$#delays / 2], $delays[int($#delays * 0.99)]);
}

sub wire_row {
    my ($rate) = @_;
    my $count = 10 * $rate;
    my (%middle, %late);
    for my $round (0 .. rounds()) {
        my %measure = (ours => sub { program('book', $rate, $count) }, floor => sub { program('post', $twilio->address('at_once'), 'pace', $rate, $count) });
        for my $name (sort keys %measure) {
            $twilio->forget;
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

my $received = 0;
sub callbacks {
    my ($script) = @_;
    my $each = 2000;
    return pgbench($script, transactions => $each, values => { n => $received });
}

sub callback_row {
    my ($setting) = @_;
    my @shown = $setting ? (", $setting") : ('');
    local $ENV{PGOPTIONS} = $setting ? "-c $setting" : '';
    my %tps = turns(ours => sub { callbacks('callback') }, floor => sub { my $tps = callbacks('callback_floor'); $received += 2000; $tps });
    note "callback: ours @{$tps{ours}}, floor @{$tps{floor}}";
    row("callback insert to applied, 4 clients$shown[0]", 'the raw INSERT plus one UPDATE by primary key', share(@tps{qw(ours floor)}), '0.6');
    return;
}

sub ready_rooms {
    return if sql("SELECT EXISTS (SELECT FROM videoroom.room WHERE room_id = 'aaa0000000000000000000001')") eq 't';
    sql_file('rooms', first => 1, last => $ready_rooms);
    open my $out, '>', 'signed.tsv' or die "signed.tsv: $!\n";
    print $out join("\t", @$_), "\n" for program('sign', 'https://app.example/callback', 'b' x 32, 'AC' . 'a' x 32, $ready_rooms);
    close $out or die "signed.tsv: $!\n";
    sql_file('callback_tables', file => "$work/signed.tsv");
    sql('VACUUM ANALYZE');
    sql('CHECKPOINT');
    return;
}

sub join_row {
    ready_rooms();
    my %values = (values => { rooms => $ready_rooms });
    my %tps = turns(ours => sub { pgbench('join', %values) }, floor => sub { pgbench('join_floor', %values) });
    note "join: ours @{$tps{ours}}, floor @{$tps{floor}}";
    row('join on a ready room, 4 clients, 10^5 rooms', 'SELECT of the same two rows by primary key', share(@tps{qw(ours floor)}), '0.85');
    return;
}

sub create_row {
    my ($setting) = @_;
    local $ENV{PGOPTIONS} = $setting ? "-c $setting" : '';
    my %tps = turns(ours => sub { pgbench('create') }, floor => sub { pgbench('create_floor') });
    note "create: ours @{$tps{ours}}, floor @{$tps{floor}}";
    row('create_booking, 2 participants, 4 clients' . ($setting ? ", $setting" : ''),
        'the same rows by one prepared statement into plain tables', share(@tps{qw(ours floor)}), '0.85');
    return;
}

sub first_join_row {
    my $count = 50;
    set_config('videoroom.api_url' => $twilio->address('100_ms'));
    my (@more, @twilio);
    for my $round (0 .. rounds()) {
        my $first = $round * $count + 1;
        sql_file('unmade', first => $first, last => $first + $count - 1);
        $twilio->forget;
        my @joins = latencies('first_join', transactions => $count, values => { n => $first - 1 });
        my @calls = map { 1000 * ($_->{answered} - $_->{arrived}) } $twilio->calls;
        @calls == $count or die 'Twilio was called ' . @calls . " times instead of $count\n";
        next unless $round;
        push @more, median(@joins) - median(@calls);
        push @twilio, median(@calls);
    }
    row('first join of a room not yet made, Twilio at 100 ms', sprintf('%.1f ms, the call itself', median(@twilio)),
        sprintf('%.1f ms more (%.1f to %.1f)', median(@more), sort_ends(@more)), 'within 10 ms');
    set_config('videoroom.api_url' => $twilio->address('at_once'));
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

my @sizes = map { 10**$_ } 4 .. ($ENV{HISTORY} || 6);
sub history_rows {
    ready_rooms();
    my (%at, $loaded);
    for my $size (@sizes) {
        sql_file('history', first => ($loaded // 0) + 1, last => $size);
        $loaded = $size;
        sql('CHECKPOINT');
        my %figures = turns(
            create => sub { pgbench('create', seconds => 2) },
            join => sub { pgbench('join', seconds => 2, values => { rooms => $ready_rooms }) },
            callback => sub { my $tps = pgbench('callback', transactions => 500, values => { n => $received }); $received += 500; $tps },
            drain => sub { (drain(2000))[0] });
        $at{$_}{$size} = median(@{ $figures{$_} }) for keys %figures;
        note "history $size: ", join ', ', map { sprintf '%s %.0f', $_, $at{$_}{$size} } sort keys %at;
    }
    for my $what (sort keys %at) {
        row("$what with a history of " . join(', ', map { sprintf '10^%d', length($_) - 1 } @sizes[1 .. $#sizes]) . ' rooms', 'the same at 10^4',
            join(', ', map { sprintf '%.2f', $at{$what}{$_} / $at{$what}{ $sizes[0] } } @sizes[1 .. $#sizes]), 'at least 0.90');
    }
    return;
}

my @rows = (
    create => sub { create_row() },
    create_async => sub { create_row('synchronous_commit=off') },
    drain_50 => sub { drain_row('50_ms', 50, 10_000, '0.95') },
    drain_200 => sub { drain_row('50_ms', 200, 20_000, '0.95') },
    drain_0 => sub { drain_row('at_once', 50, 20_000, '0.5; 60 ms') },
    wire_20 => sub { wire_row(20) },
    wire_200 => sub { wire_row(200) },
    first_join => \&first_join_row,
    idle => \&idle_row,
    join => \&join_row,
    callback => sub { ready_rooms(); callback_row() },
    callback_async => sub { ready_rooms(); callback_row('synchronous_commit=off') },
    history => \&history_rows,
);

begin();
while (my ($name, $measure) = splice @rows, 0, 2) {
    $measure->() if !%wanted || $wanted{$name};
}
