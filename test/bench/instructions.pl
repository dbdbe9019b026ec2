# Counts, on a server under callgrind: perl instructions.pl FOLDER, in which the server is. Leaves in it a line for each thing
# that was counted, "what, instructions", a tab between, in the file counts, and what callgrind knows of it in files *.callgrind.
#
# callgrind writes a file of what a process has executed since the last one whenever the process enters pg_backend_pid or
# ProcessConfigFile: a session's counts are taken between two calls of the former, the worker's between two reloads.
use strict;
use warnings;
use Bench;
use Digest::SHA 'hmac_sha1_base64';
use File::Copy 'copy';
use POSIX 'strftime';

my ($work) = @ARGV;
my $count = $ENV{COUNT};
my $calls = 10 * $count;    # of the worker, which takes together what happens to come together
my $warm = 50;    # executed before: caches, plans, and tables of more than a page

my $account = 'AC00000000000000000000000000000001';
my $auth_token = '0123456789abcdef0123456789abcdef';
my $url = 'http://127.0.0.1:9/twilio';

chdir $work or die "$work: $!\n";
open my $counts, '>', 'counts' or die "counts: $!\n";

# The files of a process, the oldest first.
sub files {
    my ($pid) = @_;
    return map { "callgrind/$pid.$_" } sort { $a <=> $b } map { /\.(\d+)$/ } glob "callgrind/$pid.*";
}

# The instructions of a file, once it is complete.
sub total {
    my ($name) = @_;
    open my $file, '<', $name or die "$name: $!\n";
    my ($total) = map { /^totals: (\d+)$/ ? $1 : () } <$file>;
    return $total;
}

# What was executed between two marks, without what they themselves take, for one of so many times.
sub counted {
    my ($what, $times, $mark, $file) = @_;
    my $instructions = (total($file) - total($mark)) / $times;
    printf $counts "%s\t%.0f\n", $what, $instructions;
    note sprintf '%s: %.0f', $what, $instructions;
    copy($file, ($what =~ tr/a-z/-/csr) . '.callgrind') or die "$file: $!\n";
    return;
}

