# Callbacks commute: random histories of rooms, each told in several orders and with repeats, mixed with what the reconciler
# reads, removals, cancels and ends. Whatever the order, each room shows what a plain model says, and the calls to Twilio that it
# needs are asked for. COMMUTE_HISTORIES=5000 makes it longer, COMMUTE_SEED repeats one.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use History;
use JSON::PP ();
use POSIX 'strftime';
use RoomModel;
use Test::More;
use Time::HiRes 'time';
use Time::Local 'timegm';
use VideoroomTest;
use Watch;

my $seed = $ENV{COMMUTE_SEED} // int(time) % 1_000_000;
my $histories = $ENV{COMMUTE_HISTORIES} // 240;
my $orders = 3;
my $batch = 60;
srand $seed;
END { diag("COMMUTE_SEED=$seed repeats it") if $? }

# No worker: what is asked of it stays to be seen, and what is kept for it is applied here.
my $node = new_node(name => 'commute', enabled => 'off');
my $url = "http://127.0.0.1:$node->{relay_port}/twilio";
my $json = JSON::PP->new->canonical;
my $number = 0;
my %told = map { $_ => 0 } qw(applied inserted snapshot);

sub run { return $node->safe_psql('postgres', "SET TimeZone = 'UTC';\n\\o /dev/null\n" . join("\n", @_)) }
sub rows { return map { [split /\t/, $_, -1] } split /\n/, $node->safe_psql('postgres', "SET TimeZone = 'UTC'; $_[0]", extra_params => ['-F', "\t"]) }
sub stamp { my ($time) = @_; return defined $time ? "'" . iso($time) . "'" : 'NULL' }
sub iso { my ($time) = @_; return strftime('%Y-%m-%dT%H:%M:%S', gmtime int($time / 1e6)) . sprintf '.%03dZ', $time / 1000 % 1000 }

