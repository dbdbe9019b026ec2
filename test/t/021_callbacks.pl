# Status callbacks, from Twilio's POST to the rows: what is genuine comes in once and is applied, what is not stays out, and
# nothing genuine is lost while the database is away or a client is in the way.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha1_base64 hmac_sha256_base64);
use HTTP::Tiny;
use POSIX 'strftime';
use Steps qw(set_config);
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'callbacks', simulator => $twilio, join_early => '1h', reconcile_interval => '1d');
my $relay = start_relay($node);
# A connection each: the relay may close a kept one just as it is used again.
my $http = HTTP::Tiny->new(timeout => 20, max_redirect => 0, keep_alive => 0);
my $number = 0;

# The parameters of a callback that says a room was made; each call gives another one.
sub event {
    my ($room, %more) = @_;
    my %params = (
        AccountSid => Simulator::ACCOUNT, RoomName => $room, RoomSid => 'RM' . 'a' x 32, RoomStatus => 'in-progress',
        RoomType => 'group', StatusCallbackEvent => 'room-created', SequenceNumber => $number++,
        Timestamp => strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime), %more);
    delete @params{grep { !defined $params{$_} } keys %params};
    return \%params;
}

sub signed_text {
    my ($url, $params) = @_;
    my $text = $url . join '', map { $_ . $params->{$_} } sort keys %$params;
    utf8::encode($text);
    return $text;
}
sub signature { my ($url, $params, $token) = @_; return hmac_sha1_base64(signed_text($url, $params), $token // Simulator::TOKEN) . '=' }

sub body { return Simulator::form_encode($_[0]) }

# The relay's answer to a POST such as Twilio's. Names: url (the signed one), token, signature, body.
sub post {
    my ($params, %given) = @_;
    my $signature = exists $given{signature} ? $given{signature} : signature($given{url} // $relay->url, $params, $given{token});
    my $answer = $http->request(POST => $given{to} // $relay->url, {
        headers => {
            'Content-Type' => 'application/x-www-form-urlencoded; charset=UTF-8',
            defined $signature ? ('X-Twilio-Signature' => $signature) : () },
        content => $given{body} // body($params) });
    return $answer->{status};
}

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub kept { return sql('SELECT count(*) FROM videoroom.callback') }
sub last_row { return [row($node, 'SELECT outcome, error FROM videoroom.callback ORDER BY id DESC LIMIT 1')] }

sub book {
    my ($name) = @_;
    return sql("SELECT videoroom_create_booking('$name', now() + interval '5 min', now() + interval '1 hour', '{ann,ben}')");
}

# A booking whose room nobody makes before tomorrow: what is known of it comes from the test's own callbacks.
sub book_later {
    my ($name) = @_;
    return sql("SELECT videoroom_create_booking('$name', now() + interval '30 hours', now() + interval '31 hours', '{ann,ben}')");
}

# The callbacks that Twilio sent about a room, once all are on their way no more.
sub deliveries {
    my ($room) = @_;
    $twilio->delivered;
    return @{ $twilio->sim(GET => "callbacks?room=$room") };
}

# --- genuine

my $room = book_later('by-hand');
my $created = event($room);
is(post($created), 204, 'a signed callback is taken');
is_deeply(last_row(), ['applied', ''], 'and applied');
is(sql("SELECT status FROM videoroom.room WHERE room_id = '$room'"), 'in-progress', 'so that the room is in progress');
my $before = kept();
is(post($created), 204, 'an exact repeat is taken too');
is(kept(), $before, 'but not stored again');
my $odd = event($room, StatusCallbackEvent => 'participant_connected', ParticipantSid => 'PA' . 'b' x 32,
    ParticipantStatus => 'connected', ParticipantIdentity => "Zo\x{eb} +&=%");
is(post($odd), 204, 'an event with an underscore and an identity with all sorts of characters is taken');
is(sql("SELECT count(*) FROM videoroom.connection WHERE user_id = U&'Zo\\00eb +&=%'"), 1, 'and the identity is what Twilio said');
is(post(event($room, Unheard => 'of')), 204, 'a parameter that Twilio has added since does no harm');
is(last_row()->[0], 'duplicate', 'news that is no news is a duplicate');

# --- forged

$before = kept();
my $forged = event($room, StatusCallbackEvent => 'room-ended');
is(post($forged, signature => signature($relay->url, $created)), 403, 'a callback with another one\'s signature is refused');
is(post($forged, signature => signature('http://127.0.0.1/elsewhere', $forged)), 403, 'one signed for another URL is refused');
is(post($forged, token => 'f' x 32), 403, 'one signed with another token is refused');
is(post($forged, signature => undef), 403, 'one without a signature is refused');
is(post($forged, body => body($forged) . '&Extra=1'), 403, 'one with something added is refused');
is(kept(), $before, 'and none of them is kept');
is(sql("SELECT status FROM videoroom.room WHERE room_id = '$room'"), 'in-progress', 'nor has it any effect');
ok(scalar(log_lines($node, qr/ERROR:  callback not verified/)), 'the log tells of it');

# --- genuine, but not to be applied

sub unapplied {
    my ($outcome, $params, $reason, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $before = kept();
    is(post($params), 204, "$what is taken");
    is_deeply([kept() - $before, @{ last_row() }], [1, $outcome, $reason], "and kept as $outcome, with the reason");
}
sub ignored { return unapplied('ignored', @_) }
sub not_understood { return unapplied('not-understood', @_) }
ignored(event($room, AccountSid => 'AC' . 'f' x 32), 'the account is another', 'a callback of another account');
ignored(event('standup'), 'the room is not one of ours', 'one about a room that was not made here');
ignored(event('000' . 'x' x 22), 'not about a room of ours', 'one about a room that nobody booked');
ignored(event($room, StatusCallbackEvent => 'recording-started'), 'the event is none of a room, participant or track',
    'one about a recording');
ok((health($node, 'callbacks'))[0], 'all that is no failure');
not_understood(event($room, Timestamp => undef), 'Timestamp is missing', 'one that lacks something');
not_understood(event($room, RoomSid => 'RM1'), 'RoomSid is malformed', 'one with a malformed SID');
like((health($node, 'callbacks'))[1], qr/^not understood in the last 24 hours: 2, /, 'health tells of what was not understood');
sql(q{DELETE FROM videoroom.callback WHERE outcome = 'not-understood'});

# --- too large

my $large = event($room, Padding => 'x' x 66_000);
$before = kept();
is(post($large), 413, 'the relay refuses what is larger than 64 kB');
my $insert = sprintf q{SET ROLE relay; INSERT INTO videoroom.callback (body, signature) VALUES ('%s', '%s')},
    body($large), signature($relay->url, $large);
is((refusal($node, $insert))[0], '22023', 'so does the database');
my $fits = event($room, Padding => 'x' x 65_000);
is(post($fits), 204, 'a little less is taken');
is(kept(), $before + 1, 'that alone is kept');

# --- two tokens while they are rotated

my $fresh_token = 'e' x 32;
my $next = event($room);
is(post($next, token => $fresh_token), 403, 'a token that nobody told us of signs nothing');
VideoroomTest::write_credentials($node, auth_token_secondary => $fresh_token);
set_config($node);
wait_until { post($next, token => $fresh_token) == 204 } 20, 'the secondary token to be accepted';
ok(1, 'the secondary token signs as well, after a reload');
is(post(event($room)), 204, 'the primary one still does');
VideoroomTest::write_credentials($node);

# --- a SharedKey, where a Webhook Rule signs with one

my %shared = (webhook_secret => 's' x 40, webhook_secret_secondary => 't' x 40);
sub post_by_sha256 {
    my ($secret) = @_;
    my $params = event($room);
    return post($params, signature => hmac_sha256_base64(signed_text($relay->url, $params), $secret) . '=');
}
is(post_by_sha256($shared{webhook_secret}), 403, 'a SharedKey that nobody told us of signs nothing');
VideoroomTest::write_credentials($node, %shared);
set_config($node);
wait_until { post_by_sha256($shared{webhook_secret}) == 204 } 20, 'the SharedKey to be accepted';
for my $which (sort keys %shared) {
    is(post_by_sha256($shared{$which}), 204, "$which signs by SHA-256");
    is(post(event($room), token => $shared{$which}), 204, "$which signs by SHA-1");
}
is(post(event($room)), 204, 'the auth token still does');
is(post_by_sha256('u' x 40), 403, 'another secret does not');
VideoroomTest::write_credentials($node);
set_config($node);

# --- a token or an address that is not Twilio's

sub callbacks_check { return (health($node, 'callbacks'))[1] }
my $stranger = event('000' . 'x' x 22);
is(post($stranger, token => 'f' x 32), 403, 'strangers are refused');
is(callbacks_check(), 'all applied', 'which is no failure, though nothing else comes');
is(post(event($room), token => 'f' x 32), 403, 'what is about a room of ours is refused too');
is(callbacks_check(), 'all applied', 'which is none either while genuine ones have come in');
$node->restart;
is(post($stranger, token => 'f' x 32), 403, 'strangers, before anything genuine has come');
is(callbacks_check(), 'all applied', 'are no failure');
is(post(event($room), token => 'f' x 32), 403, 'but once it is about a room of ours');
like(callbacks_check(), qr/^refused as forged, though about rooms of ours: 1, the last at \S+; none was genuine$/, 'health says so');
like((health($node, 'callbacks'))[2], qr/^Compare auth_token .*'\Q@{[$relay->url]}\E'/, 'and what to compare');
is(post(event($room)), 204, 'when a genuine one comes');
is(callbacks_check(), 'all applied', 'it is well');

# --- while the address moves

set_config($node, callback_url => 'http://127.0.0.1:9/new', callback_url_secondary => $relay->url);
is(post(event($room)), 204, 'callbacks of rooms that have the old address are taken while it is the secondary one');
is(post(event($room), url => 'http://127.0.0.1:9/new'), 204, 'as are those of new rooms');
is(post(event($room), url => 'http://127.0.0.1:9/other'), 403, 'others are not');
set_config($node, callback_url => $relay->url, callback_url_secondary => '');

# --- through PostgREST

sql('CREATE ROLE web NOLOGIN');
sql(q{SELECT videoroom_grant('web', 'relay')});
sub postgrest {
    my ($params, $headers) = @_;
    return sprintf q{SET ROLE web; SELECT set_config('request.headers', '%s', false) \g (tuples_only) /dev/null
        SELECT videoroom_receive_callback('%s')}, JSON::PP->new->canonical->encode($headers), body($params);
}
my $second_room = book_later('postgrest');
my $posted = event($second_room, RoomSid => 'RM' . 'c' x 32);
my $headers = { host => 'api.internal', accept => '*/*', 'x-twilio-signature' => signature($relay->url, $posted) };
sql(postgrest($posted, $headers));
is_deeply(last_row(), ['applied', ''], 'the entry for PostgREST takes the signature from the headers and applies the callback');
$before = kept();
sql(postgrest($posted, $headers));
is(kept(), $before, 'an exact repeat is not stored again there either');
is((refusal($node, postgrest(event($second_room), $headers)))[0], 'PT403', 'a forged one is refused with status 403');
is((refusal($node, postgrest($posted, { host => 'api.internal' })))[0], 'PT403', 'and so is one without a signature');
is(kept(), $before, 'and neither is kept');

# --- a client in the way

my $third_room = book_later('in-the-way');
my $client = lock_room($node, $third_room);
is(post(event($third_room, RoomSid => 'RM' . 'd' x 32)), 204, 'a callback whose room a client has locked is taken');
is_deeply(last_row(), ['', ''], 'it is kept and not applied yet');
is(post(event(book_later('beside'), RoomSid => 'RM' . '9' x 32)), 204, 'one about another room is, meanwhile,');
is_deeply(last_row(), ['applied', ''], 'applied at once');
ok((health($node, 'callbacks'))[0], 'health gives it a minute');
sql(q{UPDATE videoroom.callback SET received_at = received_at - interval '1 minute' WHERE applied_at IS NULL});
like((health($node, 'callbacks'))[1], qr/^not applied: 1, one of them: its room is held$/, 'and then tells of it');
$client->query_safe('COMMIT');
wait_until { sql('SELECT count(*) FROM videoroom.callback WHERE applied_at IS NULL') == 0 } 20, 'the worker to apply the callback';
is(sql("SELECT status FROM videoroom.room WHERE room_id = '$third_room'"), 'in-progress', 'with the same effect');
ok((health($node, 'callbacks'))[0], 'and health is well again');
let_go($client);

# --- a relay with a snapshot of its own

my $fourth_room = book_later('snapshot');
my $old = event($fourth_room, RoomSid => 'RM' . 'e' x 32);
my $insert_old = sprintf q{SET default_transaction_isolation = 'repeatable read';
    INSERT INTO videoroom.callback (body, signature) VALUES ('%s', '%s')}, body($old), signature($relay->url, $old);
sql($insert_old);
wait_until { last_row()->[0] eq 'applied' } 20, 'the worker to apply what came at REPEATABLE READ';
is(sql("SELECT status FROM videoroom.room WHERE room_id = '$fourth_room'"), 'in-progress',
    'a callback that comes at REPEATABLE READ is applied by the worker at once');
$before = kept();
sql($insert_old);
is(kept(), $before, 'and an exact repeat is not stored again');

# --- the database away

my $live = book('away');
wait_until { sql("SELECT count(*) FROM videoroom.session WHERE room_id = '$live'") } 20, 'the room';
$twilio->delivered;
my $blocker = $node->background_psql('postgres');
$blocker->query_safe('BEGIN');
$blocker->query_safe('LOCK TABLE videoroom.callback IN ACCESS EXCLUSIVE MODE');
$twilio->join($live, 'ann');
wait_until { grep { ($_->{attempts}[0]{status} // 0) == 503 } @{ $twilio->sim(GET => "callbacks?room=$live") } } 20,
    'the relay to give up on the database';
$blocker->query_safe('COMMIT');
let_go($blocker);
my ($delivery) = grep { $_->{params}{StatusCallbackEvent} eq 'participant-connected' } deliveries($live);
like(join(' ', map { $_->{status} } @{ $delivery->{attempts} }), qr/^(?:503 )+204$/,
    'a callback that the database did not answer in time is answered 503, and taken when Twilio sends it again');
is(sql("SELECT connected FROM videoroom_rooms WHERE room_id = '$live'"), 1, 'so nothing was missed');

my $late = event($room);
$node->stop('fast');
is(post($late), 503, 'while the database is down the relay answers 503');
is($http->get($relay->url =~ s{/twilio$}{/healthz}r)->{status}, 503, 'and says so when asked for its health');
$node->start;
is(post($late), 204, 'when it is back the relay needs no restart');
is($http->get($relay->url =~ s{/twilio$}{/healthz}r)->{status}, 204, 'and is well');

# --- URLs

# A room's life with the settings of the moment: every callback that Twilio sends comes in at the first try.
sub lives {
    my ($name, $callback_url, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $its_room = book($name);
    wait_until { sql("SELECT count(*) FROM videoroom.session WHERE room_id = '$its_room'") } 20, 'the room';
    my ($request) = @{ $twilio->sim(GET => "requests?room=$its_room&method=POST") };
    is($request->{params}{StatusCallback}, $callback_url, "$what: Twilio is told the right URL");
    $twilio->join($its_room, 'ann');
    is_deeply([map { [$_->{params}{StatusCallbackEvent}, map { $_->{status} } @{ $_->{attempts} }] } deliveries($its_room)],
        [['room-created', 204], ['participant-connected', 204]], "$what: its callbacks are genuine");
}
my $url = $relay->url;
lives('default', "$url#rc=5&rp=all", 'by default Twilio is asked to try again');
for my $form ('without_port', 'with_port') {
    $twilio->set(callback_signed_url => $form);
    lives($form, "$url#rc=5&rp=all", "signed $form");
}
$twilio->set(callback_signed_url => 'as_is');
set_config($node, callback_url => "$url#rc=1&rp=5xx");
lives('fragment', "$url#rc=1&rp=5xx", 'a fragment of its own is left alone');
set_config($node, callback_url => "$url?from=twilio-video");
lives('query', "$url?from=twilio-video#rc=5&rp=all", 'a query is part of what is signed');

set_config($node, callback_url => "$url/{database}");
undef $relay;
$relay = start_relay($node, '--path', '/twilio/postgres');
$relay->{url} .= '/postgres';
lives('database', "$url/postgres#rc=5&rp=all", '{database} is the name of the database');
sql('CREATE DATABASE "Zweite DB"');
$node->safe_psql('Zweite DB', 'CREATE EXTENSION videoroom');
my $elsewhere = $node->safe_psql('Zweite DB',
    q{SELECT videoroom_create_booking('there', now(), now() + interval '1 hour', '{ann}')});
my $request = wait_until { $twilio->sim(GET => "requests?room=$elsewhere&method=POST")->[0] } 20, 'the second room';
is($request->{params}{StatusCallback}, "$url/Zweite%20DB#rc=5&rp=all", 'in another database it is another, written as URLs are');
my $there = event($elsewhere);
$node->safe_psql('Zweite DB', sprintf q{INSERT INTO videoroom.callback (body, signature) VALUES ('%s', '%s')},
    body($there), signature("$url/Zweite%20DB", $there));
is($node->safe_psql('Zweite DB', 'SELECT outcome IS NOT NULL FROM videoroom.callback'), 't', 'where its callbacks are genuine');
is(post($there, url => "$url/Zweite%20DB"), 403, 'but not in the first');

undef $relay;
$relay = start_relay($node, '--public-url', 'https://rooms.example/twilio');
for my $signed ('https://rooms.example/twilio', 'https://rooms.example:443/twilio') {
    is(post(event($room), url => $signed), 204, "behind a proxy the relay knows the public URL, and $signed signs");
}
is(post(event($room), url => 'https://rooms.example:8443/twilio'), 403, 'another port does not');
my $asked = event($room);
is(post($asked, to => $relay->url . '?a=1', url => 'https://rooms.example/twilio?a=1'), 204,
    'a query that a request brings belongs to the URL');

undef $relay;
is($twilio->violations, 0, 'no request violated the contract');
$node->stop('fast');
never_crashed($node);
done_testing();
