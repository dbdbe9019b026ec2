# Everything that can die dies, again and again, while clients book and people come and go: at the end Twilio's ledger and our
# tables agree, nothing that was committed is lost, and no room is doubled. STORM_MINUTES makes it longer, STORM_SEED repeats one.
use strict;
use warnings;
use Storm;
use Test::More;
use Time::HiRes 'time';
use VideoroomTest;
use Watch;

my $seed = $ENV{STORM_SEED} // int(time) % 1_000_000;
my $minutes = $ENV{STORM_MINUTES} // 1;
my $patience = 120;    # seconds: the machine is busy
srand $seed;
END { diag("STORM_SEED=$seed repeats it") if $? }

my $twilio = start_simulator('--no-rate-limit');
$twilio->set(ledger_limit => 1_000_000);
my $node = new_node(
    name => 'storm', simulator => $twilio, join_early => '1h', join_wait => '200ms', request_timeout => '1s', retry_cap => '1s',
    reconcile_interval => '1s', writes_per_second => 10000, reads_per_second => 10000,
    conf => "max_connections = 60\nrestart_after_crash = on\nfsync = on");
my $relay = start_relay($node);
my $storm = Storm->new(node => $node, twilio => $twilio, clients => 4);
$storm->rage(60 * $minutes);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub pairs { return map { split /\t/, $_, 2 } split /\n/, $node->safe_psql('postgres', $_[0], extra_params => ['-F', "\t"]) }

# --- the calm after it

wait_for_server($node);
$twilio->delivered;
my $left = q{SELECT json_agg(o)::text FROM videoroom.outbox o WHERE run_at <= now() + interval '5 s' OR action = 'create-room'
    UNION ALL SELECT json_agg(c)::text FROM videoroom.callback c WHERE applied_at IS NULL};
my $seen = q{SELECT json_agg(s)::text FROM videoroom_stats() s UNION ALL SELECT json_agg(h)::text FROM videoroom_health() h
    UNION ALL SELECT json_agg(a)::text FROM pg_stat_activity a WHERE datname IS NOT NULL};
eval {
    wait_until { sql($left) =~ /^\s*$/ } $patience, 'nothing to be left to do';
    1;
} or die sql($left), "\n", sql($seen), "\n", $@;
$twilio->delivered;
sql('SELECT 1');

my %survived = %{ $storm->survived };
note 'survived, in ', $minutes, ' min: ', join ', ', map { "$survived{$_} $_" } sort keys %survived;
diag 'survived: ', join ', ', map { "$survived{$_} $_" } sort keys %survived if $minutes > 1;

# --- bookings

my %room_of = pairs('SELECT booking_id, room_id FROM videoroom.room WHERE closed_at IS NULL');
my %want = %{ $storm->booked };
is_deeply({ map { $_ => $room_of{$_} } keys %want }, \%want, 'every committed booking is there, with the room_id that was given');
my %cancelled = pairs('SELECT booking_id, count(*) FILTER (WHERE cancelled_at IS NULL) FROM videoroom.room GROUP BY booking_id');
is_deeply([grep { ($cancelled{$_} // -1) != 0 } sort keys %{ $storm->gone }], [], 'every committed cancellation is there');

# --- rooms at Twilio

my @rooms = @{ $twilio->sim(GET => 'rooms') };
my (%live, %ever, %timed_out);
for my $room (@rooms) {
    # In a long storm rooms that stand empty end by themselves, and are made again for who comes.
    if (grep { $_->{what} eq 'room-ended' && ($_->{why} // '') =~ /^(?:empty|unused)$/ } @{ $room->{history} }) {
        $timed_out{ $room->{unique_name} } = 1;
        next;
    }
    push @{ $ever{ $room->{unique_name} } }, $room->{sid};
    push @{ $live{ $room->{unique_name} } }, $room->{sid} if $room->{status} eq 'in-progress';
}
my %open = map { $_ => 1 } values %room_of;
my $not_once = sub {
    my ($of) = @_;
    return [sort grep { my $count = @{ $of->{$_} // [] }; $count > 1 || ($count == 0 && !$timed_out{$_}) } keys %open];
};
is_deeply($not_once->(\%live), [], 'each open booking has exactly one live room');
is_deeply($not_once->(\%ever), [], 'and never had another');
is_deeply([sort grep { !$open{$_} } keys %live], [], 'no room is live whose booking is cancelled, or that nobody booked');

# --- facts

my %ended = pairs('SELECT room_sid, ended_at IS NOT NULL FROM videoroom.session');
is_deeply({ map { $_->{sid} => $_->{status} eq 'in-progress' ? 'f' : 't' } @rooms }, \%ended,
    'every room that Twilio ever made is a session of ours, and over when it is over there');
my %left = pairs('SELECT participant_sid, disconnected_callback IS NOT NULL FROM videoroom.connection');
my @heard = $storm->heard;
my @lost = grep {
    my %of = %{ $_->{params} };
    my ($event, $stay) = @of{qw(StatusCallbackEvent ParticipantSid)};
    $event eq 'participant-connected' ? !defined $left{$stay} : $event eq 'participant-disconnected' ? ($left{$stay} // '') ne 't' : !defined $ended{ $of{RoomSid} };
} @heard;
is_deeply(\@lost, [], 'no callback that was taken was lost');
is(sql('SELECT count(*) - count(DISTINCT body) FROM videoroom.callback'), 0, 'nor kept twice');

# --- the outbox

is(sql('SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NOT NULL'), 0, 'no call was given up');
is(sql('SELECT count(*) FROM videoroom.outbox WHERE run_at <= now()'), 0, 'none is stuck');
is(sql(q{SELECT count(*) FROM videoroom.session s JOIN videoroom.room r USING (room_id) WHERE s.ended_at IS NULL
    AND NOT EXISTS (SELECT FROM videoroom.outbox o WHERE o.room_id = r.room_id AND o.action = 'complete-room')}), 0,
    'and every open session will be ended');
is($twilio->violations, 0, 'no request violated the contract');
$relay = undef;
$node->stop('fast');
is_deeply([grep { !/signal 9/ } log_lines($node, qr/PANIC|TRAP|was terminated by signal/)], [], 'nothing crashed but what was killed');
done_testing();