sub micros {
    my ($text) = @_;
    return undef unless defined $text && length $text;
    my ($y, $mo, $d, $h, $mi, $s, $fraction) = $text =~ /^(\d+)-(\d+)-(\d+)[T ](\d+):(\d+):(\d+)(?:\.(\d+))?\+00/ or die "no time: $text\n";
    return timegm($s, $mi, $h, $d, $mo - 1, $y) * 1_000_000 + substr(($fraction // '') . '000000', 0, 6);
}

# Each telling is a room of its own, so it has sids of its own.
sub sid { my ($kind, $telling, $name) = @_; return $kind . sprintf '%08x%s', $telling->{number}, unpack('H24', $name . "\0" x 12) }
sub room_sid { return sid('RM', @_) }
sub stay_sid { return sid('PA', @_) }

sub parameters {
    my ($telling, $fact) = @_;
    my $event = $fact->{event};
    my %params = (
        AccountSid => Simulator::ACCOUNT, RoomName => $telling->{room}, RoomSid => room_sid($telling, $fact->{session}),
        RoomStatus => $event eq 'room-ended' ? 'completed' : 'in-progress', RoomType => 'group', StatusCallbackEvent => $event,
        SequenceNumber => $number++ % 10, Timestamp => iso($fact->{at}));
    $params{StatusCallbackEvent} =~ tr/-/_/ if rand() < 0.1;
    if ($fact->{stay}) {
        @params{qw(ParticipantSid ParticipantIdentity ParticipantStatus)} = (stay_sid($telling, $fact->{stay}), $fact->{user},
            $event eq 'participant-disconnected' ? 'disconnected' : 'connected');
    }
    $params{ParticipantDuration} = $fact->{duration} if exists $fact->{duration};
    @params{qw(TrackKind TrackSid)} = ('audio', 'MT' . '0' x 32) if $event =~ /^track/;
    return \%params;
}

# A callback as a relay inserts it, now and then with a snapshot of its own, or decoded.
sub callback {
    my ($telling, $fact) = @_;
    my $params = parameters($telling, $fact);
    if ($telling->{decoded}) {
        $told{applied}++;
        return sprintf q{SELECT videoroom_apply_callback('%s');}, $json->encode({ map { $_ => "$params->{$_}" } keys %$params });
    }
    my $signature = hmac_sha1_base64($url . join('', map { $_ . $params->{$_} } sort keys %$params), Simulator::TOKEN) . '=';
    my $insert = sprintf q{INSERT INTO videoroom.callback (body, signature) VALUES ('%s', '%s');},
        Simulator::form_encode($params), $signature;
    my $level = rand() < 0.15 ? (rand() < 0.5 ? 'REPEATABLE READ' : 'SERIALIZABLE') : '';
    $told{ $level ? 'snapshot' : 'inserted' }++;
    return $level ? "BEGIN ISOLATION LEVEL $level; $insert COMMIT;" : $insert;
}

# What the worker does with an answer about a room or about its people.
sub answer {
    my ($telling, $fact) = @_;
    my ($room, $session) = ($telling->{room}, room_sid($telling, $fact->{session}));
    my $alive = defined $fact->{end} ? 'NULL' : stamp($fact->{start});
    my $records = $fact->{kind} eq 'session'
        ? sprintf q{videoroom.record_session('%s', '%s', NULL, %s, NULL, %s, %s)}, $room, $session, stamp($fact->{start}), stamp($fact->{end}), $alive
        : sprintf q{videoroom.record_connection('%s', '%s', '%s', NULL, %s, NULL, %s, %s)}, stay_sid($telling, $fact->{stay}), $session,
            $fact->{user}, stamp($fact->{start}), stamp($fact->{end}), $fact->{duration} // 'NULL';
    # The people of a room are asked for after the room.
    my $first = $fact->{kind} eq 'stay' ? "SELECT videoroom.record_session('$room', '$session', NULL, NULL, NULL, NULL, NULL);" : '';
    return "BEGIN; SELECT FROM videoroom.room WHERE room_id = '$room' FOR NO KEY UPDATE; $first SELECT $records; "
        . "SELECT videoroom.settle_room('$room'), videoroom.end_deserted(ARRAY['$room']); COMMIT;";
}

sub statement {
    my ($telling, $what) = @_;
    my ($kind, $history) = ($what->{kind}, $telling->{history});
    return callback($telling, $what) if $kind eq 'callback';
    return answer($telling, $what) if $kind eq 'session' || $kind eq 'stay';
    return "SELECT videoroom_cancel('$telling->{booking}');" if $kind eq 'cancel';
    return "SELECT videoroom_end('$telling->{room}');" if $kind eq 'end';
    return "SELECT videoroom_remove_participant('$telling->{room}', '$what->{user}');" if $kind eq 'remove';
    return "SELECT videoroom_add_participants('$telling->{room}', '{$what->{user}}');" if $kind eq 'add';
    return 'SELECT videoroom.expire_rooms(10), videoroom.lose_sessions(10);' if $kind eq 'housekeeping';
    return '' if $kind eq 'nothing';
    # The clock: the booking was long ago.
    return sprintf q{UPDATE videoroom.room SET starts_at = %s, ends_at = %s, opens_at = %1$s, closes_at = %s, completes_at = %s
        WHERE room_id = '%s';}, map({ stamp($history->{$_}) } qw(starts ends closes completes)), $telling->{room};
}

sub play {
    my (@tellings) = @_;
    run(map { sprintf q{SELECT videoroom_create_booking('%s', %s, %s, '{ann,ben}');}, $_->{booking},
        $_->{history}{timing} eq 'on' ? (stamp($_->{history}{starts}), stamp($_->{history}{ends}))
        : ('now()', q{now() + interval '1 hour'}) } @tellings);
    my %room = map { @$_ } rows('SELECT booking_id, room_id FROM videoroom.room');
    my @made = grep { rand() < 0.5 } @tellings;    # their create-room has been answered
    my @script;
    for my $telling (@tellings) {
        $telling->{room} = $room{ $telling->{booking} };
        push @script, map { statement($telling, $_) } @{ $telling->{order} };
    }
    run((map { "DELETE FROM videoroom.outbox WHERE room_id = '$_->{room}';" } @made), @script);
    return;
}

# All that is left to the worker.
sub settle {
    1 while (rows('SELECT videoroom.apply_pending(1000)'))[0][0] > 0;
    1 while (rows('SELECT videoroom.expire_rooms(1000) + videoroom.lose_sessions(1000)'))[0][0] > 0;
    return;
}

# Each telling's room as everybody sees it, and the calls it asks for.
sub look {
    my %seen;
    for (rows(q{
        SELECT r.booking_id, clock_timestamp(), r.cancelled_at, r.ended_at, videoroom_get(r.room_id),
               (SELECT coalesce(json_object_agg(trim(o.action || ' ' || o.target),
                           CASE WHEN o.action = 'create-room' THEN 'again'
                                WHEN o.priority = 0 AND o.run_at <= clock_timestamp() THEN 'now'
                                WHEN o.run_at = r.completes_at THEN 'in the end'
                                WHEN o.run_at < r.completes_at THEN 'early' ELSE 'some time' END), '{}')
                  FROM videoroom.outbox o WHERE o.room_id = r.room_id)
          FROM videoroom.room r})) {
        my ($booking, $now, $cancelled, $ended, $room, $calls) = @$_;
        $seen{$booking} = { now => micros($now), cancelled => micros($cancelled), ended => micros($ended),
            room => JSON::PP::decode_json($room), calls => JSON::PP::decode_json($calls) };
    }
    return \%seen;
}

# videoroom_get's answer in the model's words.
sub shown {
    my ($room) = @_;
    my ($times, %shown) = ([qw(first_joined_at last_left_at started_at ended_at)]);
    $shown{status} = $room->{status};
    $shown{closed_at} = micros($room->{closed_at});
    $shown{final} = $room->{final} ? 1 : 0;
    $shown{connected} = $room->{connected};
    for (@{ $room->{participants} }) {
        my %person = (%$_, invited => $_->{invited} ? 1 : 0);
        $person{$_} = micros($person{$_}) for qw(first_joined_at last_left_at);
        $shown{participants}{ delete $person{user_id} } = \%person;
    }
    $shown{sessions} = {};
    for (@{ $room->{sessions} }) {
        my %session = %$_;
        $session{$_} = micros($session{$_}) for qw(started_at ended_at);
        $shown{sessions}{ delete $session{room_sid} } = \%session;
    }
    return \%shown;
}

# Undef, or what is wrong with a telling.
sub wrong {
    my ($telling, $seen) = @_;
    my $history = $telling->{history};
    my @facts = map { my %fact = %$_; $fact{session} = room_sid($telling, $fact{session});
        $fact{stay} = stay_sid($telling, $fact{stay}) if $fact{stay}; \%fact } @{ $history->{facts} };
    my %room = (
        (map { $_ => $history->{$_} } qw(ends closes completes)), removed => $history->removed,
        cancelled => $history->did('cancel') ? $seen->{cancelled} // 0 : undef,
        ended => $history->did('end') ? $seen->{ended} // 0 : undef);
    my $expected = expected(\%room, \@facts, $seen->{now});
    my $shown = shown($seen->{room});
    # Who is still there gets older while we look.
    for my $user (keys %{ $expected->{participants} }) {
        my ($is, $should) = map { $_->{participants}{$user} } $shown, $expected;
        next unless $is && !defined $is->{last_left_at} && abs($is->{connected_seconds} - $should->{connected_seconds}) <= 1;
        $should->{connected_seconds} = $is->{connected_seconds};
    }
    my ($is, $should) = map { $json->encode($_) } $shown, $expected;
    return "expected $should\nfound    $is" unless $is eq $should;

    my $calls = expected_calls(\%room, \@facts, $seen->{now});
    for (sort keys %$calls) {
        my $when = $seen->{calls}{$_} // 'never';
        return "$_ should be asked for $calls->{$_}, is $when" unless grep { $when eq $_ } split / or /, $calls->{$_};
    }
    for (grep { /^remove-participant / } sort keys %{ $seen->{calls} }) {
        my ($target) = /^remove-participant (.*)/;
        my ($user) = $target =~ m{^identity/(.*)} ? $1 : map { $_->{user} } grep { ($_->{stay} // '') eq $target } @facts;
        return "$user is put out, but not removed" unless $room{removed}{ $user // '' };
    }
    return undef;
}

sub compare {
    my ($tellings, $when) = @_;
    my $seen = look();
    for my $telling (@$tellings) {
        my $wrong = wrong($telling, $seen->{ $telling->{booking} }) // next;
        diag("$telling->{booking}, $when ($telling->{history}{timing}): $wrong");
        diag('told in this order: ' . $json->encode($_)) for @{ $telling->{order} };
        return 0;
    }
    return 1;
}

my $begun = time;
my %tally = (rooms => 0, facts => 0);
my $good = 1;
for (my $done = 0; $good && $done < $histories; $done += $batch) {
    my @tellings;
    for my $history ($done + 1 .. $done + $batch) {
        my $drawn = History->draw(int(time * 1e6));
        for my $order (1 .. $orders) {
            push @tellings, { number => ++$tally{rooms}, booking => "history-$history-$order", history => $drawn,
                decoded => $order == 1 && $history % 2, order => [$drawn->order] };
            $tally{facts} += @{ $tellings[-1]{order} };
        }
    }
    play(@tellings);
    settle();
    $good = compare(\@tellings, 'told');
    if ($good) {
        run(q{SELECT videoroom_replay('-infinity');});
        settle();
        $good = compare(\@tellings, 'replayed');
    }
    run('TRUNCATE videoroom.home, videoroom.callback CASCADE;') if $good;
}
ok($good, "$histories histories, each in $orders orders, show what the model says");
note sprintf '%d rooms and %d facts and deeds in %.1f s; callbacks: %d decoded, %d inserted, %d at an old snapshot; seed %d',
    @tally{qw(rooms facts)}, time - $begun, @told{qw(applied inserted snapshot)}, $seed;
cmp_ok($told{$_}, '>', 0, "callbacks came in $_") for sort keys %told;
$node->stop('fast');
never_crashed($node);
done_testing();
