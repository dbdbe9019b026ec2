# Steps that several TAP tests take: bookings, settings that change while the server runs, sessions that wait, and what
# the simulator saw.
package Steps;

use strict;
use warnings;
use Exporter 'import';
use Session;
use Time::HiRes 'time';
use Time::Local 'timegm';
use VideoroomTest;

our @EXPORT = qw(book book_many set_config session ask waiting_joins reason health outbox seconds struck clear_faults in_progress_at
    sent_for writes_for arrived_at first_sweep no_calls made crashes);

# The room_id of a new booking whose window is open. Names: starts, ends (intervals from now), people; unasked => 1 leaves
# nothing in the outbox, so that only a join, the sweep or an INSERT makes the room.
sub book {
    my ($node, $booking, %given) = @_;
    my %of = (starts => '5 min', ends => '1 hour', people => 'alice,bob', options => '{}', %given);
    return $node->safe_psql('postgres', join "\n", 'BEGIN;',
        "SELECT videoroom_create_booking('$booking', clock_timestamp() + interval '$of{starts}',
            clock_timestamp() + interval '$of{ends}', '{$of{people}}', '$of{options}');",
        $of{unasked} ? 'DELETE FROM videoroom.outbox WHERE room_id =
            (SELECT room_id FROM videoroom.room ORDER BY created_at DESC LIMIT 1);' : (),
        'COMMIT;');
}

# The room_ids of so many bookings at once, named NAME-1 and so on.
sub book_many {
    my ($node, $name, $count) = @_;
    return split /\n/, $node->safe_psql('postgres', "SELECT videoroom_create_booking('$name-' || i,
        clock_timestamp() + interval '5 min', clock_timestamp() + interval '1 hour', '{alice,bob}')
        FROM generate_series(1, $count) i");
}

# Changes settings of the extension and reloads; sessions that start from here on, and the worker, have them. With no
# names it only reloads.
sub set_config {
    my ($node, %settings) = @_;
    my ($before) = row($node, 'SELECT pg_conf_load_time()');
    $node->safe_psql('postgres', join "\n",
        (map { "ALTER SYSTEM SET videoroom.$_ = '$settings{$_}';" } sort keys %settings), 'SELECT pg_reload_conf();');
    wait_until { (row($node, "SELECT pg_conf_load_time() > '$before'"))[0] eq 't' } 20, 'the settings to be reloaded';
}

sub session { return Session->new(@_) }

# A session of its own that has been asked, and is not waited for: see Session::answer.
sub ask {
    my ($node, $statement) = @_;
    return Session->new($node)->ask($statement);
}

# Waits until so many joins wait.
sub waiting_joins {
    my ($node, $count) = @_;
    wait_until { (row($node, q{SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND wait_event_type = 'Extension'}))[0] == $count } 20, "$count joins to wait";
}

# The reason in a refusal's DETAIL.
sub reason { return ($_[0] // '') =~ /"reason" ?: ?"([\w-]+)"/ ? $1 : '' }

# Is this check of videoroom_health() all right?
sub health {
    my ($node, $check) = @_;
    return (row($node, "SELECT ok FROM videoroom_health() WHERE name = '$check'"))[0] eq 't';
}

# Columns of the room's row with that action.
sub outbox {
    my ($node, $room, $action, $columns) = @_;
    return row($node, "SELECT $columns FROM videoroom.outbox WHERE room_id = '$room' AND action = '$action'");
}

# How long it takes.
sub seconds(&) {
    my ($step) = @_;
    my $start = time;
    $step->();
    return time - $start;
}

# How often the simulator's n-th fault has struck: a request that it delays is under way then.
sub struck {
    my ($twilio, $n) = @_;
    return $twilio->sim(GET => 'faults')->[$n // 0]{struck};
}

sub clear_faults { return $_[0]->sim(DELETE => 'faults') }

# The SIDs of the rooms that are in progress at Twilio, all or of that name.
sub in_progress_at {
    my ($twilio, $room) = @_;
    return map { $_->{sid} } grep { $_->{status} eq 'in-progress' }
        @{ $twilio->sim(GET => 'rooms' . (defined $room ? "?room=$room" : '')) };
}

# The requests that Twilio got about a room, as "POST create", "POST complete", "POST remove" or "GET".
sub sent_for {
    my ($twilio, $room) = @_;
    return map {
        $_->{method} eq 'GET' ? 'GET'
            : $_->{path} eq '/v1/Rooms' ? 'POST create'
            : $_->{path} =~ m{/Participants/} ? 'POST remove'
            : 'POST complete'
    } @{ $twilio->sim(GET => "requests?room=$room") };
}

# Those of them that change something. Between them the worker may read what it likes.
sub writes_for { return grep { $_ ne 'GET' } sent_for(@_) }

# When Twilio got a request, in seconds since 1970.
sub arrived_at {
    my ($year, $month, $day, $hour, $minute, $seconds) = $_[0]{at} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):([\d.]+)Z$/
        or die "no time: $_[0]{at}\n";
    return timegm(0, $minute, $hour, $day, $month - 1, $year) + $seconds;
}

# Waits until no request of the worker's is without an answer.
sub no_calls {
    my ($node, $seconds) = @_;
    wait_until { (row($node, 'SELECT calls_in_flight FROM videoroom_stats()'))[0] eq '0' } $seconds // 30, 'no call to be under way';
}

# A new worker looks through Twilio's rooms as soon as something is booked, whatever else there is to do, and reads what it did not
# expect. Makes that come before there are rooms, and waits until it is over: then no call is made but those a test is about.
sub first_sweep {
    my ($node, $twilio) = @_;
    book($node, 'first-sweep', starts => '24 hours', ends => '25 hours');
    $node->safe_psql('postgres', 'SELECT videoroom.wake()');
    wait_until { @{ $twilio->sim(GET => 'requests?method=GET') } } 30, 'the first look through the rooms';
    no_calls($node);
}

# Waits until the room is made and recorded; gives its SID.
sub made {
    my ($node, $room, $seconds) = @_;
    return wait_until {
        (row($node, "SELECT room_sid FROM videoroom.session WHERE room_id = '$room' AND ended_at IS NULL"))[0]
    } $seconds // 30, "room $room to be made";
}

# The lines of the server's log that no server should write.
sub crashes {
    my ($node) = @_;
    return grep { /PANIC|TRAP|was terminated by signal|could not record an answer/ }
        split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
}

1;
