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
    wait_until(sub { sql("SELECT count(*) FROM videoroom.outbox WHERE action = 'create-room' AND run_at < now()") == 0 }, 'the drain', 300);
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

my @rows = (
    create => sub {
        my %tps = turns(ours => sub { pgbench('create') }, floor => sub { pgbench('create_floor') });
        note "create: ours @{$tps{ours}}, floor @{$tps{floor}}";
        row('create_booking, 2 participants, 4 clients', 'the same rows by one prepared statement into plain tables', share(@tps{qw(ours floor)}), '0.85');
    },
    join => sub {
        sql_file('rooms', first => 1, last => $ready_rooms);
        sql('VACUUM ANALYZE');
        sql('CHECKPOINT');
        my %values = (values => { rooms => $ready_rooms });
        my %tps = turns(ours => sub { pgbench('join', %values) }, floor => sub { pgbench('join_floor', %values) });
        note "join: ours @{$tps{ours}}, floor @{$tps{floor}}";
        row('join on a ready room, 4 clients, 10^5 rooms', 'SELECT of the same two rows by primary key', share(@tps{qw(ours floor)}), '0.85');
    },
    drain_50 => sub { drain_row('50_ms', 50, 10_000, '0.95') },
    drain_200 => sub { drain_row('50_ms', 200, 20_000, '0.95') },
    drain_0 => sub { drain_row('at_once', 50, 20_000, '0.5; 60 ms') },
    wire_20 => sub { wire_row(20) },
    wire_200 => sub { wire_row(200) },
);

begin();
while (my ($name, $measure) = splice @rows, 0, 2) {
    $measure->() if !%wanted || $wanted{$name};
}
