# Four shards on two servers behind a PL/Proxy: every flow goes through the proxy as it would go to one database, in the same
# names, signatures and refusals; with one server down its shards' calls are refused clearly and the other shards go on.
use strict;
use warnings;
use Digest::SHA 'hmac_sha1_base64';
use Shards;
use Steps qw(reason);
use Test::More;
use VideoroomTest;
use Watch qw(never_crashed);

skip_without_plproxy();

my $twilio = start_simulator();
my @quota = (writes_per_second => 10, reads_per_second => 40);    # Twilio's, halved
my $node = new_node(name => 'first', simulator => $twilio, extension => 0, conf => 'max_worker_processes = 20', @quota);
my $other = new_node(name => 'second', simulator => $twilio, extension => 0, conf => 'max_worker_processes = 20', @quota,
    callback_url => "http://127.0.0.1:$node->{relay_port}/twilio");
my @shards = ([$node, 'rooms_0'], [$node, 'rooms_1'], [$other, 'rooms_2'], [$other, 'rooms_3']);
set_up($node, @shards);
my $relay = start_relay($node);

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub on_shard {
    my ($shard, $query) = @_;
    my ($server, $database) = @{ $shards[$shard] };
    return $server->safe_psql($database, $query);
}

# The room_id of a booking on that shard whose window is open.
sub book {
    my ($shard) = @_;
    return sql(sprintf q{SELECT videoroom_create_booking('%s', now() + interval '5 min', now() + interval '1 hour', '{ann}')},
        booking_on($shard, 4));
}

# (SQLSTATE, reason) of what is refused.
sub refused {
    my ($statement) = @_;
    my ($state, undef, $detail) = refusal($node, $statement);
    return [$state, reason($detail)];
}

# --- the same names

