# A switch by logical replication: the new server has every row, no sequence and no worker of the old one's; it says so, and
# goes on where the old one stood once it is told to.
use strict;
use warnings;
use Steps qw(set_config);
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my %settings = (simulator => $twilio, join_early => '1h', reconcile_interval => '1d');
my $old = new_node(name => 'old', %settings, conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
my $new = new_node(name => 'new', %settings, enabled => 'off');
my $patience = 60;

sub book { my ($node, $name) = @_; return $node->safe_psql('postgres',
    "SELECT videoroom_create_booking('$name', now() + interval '5 min', now() + interval '1 hour', '{ann,ben}')") }
sub made { my ($node, $room) = @_; return wait_until { $node->safe_psql('postgres',
    "SELECT room_sid FROM videoroom.session WHERE room_id = '$room'") } $patience, "room $room" }
sub booking_fails { my ($node) = @_; return join ' ', (refusal($node,
    q{SELECT videoroom_create_booking('fails', now(), now() + interval '1 hour', '{ann}')}))[0 .. 1] }
sub rows { my ($node) = @_; return { map { $_ => $node->safe_psql('postgres', "SELECT t FROM videoroom.$_ t ORDER BY t::text") }
    qw(home room participant session connection outbox callback event) } }

my $relay = start_relay($old);
my %room = map { $_ => book($old, $_) } qw(before meanwhile-1);
made($old, $room{before});
$twilio->join($room{before}, 'ann');
$twilio->delivered;

$old->safe_psql('postgres', 'CREATE PUBLICATION rooms FOR TABLES IN SCHEMA videoroom');
$new->safe_psql('postgres', sprintf q{CREATE SUBSCRIPTION rooms CONNECTION '%s' PUBLICATION rooms}, $old->connstr('postgres') =~ s{'}{''}gr);
$new->wait_for_subscription_sync($old, 'rooms');
$room{'meanwhile-2'} = book($old, 'meanwhile-2');
made($old, $room{'meanwhile-2'});
$old->safe_psql('postgres', q{SELECT videoroom_update('before', '{"ward": 8}'), videoroom_cancel('meanwhile-1')});
$twilio->leave($twilio->join($room{'meanwhile-2'}, 'ben')->{participant_sid});
$twilio->delivered;

# The old one stops, with a call that is due.
set_config($old, enabled => 'off');
wait_until { !workers($old, 'postgres') } $patience, 'the old worker to leave';
$room{due} = book($old, 'due');
undef $relay;
$old->wait_for_catchup('rooms');
is_deeply(rows($new), rows($old), 'the new server has every row of the old one, applied there once');
$old->stop('fast');
$new->safe_psql('postgres', 'ALTER SUBSCRIPTION rooms DISABLE; ALTER SUBSCRIPTION rooms SET (slot_name = NONE); DROP SUBSCRIPTION rooms');

set_config($new, enabled => 'on');
like((health($new, 'home'))[1], qr/^the rooms are another database's/, 'it knows that it is a copy');
like(booking_fails($new), qr/^55000 /, 'and books nothing');
is($new->safe_psql('postgres', "SELECT count(*) FROM videoroom.session WHERE room_id = '$room{due}'"), 0, 'nor calls Twilio');

# Whoever replicates all but home meets the identities.
$new->safe_psql('postgres', 'CREATE TABLE kept AS TABLE videoroom.home; DELETE FROM videoroom.home');
like((health($new, 'home'))[1], qr/^ids that are given out are taken already, in videoroom\.outbox, videoroom\.callback, videoroom\.event: /,
    'without home it tells of the identities');
like(booking_fails($new), qr/^23505 /, 'which no booking could do without');
$new->safe_psql('postgres', 'INSERT INTO videoroom.home TABLE kept');

$new->safe_psql('postgres', 'SELECT videoroom_adopt(true)');
ok((health($new, 'home'))[0], 'adopted, it is well');
$relay = start_relay($new);
set_config($new, callback_url => $relay->url);
made($new, $room{due});
pass('it makes what was due');
my $fresh = book($new, 'fresh');
made($new, $fresh);
$twilio->join($fresh, 'ann');
$twilio->delivered;
is($new->safe_psql('postgres', "SELECT connected FROM videoroom_rooms WHERE room_id = '$fresh'"), 1, 'books, makes and hears of new rooms');
is(scalar(@{ $twilio->sim(GET => "rooms?room=$room{before}") }), 1, 'and has made no room twice');
isnt($new->safe_psql('postgres', "SELECT room_sid FROM videoroom_join('$room{before}', 'ben')"), '', 'people join what was made before');
is($twilio->violations, 0, 'no request violated the contract');
$new->stop('fast');
never_crashed($new);
done_testing();