# Executes a prepared statement with one list of arguments after the other, as a client would. Its output, a list of rows.
sub count_statement {
    my ($what, $role, $statement, @arguments) = @_;
    my @execute = map { "EXECUTE statement ($_);" } @arguments;
    my $mark = 'SELECT pg_backend_pid();';
    write_file('session.sql', join "\n", "PREPARE statement AS $statement;", @execute[0 .. $warm - 1], ($mark) x 3, @execute[$warm .. $#execute], $mark, '');
    my @rows = split /\n/, run('psql', '-XAtq', '-U', $role, '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-f', 'session.sql');
    my $pid = pop @rows;
    my @files = files($pid);
    @files == 4 or die "callgrind left @files\n";
    counted($what, $count, @files[2, 3]);
    return grep { $_ ne $pid } @rows;
}

sub worker { return sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'videoroom worker'") }

# Has the worker reload the settings, and so leave a file, which is returned.
sub mark_worker {
    my ($pid) = @_;
    my @before = files($pid);
    my @after;
    sql('SELECT pg_reload_conf()');
    wait_until(sub { @after = files($pid); @after > @before && defined total($after[-1]) }, "the worker's file", 300);
    return $after[-1];
}

# What the worker executes until all that the statement queues is done.
sub count_worker {
    my ($what, $statement, $is_done) = @_;
    my $pid = worker();
    mark_worker($pid);
    my $mark = mark_worker($pid);
    sql($statement);
    wait_until(sub { sql("SELECT $is_done") eq 't' }, $what, 1200);
    counted($what, $calls, $mark, mark_worker($pid));
    return;
}

sub queued {
    my ($which) = @_;
    return "(SELECT count(*) FROM videoroom.outbox WHERE $which)";
}

sub book_all {
    my ($name, $rooms) = @_;
    return "SELECT count(videoroom_create_booking('$name-' || n, now() + interval '5 minutes', now() + interval '20 hours', ARRAY['host', 'guest']))
              FROM generate_series(1, $rooms) n";
}

# A callback's arguments, quoted: its body and its signature.
sub callback {
    my ($room, $event, %of_event) = @_;
    my %value = (AccountSid => $account, RoomName => $room->{id}, RoomSid => $room->{sid}, RoomStatus => 'in-progress', RoomType => 'group',
        StatusCallbackEvent => $event, Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime), SequenceNumber => $room->{callbacks}++, %of_event);
    my $body = join '&', map { "$_=" . ($value{$_} =~ s/:/%3A/gr) } sort keys %value;
    return "'$body', '" . hmac_sha1_base64($url . join('', map { $_ . $value{$_} } sort keys %value), $auth_token) . "='";
}

sub count_callbacks {
    my (@rooms) = @_;
    my %person = map {
        my $room = $_;
        $room->{id} => { ParticipantSid => $room->{sid} =~ s/^RM/PA/r, ParticipantIdentity => 'host', ParticipantStatus => 'connected' }
    } @rooms;
    my %track = (TrackKind => 'video', TrackSid => 'MT' . '0' x 32);
    my @kinds = (
        'room-created' => sub { () },
        'participant-connected' => sub { %{ $_[0] } },
        (map { $_ => sub { (%{ $_[0] }, %track) } } qw(track-added track-disabled track-enabled track-removed)),
        'participant-disconnected' => sub { (%{ $_[0] }, ParticipantStatus => 'disconnected', ParticipantDuration => 60) },
        'room-ended' => sub { (RoomStatus => 'completed', RoomDuration => 60) });
    my @callbacks;
    while (my ($kind, $values) = splice @kinds, 0, 2) {
        @callbacks = map { callback($_, $kind, $values->($person{ $_->{id} })) } @rooms;
        count_callback("callback $kind", @callbacks);
    }
    count_callback('callback that came before', @callbacks);
    return;
}

sub count_callback {
    my ($what, @callbacks) = @_;
    count_statement($what, 'relay', 'INSERT INTO videoroom.callback (body, signature) VALUES ($1, $2)', @callbacks);
    return;
}

my $all = $warm + $count;
sql('CREATE EXTENSION videoroom');
sql("CREATE ROLE $_ LOGIN; SELECT videoroom_grant('$_', '$_')") for qw(scheduler backend relay);

my @ids = count_statement('booking, 2 participants', 'scheduler',
    q{SELECT videoroom_create_booking($1, now() + interval '5 minutes', now() + interval '20 hours', ARRAY['host', 'guest'])}, map { "'booking-$_'" } 1 .. $all);

set_config('videoroom.enabled' => 'on');
sql(book_all('first', $warm));
wait_until(sub { worker() && sql('SELECT ' . queued("action = 'create-room'") . ' = 0') eq 't' }, 'the first rooms', 1200);
sql('VACUUM ANALYZE');
count_worker('create, from row to record', book_all('second', $calls), queued("action = 'create-room'") . ' = 0');
sql("SELECT count(videoroom_cancel('first-' || n)) FROM generate_series(1, $warm) n");
wait_until(sub { sql('SELECT ' . queued('true') . ' = ' . ($all + $calls)) eq 't' }, 'the first ends', 1200);
count_worker('end, from row to record', "SELECT count(videoroom_cancel('second-' || n)) FROM generate_series(1, $calls) n", queued('true') . " = $all");
set_config('videoroom.enabled' => 'off');
wait_until(sub { !worker() }, 'the worker to leave');
sql('VACUUM ANALYZE');

my @sids = count_statement('join of a ready room', 'backend', q{SELECT room_sid FROM videoroom_join($1, 'host')}, map { "'$_'" } @ids);
count_callbacks(map { { id => $ids[$_], sid => $sids[$_], callbacks => 0 } } 0 .. $#ids);
