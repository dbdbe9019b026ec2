# What the rows share: the extension and its settings, the fast Twilio, the worker, and rooms to begin with.
package Stage;

use strict;
use warnings;
use Bench;
use Exporter 'import';
use Twilio;

our @EXPORT = qw(set_stage twilio program worker worker_off processor_time clean_up ready_rooms ready forget_callbacks rewind);

my ($work, $twilio);

sub twilio { return $twilio }

# How many rooms are ready to be joined, once they are.
sub ready { return 100_000 }

sub set_stage {
    ($work) = @_;
    write_file('credentials.json', '{"account_sid": "AC' . 'a' x 32 . '", "auth_token": "' . 'b' x 32 . '",
        "api_key_sid": "SK' . 'c' x 32 . '", "api_key_secret": "' . 'd' x 32 . '"}');
    chmod 0600, 'credentials.json';
    $twilio = Twilio->start("$work/nginx");
    at_each_build(\&set_up);
    return;
}

sub set_up {
    set_config(
        'videoroom.credentials_file' => "$work/credentials.json", 'videoroom.link_template' => 'https://app.example/room/{room_id}#token={token}',
        'videoroom.callback_url' => 'https://app.example/callback');
    rewind();
    sql('CREATE EXTENSION videoroom');
    sql("SELECT videoroom_create_booking('first', now() + '2 days', now() + '49 hours', ARRAY['a', 'b'])");
    sql_file('plain');
    wait_until(\&worker, 'the worker');
    return;
}

# The settings that a row may have changed, back to how they are for all of them.
sub rewind {
    set_config(
        'videoroom.api_url' => $twilio->address('at_once'), 'videoroom.writes_per_second' => 100000, 'videoroom.reads_per_second' => 100000,
        'videoroom.max_requests' => 50, 'videoroom.reconcile_interval' => '1d', 'videoroom.enabled' => 'on');
    return;
}

# The lines that a program of ours prints, each split at blanks.
sub program {
    my ($name, @arguments) = @_;
    open my $pipe, '-|', "$work/bin/bench-$name", @arguments or die "$name: $!\n";
    my @lines = <$pipe>;
    close $pipe or die "bench-$name failed\n";
    return map { [split] } @lines;
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

# As autovacuum leaves tables that have been in use for a while: plans that are made for empty ones suit none of them.
sub clean_up {
    sql('VACUUM ANALYZE');
    sql('CHECKPOINT');
    return;
}

# Rooms with a live session, as many again that are over, and callbacks about the former, signed but not inserted yet.
sub ready_rooms {
    return if sql("SELECT EXISTS (SELECT FROM videoroom.room WHERE room_id = 'aaa0000000000000000000001')") eq 't';
    note 'loading rooms';
    sql_file('rooms', first => 1, last => ready());
    sql_file('history', first => 1, last => 10_000);
    open my $out, '>', 'signed.tsv' or die "signed.tsv: $!\n";
    print $out join("\t", @$_), "\n" for program('sign', 'https://app.example/callback', 'b' x 32, 'AC' . 'a' x 32, ready());
    close $out or die "signed.tsv: $!\n";
    sql_file('callback_tables', file => "$work/signed.tsv");
    clean_up();
    return;
}

# The callbacks may come again.
sub forget_callbacks { return sql_file('callback_again') }

1;
