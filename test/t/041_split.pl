# Four shards become five, as each of them would on the way to eight, while people are in calls and bookings come in: every room
# is afterwards on one shard and the right one, no call notices, Twilio is never asked for a room twice, and links that were
# sent out before go on.
use strict;
use warnings;
use Shards;
use Steps qw(ask in_progress_at session);
use Test::More;
use VideoroomTest;
use Watch qw(never_crashed);

skip_without_plproxy();

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(name => 'split', simulator => $twilio, extension => 0, conf => 'max_worker_processes = 20');
set_up($node, map { [$node, "rooms_$_"] } 0 .. 3);
my $relay = start_relay($node);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A booking whose window is open and whose room is there, for slots with slot & 7 = n.
sub book {
    my ($n) = @_;
    my $booking = booking_on($n, 8);
    my $room = sql("SELECT videoroom_create_booking('$booking', now() + interval '5 min', now() + interval '1 hour', '{ann,ben}')");
    wait_until { in_progress_at($twilio, $room) } 20, 'the room';
    return { booking => $booking, room => $room };
}

# --- before: in both halves of shard 1 a call, a moved booking, and one of tomorrow; a booking elsewhere

my (%live, %moved, %tomorrow);
for my $n (1, 5) {
    $live{$n} = book($n);
    $twilio->join($live{$n}{room}, 'ann');
    $moved{$n} = book($n);
    $moved{$n}{old} = $moved{$n}{room};
    $moved{$n}{room} = sql("SELECT videoroom_reschedule('$moved{$n}{booking}', now() + interval '10 min', now() + interval '30 min')");
    $tomorrow{$n} = booking_on($n, 8);
    sql("SELECT videoroom_create_booking('$tomorrow{$n}', now() + interval '1 day', now() + interval '25 hours', '{ann}')");
}
my $elsewhere = book(2);
wait_until { sql("SELECT count(*) FROM videoroom_rooms WHERE connected = 1") == 2 } 20, 'the callbacks';
my $session = sub { sql("SELECT room_sid FROM videoroom_join('$_[0]', 'ben')") };
my %sid = map { $_ => $session->($_) } map { $_->{room} } values %live, values %moved;

# --- the split, with a client that books once in 20 ms and asks again until it has its room

my $start = sql('SELECT now()');
my $client = ask($node, qq{DO \$\$
    DECLARE
        taken boolean;
    BEGIN
        FOR i IN 1 .. 150 LOOP
            taken := false;
            WHILE NOT taken LOOP
                BEGIN
                    PERFORM videoroom_create_booking('load-' || i, '$start', timestamptz '$start' + interval '3 hours', '{ann}');
                    taken := true;
                EXCEPTION WHEN SQLSTATE 'PT503' OR SQLSTATE '55000' THEN
                    NULL;
                END;
                COMMIT;
                PERFORM pg_sleep(0.02);
            END LOOP;
        END LOOP;
    END \$\$});
my $open = session($node);
$open->do("BEGIN; SELECT videoroom_get('$live{5}{room}')");
wait_until { sql(q{SELECT count(*) FROM videoroom_rooms WHERE booking_id LIKE 'load-%'}) > 10 } 30, 'some bookings';
split_shard($node, 'rooms_1', 'rooms_5');
is($client->answer(240)->{state}, '', 'who asks again until a booking is taken gets every room');
ok($open->do("SELECT videoroom_get('$live{5}{room}')")->{lost}, 'a transaction that kept the map of before was ended');

# --- after

is(sql(q{SELECT string_agg(partition || ' ' || shard, ', ' ORDER BY partition) FROM sharding.map}),
    '0 rooms_0, 1 rooms_1, 2 rooms_2, 3 rooms_3, 4 rooms_0, 5 rooms_5, 6 rooms_2, 7 rooms_3', 'the map');