my $signatures = q{SELECT format('%s(%s) %s %s %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.provolatile, p.prosecdef)
      FROM pg_proc p WHERE p.proname LIKE 'videoroom%' AND p.pronamespace = 'public'::regnamespace
       AND p.proname NOT IN ('videoroom_adopt', 'videoroom_health', 'videoroom_stats', 'videoroom_retry', 'videoroom_discard')
     ORDER BY p.proname, p.pronargs};
is(sql($signatures), on_shard(0, $signatures), 'the proxy has the functions of the extension, but those that need a shard\'s name');
my $columns = q{SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE a.attrelid IN ('videoroom_rooms'::regclass, 'videoroom_participants'::regclass, 'videoroom.join_link'::regclass)
       AND a.attnum > 0 ORDER BY 1, 2};
is(sql($columns), on_shard(0, $columns), 'and its views and type, column by column');
my $slots = q{SELECT videoroom_slot(id) FROM unnest(ARRAY['', 'a', 'visit-1', 'Grüße', repeat('x', 128)]) AS id WHERE id <> ''};
is(sql($slots), on_shard(0, $slots), 'slots are computed alike');
is((refusal($node, "SELECT videoroom_room_slot('nowhere')"))[0], '22023', 'what is no room_id has none');

# --- grants

is(sql(q{SELECT count(*) FROM pg_proc p WHERE has_function_privilege('relay', p.oid, 'EXECUTE')
    AND p.proname LIKE 'videoroom%' AND p.proname <> 'videoroom_receive_callback'}), 0, 'a relay may do nothing else');
sql('CREATE ROLE stranger LOGIN');
is(sql(q{SELECT count(*) FROM pg_proc p WHERE has_function_privilege('stranger', p.oid, 'EXECUTE')
    AND (p.proname LIKE 'videoroom%')}), 0, 'by default nobody may call anything');
is(sql(q{SELECT has_schema_privilege('stranger', 'sharding', 'USAGE') OR has_table_privilege('stranger', 'videoroom_rooms', 'SELECT')
    OR has_table_privilege('stranger', 'videoroom.callback', 'INSERT') OR has_server_privilege('stranger', 'shards', 'USAGE')}), 'f',
    'nor see anything');
is((refusal($node, q{SELECT videoroom_grant('stranger', 'member')}))[0], '22023', 'who can log in cannot be a member');
sql(q{CREATE ROLE web NOLOGIN; SELECT videoroom_grant('web', 'member');
      CREATE ROLE desk LOGIN; SELECT videoroom_grant('desk', 'reader'); CREATE ROLE ops LOGIN; SELECT videoroom_grant('ops', 'operator');
      CREATE ROLE app LOGIN; SELECT videoroom_grant('app', 'scheduler'); SELECT videoroom_grant('app', 'backend')});
for my $role (qw(scheduler backend relay reader operator)) {
    is($other->safe_psql('rooms_2', qq{SELECT count(*) FROM pg_proc p WHERE p.oid::regproc::text = 'videoroom_create_booking'
        AND has_function_privilege('videoroom_$role', p.oid, 'EXECUTE')}), $role eq 'scheduler' ? 1 : 0,
        "as videoroom_$role the proxy may " . ($role eq 'scheduler' ? 'book' : 'not book'));
}

# --- every flow, on every shard

my (%room, %booking);
for my $shard (0 .. 3) {
    my $its = "shard $shard";
    my $booking = $booking{$shard} = booking_on($shard, 4);
    my $create = "SELECT videoroom_create_booking('$booking', '2030-01-01 10:00+00', '2030-01-01 11:00+00', '{alice,bob}')";
    my $room = sql("SET ROLE app; $create");
    is(sql("SELECT videoroom_room_slot('$room') & 3"), $shard, "$its: booked");
    is(on_shard($shard, "SELECT count(*) FROM videoroom.room WHERE room_id = '$room'"), 1, "$its: the room is there");
    is(sql($create), $room, "$its: asked again, the same room");
    my ($state, $message, $detail) = refusal($node, $create =~ s/bob/carol/r);
    is_deeply([$state, $message, reason($detail), $detail =~ /\Q$room\E/], ['PT409', 'booking has an open room', 'open', 1],
        "$its: asked otherwise, 409 with the shard's own message and detail");
    is_deeply(refused("SELECT videoroom_join('$room', 'alice')"), ['PT403', 'not-open'], "$its: not open yet");

    my $now = sql("SELECT videoroom_reschedule('$booking', now() + interval '5 min', now() + interval '1 hour')");
    isnt($now, $room, "$its: rescheduled");
    my $sid = wait_until { on_shard($shard, "SELECT room_sid FROM videoroom.session WHERE room_id = '$now'") } 20, 'the room';
    my ($named, $its_sid, $link, $token) = row($node, "SET ROLE app; SELECT room_id, room_sid, link, token FROM videoroom_join('$room', 'alice')");
    is_deeply([$named, $its_sid, $link], [$now, $sid, "https://app.example/room/$now#token=$token"], "$its: the old link joins the new room");
    is($twilio->sim(POST => 'connect', { token => $token })->{identity}, 'alice', "$its: Twilio lets alice in");
    is_deeply(refused("SELECT videoroom_join('$now', 'mallory')"), ['PT403', 'not-participant'], "$its: a stranger is refused");
    is((row($node, qq{SET request.jwt.claims = '{"sub": "bob"}'; SET ROLE web; SELECT user_id FROM videoroom_join('$room')}))[0], 'bob',
        "$its: who joins behind PostgREST is who the claims name");

    wait_until { (row($node, "SELECT connected FROM videoroom_rooms WHERE room_id = '$now'"))[0] == 1 } 20, 'the callback';
    is_deeply([map { on_shard($_, "SELECT count(*) > 0 FROM videoroom.callback WHERE room_id = '$now'") } 0 .. 3],
        [map { $_ == $shard ? 't' : 'f' } 0 .. 3], "$its: its callbacks came to it and to no other");
    is(sql("SELECT string_agg(user_id || ' ' || status, ',' ORDER BY user_id) FROM videoroom_participants WHERE room_id = '$now'"),
        'alice connected,bob invited', "$its: and are seen in the lists");

    sql("SELECT videoroom_extend('$booking', now() + interval '2 hours'); SELECT videoroom_add_participants('$room', '{carol}');
         SELECT videoroom_remove_participant('$room', 'bob')");
    is(sql("SELECT (videoroom_get('$now') ->> 'ends_at')::timestamptz > now() + interval '110 min'"), 't', "$its: extended");
    is((row($node, "SELECT user_id FROM videoroom_join('$now', 'carol')"))[0], 'carol', "$its: added");
    is_deeply(refused("SELECT videoroom_join('$now', 'bob')"), ['PT403', 'removed'], "$its: removed");
    $room{$shard} = $now;
}
is_deeply(refused("SELECT videoroom_join('nowhere', 'alice')"), ['PT404', 'unknown'], 'what is no room_id is not found');
is_deeply(refused('SELECT videoroom_join(\'000' . 'a' x 22 . '\', \'alice\')'), ['PT404', 'unknown'], 'nor is a room that there is not');
is_deeply(refused("SELECT videoroom_cancel('no such booking')"), ['PT404', 'unknown'], 'nor such a booking');
is_deeply([refusal($node, q{SELECT videoroom_create_booking('', now(), now() + interval '1 hour', '{alice}')})],
    ['22023', 'booking_id must not be empty', ''], 'bad input is refused in the extension\'s words');
for (['no-claim', '', '{', '[]', '{"name": "bob"}', '{"sub": "a\\u0000b"}'], ['bad-claim', map { qq({"sub": $_}) } 'null', '7.0', '""', '"a\\u0007b"', '["bob"]']) {
    my ($reason, @claims) = @$_;
    is_deeply(refused("SET request.jwt.claims = '$_'; SET ROLE web; SELECT videoroom_join('$room{0}')"), ['PT401', $reason],
        "claims <$_> name nobody: $reason") for @claims;
}
is_deeply(refused("SET request.jwt.claims = '{\"sub\": 7}'; SET ROLE web; SELECT videoroom_join('$room{0}')"), ['PT403', 'not-participant'],
    'an integer is its digits');
is((refusal($node, "SET ROLE web; SELECT videoroom_join('$room{0}', 'bob')"))[0], '42501', 'a member cannot name another');
is((refusal($node, "SET ROLE web; SELECT sharding.videoroom_join('$room{0}', 'bob')"))[0], '42501', 'nor go round the proxy\'s function');

is(sql(q{SET ROLE desk; SELECT count(*) FROM videoroom_rooms WHERE status = 'in-progress'}), 4, 'lists are of all shards');
like(sql(q{EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM videoroom_rooms WHERE booking_id = 'visit-1'}),
    qr/rooms_2\.videoroom_rooms.*\n.*\n.*Remote SQL: .* WHERE \(\(booking_id = 'visit-1'\)\)/, 'and what they look for is looked up on the shards');

# --- callbacks

sub signature { return hmac_sha1_base64($_[0], Simulator::TOKEN) . '=' }

sub callback {
    my ($room, $to) = @_;
    my %of = (AccountSid => Simulator::ACCOUNT, RoomName => $room, RoomSid => 'RM' . 'a' x 32, RoomStatus => 'in-progress', RoomType => 'group',
        StatusCallbackEvent => 'room-created', SequenceNumber => 0, Timestamp => '2026-01-01T10:00:00.000Z');
    return (Simulator::form_encode(\%of), signature($to . join '', map { $_ . $of{$_} } sort keys %of));
}

sub post {
    my ($body, $signature) = @_;
    return HTTP::Tiny->new(timeout => 20)->request(POST => $relay->url, { content => $body, headers => {
        'Content-Type' => 'application/x-www-form-urlencoded', 'X-Twilio-Signature' => $signature } })->{status};
}

my ($body, $signature) = callback('somebody-elses', $relay->url);
is(post($body, 'x' x 27 . '='), 403, 'a forged callback is refused, and the relay says so');
is(post($body, $signature), 204, 'a genuine one of a room that is not ours is taken');
is(on_shard(0, q{SELECT outcome FROM videoroom.callback WHERE room_id = 'somebody-elses' OR body LIKE '%somebody-elses%'}), 'ignored', 'and kept aside');
sql(q{CREATE ROLE hook NOLOGIN; SELECT videoroom_grant('hook', 'relay')});
my $later = sql(sprintf q{SELECT videoroom_create_booking('%s', '2030-01-01 10:00+00', '2030-01-01 11:00+00', '{ann}')}, booking_on(3, 4));
($body, $signature) = callback($later, $relay->url);
my $receive = "SET ROLE hook; SELECT videoroom_receive_callback('$body')";
is_deeply(refused($receive), ['PT403', 'forged'], 'behind PostgREST one without a signature is refused');
sql(qq{SET request.headers = '{"host": "api", "X-Twilio-Signature": "$signature"}'; $receive});
is(on_shard(3, "SELECT outcome FROM videoroom.callback WHERE room_id = '$later'"), 'applied', 'and one with it goes to its shard');

# --- the operator

wait_until { sql(q{SET ROLE ops; SELECT count(DISTINCT shard) || ' ' || bool_and(ok) FROM videoroom_health()}) eq '4 true' } 20,
    'all to be well';
pass('health tells of every shard');
is(sql(q{SET ROLE ops; SELECT string_agg(shard, ' ' ORDER BY shard) FROM videoroom_stats() WHERE joins_ok > 0 AND calls_ok > 0 AND paused IS NULL}),
    'rooms_0 rooms_1 rooms_2 rooms_3', 'and stats');

# The number of the row that makes a room of a shard's in years.
sub far_call {
    my ($shard) = @_;
    my $far = sql(sprintf q{SELECT videoroom_create_booking('%s', '2030-01-01 10:00+00', '2030-01-01 11:00+00', '{ann}')}, booking_on($shard, 4));
    return ($far, on_shard($shard, "SELECT id FROM videoroom.outbox WHERE room_id = '$far'"));
}
my ($far, $call) = far_call(3);
is_deeply(refused("SELECT videoroom_discard($call, 'rooms_3')"), ['PT409', 'alive'], 'a call that lives is not discarded');
on_shard(3, "UPDATE videoroom.outbox SET dead_at = now() WHERE id = $call");
my ($line) = sql("SELECT detail FROM videoroom_explain('$far') WHERE verdict = 'given up'") =~ /(videoroom_retry\([^)]*\))/;
is($line, "videoroom_retry($call, 'rooms_3')", 'explain gives the line to run here');
is_deeply([(refusal($node, "SELECT videoroom_retry($call)"))[0, 1]], ['22023', 'the number of an outbox row needs its shard\'s name'],
    'a number without its shard is refused');
is_deeply([(refusal($node, "SELECT videoroom_retry($call, 'rooms_9')"))[0, 1]], ['22023', q{there is no shard 'rooms_9'}],
    'and so is a shard that there is not');
is(sql("SET ROLE ops; SELECT $line"), 1, 'that line retries the call');
for my $shard (0, 2) {
    my (undef, $id) = far_call($shard);
    on_shard($shard, "UPDATE videoroom.outbox SET dead_at = now() WHERE id = $id");
}
is(sql('SELECT videoroom_retry()'), 2, 'without a number it is all shards\'');
my (undef, $dropped) = far_call(1);
on_shard(1, "UPDATE videoroom.outbox SET dead_at = now() WHERE id = $dropped");
sql("SET ROLE ops; SELECT videoroom_discard($dropped, 'rooms_1')");
is(on_shard(1, "SELECT count(*) FROM videoroom.outbox WHERE id = $dropped"), 0, 'one that was given up is discarded on its shard');
cmp_ok(sql(q{SELECT videoroom_replay(now() - interval '1 hour')}), '>=', 8, 'replay is of all shards');
is_deeply(refused(q{SELECT videoroom_erase('alice')}), ['PT409', 'expected'], 'who is expected is not erased');

# --- cancel and end

sql("SELECT videoroom_cancel('$booking{$_}', 'ill')") for 0, 2;
sql("SET ROLE app; SELECT videoroom_end('$room{$_}')") for 1, 3;
for my $shard (0 .. 3) {
    wait_until { $twilio->sim(GET => "rooms?room=$room{$shard}")->[0]{status} eq 'completed' } 20, 'Twilio to be told';
    is_deeply(refused("SELECT videoroom_join('$room{$shard}', 'alice')"), ['PT404', $shard % 2 ? 'over' : 'cancelled'],
        "shard $shard: " . ($shard % 2 ? 'ended' : 'cancelled') . ', at Twilio too');
}
wait_until { sql(q{SELECT bool_and(final) FROM videoroom_rooms WHERE closed_at IS NOT NULL}) eq 't' } 20, 'the ends';
$twilio->delivered;
is(sql(q{SELECT videoroom_erase('alice')}), 8, 'who is not expected any more is erased, on every shard');
is(sql(q{SELECT count(*) FROM videoroom_participants WHERE user_id = 'alice'}), 0, 'and is gone from the lists');

# --- one server down

my %alive = map { $_ => book($_) } 0 .. 3;
my $in_progress = sprintf q{SELECT count(*) FROM videoroom_rooms WHERE status = 'in-progress' AND room_id IN ('%s')}, join q{', '}, values %alive;
wait_until { sql($in_progress) == 4 } 20, 'four rooms';
$twilio->delivered;
$other->stop('immediate');
my $stranded = booking_on(2, 4);
for my $call ("videoroom_join('$alive{2}', 'ann')", "videoroom_get('$alive{2}')", "videoroom_cancel('$stranded')",
    "videoroom_create_booking('$stranded', now() + interval '5 min', now() + interval '1 hour', '{ann}')") {
    my ($state, $message, $detail) = refusal($node, "SELECT $call");
    is_deeply([$state, $message, $detail], ['PT503', 'shard unreachable', '{"reason":"unreachable","shard":"rooms_2"}'],
        ($call =~ /(\w+)/)[0] . ': the shard that is down is named, and nothing else of it');
}
is((row($node, "SELECT user_id FROM videoroom_join('$alive{0}', 'ann')"))[0], 'ann', 'people join on the other shards');
my $meanwhile = book(1);
wait_until { on_shard(1, "SELECT count(*) FROM videoroom.session WHERE room_id = '$meanwhile'") } 20, 'a room to be made meanwhile';
ok(1, 'rooms are booked and made there');
my ($state, $message) = refusal($node, 'SELECT * FROM videoroom_rooms');
like("$state $message", qr/^08001 could not connect to server "rooms_[23]"/, 'a list fails, rather than leave rooms out, and says of which shard');
cmp_ok(sql('SET ROLE videoroom_reader; SELECT count(*) FROM rooms_0.videoroom_rooms'), '>', 0, 'the lists of the other shards can be read one by one');
is(sql(q{SELECT string_agg(DISTINCT shard, ' ' ORDER BY shard) FROM videoroom_health() WHERE NOT ok AND name = 'shard'}), 'rooms_2 rooms_3',
    'health says which are down');
wait_until { sql(q{SELECT bool_and(ok) FROM videoroom_health() WHERE shard IN ('rooms_0', 'rooms_1')}) eq 't' } 20, 'the others to be well';
pass('and how the others are');
is(sql(q{SELECT string_agg(shard || ' ' || coalesce(paused, 'well'), ', ' ORDER BY shard) FROM videoroom_stats()}),
    'rooms_0 well, rooms_1 well, rooms_2 unreachable, rooms_3 unreachable', 'and so does stats');
is_deeply(refused('SELECT videoroom_retry()'), ['PT503', 'unreachable'], 'what is for all shards is refused');
is(post(callback($alive{2}, $relay->url)), 503, 'a callback for it is answered 503, so that Twilio sends it again');
is(post(callback($meanwhile, $relay->url)), 204, 'one for another shard is taken');

$other->start;
wait_until { ($node->psql('postgres', "SELECT videoroom_get('$alive{2}')"))[0] == 0 } 30, 'the shard to be back';
is((row($node, "SELECT user_id FROM videoroom_join('$alive{2}', 'ann')"))[0], 'ann', 'when it is back its people join');
# The relay's session may find its connection gone once more: 503, and Twilio repeats.
wait_until { post(callback($alive{2}, $relay->url)) == 204 } 20, 'its callbacks to be taken';
is(sql($in_progress), 4, 'the lists are whole again');

# --- a map that is out of date

($state) = refusal($node, qq{ALTER SERVER shards OPTIONS (SET p0 '@{[conninfo($node, 'rooms_1')]}');
    SELECT videoroom_create_booking('@{[booking_on(0, 4)]}', now() + interval '5 min', now() + interval '1 hour', '{ann}')});
is($state, '23514', 'a shard refuses bookings that are another\'s');

undef $relay;
is($twilio->violations, 0, 'no request violated the contract');
$_->stop('fast') for $node, $other;
never_crashed($node);
done_testing();