wait_until { sql(q{SELECT bool_and(ok) FROM videoroom_health() WHERE name <> 'outbox'}) eq 't' } 20, 'all shards to be well';
pass('all shards are well');
my %has = (rooms_0 => [0, 4], rooms_1 => [1], rooms_2 => [2, 6], rooms_3 => [3, 7], rooms_5 => [5]);
for my $shard (sort keys %has) {
    is($node->safe_psql($shard, 'SELECT count(*) FROM videoroom.room WHERE NOT videoroom_room_slot(room_id) & 7 = ANY (ARRAY['
        . join(',', @{ $has{$shard} }) . '])'), 0, "$shard has rooms of its own slots only");
}
is(sql(q{SELECT count(*) || ' ' || count(DISTINCT booking_id) FROM videoroom_rooms WHERE booking_id LIKE 'load-%'}), '150 150',
    'what was booked meanwhile is there, once');
for my $n (1, 5) {
    my $shard = "rooms_$n";
    is($session->($live{$n}{room}), $sid{ $live{$n}{room} }, "$shard: the call goes on, and people join it");
    is($session->($moved{$n}{old}), $sid{ $moved{$n}{room} }, "$shard: a link from before the move joins the new room");
    is($node->safe_psql($shard, "SELECT count(*) FROM videoroom.outbox o JOIN videoroom.room r USING (room_id)
        WHERE r.booking_id = '$tomorrow{$n}' AND o.action = 'create-room' AND o.dead_at IS NULL"), 1, "$shard: tomorrow's room will be made");
    $twilio->join($live{$n}{room}, 'ben');
    wait_until { (row($node, "SELECT connected FROM videoroom_rooms WHERE room_id = '$live{$n}{room}'"))[0] == 2 } 20, 'the callback';
    is($node->safe_psql($shard, "SELECT count(*) FROM videoroom.connection c JOIN videoroom.session s USING (room_sid)
        WHERE s.room_id = '$live{$n}{room}'"), 2, "$shard: callbacks of a room from before come to it");
    my $fresh = book($n);
    is($node->safe_psql($shard, "SELECT count(*) FROM videoroom.room WHERE room_id = '$fresh->{room}'"), 1, "$shard: new bookings come to it");
    my $again = sql("SELECT videoroom_reschedule('$live{$n}{booking}', now() + interval '10 min', now() + interval '40 min')");
    wait_until { !in_progress_at($twilio, $live{$n}{room}) } 20, 'the end of the moved call';
    is($session->($live{$n}{room}), $session->($again), "$shard: it ends rooms from before, and their links follow");
}
my ($state) = refusal($node, sprintf q{ALTER SERVER shards OPTIONS (SET p5 '%s');
    SELECT videoroom_create_booking('%s', now(), now() + interval '1 hour', '{ann}')}, conninfo($node, 'rooms_1'), booking_on(5, 8));
is($state, '23514', 'a proxy with the map of before is refused');
sql(sprintf q{ALTER SERVER shards OPTIONS (SET p5 '%s')}, conninfo($node, 'rooms_5'));

# Each room of ours was made once, and of those that nobody ended each is in progress.
wait_until { sql(q{SELECT count(*) FROM videoroom_rooms WHERE status = 'in-progress' AND booking_id LIKE 'load-%'}) == 150 } 60, 'the rooms';
my %made;
$made{ $_->{unique_name} }++ for @{ $twilio->sim(GET => 'rooms') };
is_deeply([grep { $made{$_} != 1 } keys %made], [], 'no room was made twice at Twilio');
is(scalar(in_progress_at($twilio, $elsewhere->{room})), 1, 'and none was ended by the way');

# --- another, whose partitions are there already; and the original, which stays closed

split_shard($node, 'rooms_2', 'rooms_6');
is(sql(q{SELECT string_agg(shard, ' ' ORDER BY partition) FROM sharding.map}),
    'rooms_0 rooms_1 rooms_2 rooms_3 rooms_0 rooms_5 rooms_6 rooms_3', 'the next one needs no larger map');
is(scalar(in_progress_at($twilio, $elsewhere->{room})), 1, 'its call goes on');
is(sql(q{SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datallowconn AND datname LIKE 'rooms%'}),
    'rooms_1_before rooms_2_before', 'the originals are closed');

undef $relay;
is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
never_crashed($node);
done_testing();
