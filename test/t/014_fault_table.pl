# The table of faults in docs/operations.md, row by row: each is brought about, and what it says must come true. Then two faults in
# a row, which no single row can show. 015_outage.pl has the outage that lasts.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use List::Util 'max';
use POSIX 'strftime';
use Steps;
use Test::More;
use Time::HiRes 'time';
use VideoroomTest;

my $twilio = start_simulator('--no-rate-limit');
my $node = new_node(simulator => $twilio, request_timeout => '10s', retry_cap => '1s', reconcile_interval => '1h',
    join_wait => '30s', writes_per_second => 200, reads_per_second => 200);
my $session = session($node);
my $patience = 90;    # seconds: the breaker rests for some of them, and the machine is busy
my %creates = (match => { method => 'POST', path => '^/v1/Rooms$' });

# --- what is asked and seen

sub query {
    my ($statement) = @_;
    my $answer = $session->do($statement);
    die "$statement: $answer->{message}\n" if $answer->{state};
    return @{ $answer->{rows} };
}

sub one { return ((query($_[0]))[0] // [''])->[0] }
sub list { return join ',', map { "'$_'" } @_ }

sub account { return one("SELECT CASE WHEN ok THEN 'all good' ELSE 'account: ' || detail END FROM videoroom_health()
    WHERE name = 'account'") }
sub dead { return one('SELECT count(*) FROM videoroom.outbox WHERE dead_at IS NOT NULL') }
sub insert_creates { query(join ';', map { "INSERT INTO videoroom.outbox (room_id, action) VALUES ('$_', 'create-room')" } @_) }

# The last errors of the rows of these rooms that have failed; without the rows that only look after a room that is made.
sub errors {
    return map { JSON::PP->new->decode($_->[0]) } query('SELECT last_error FROM videoroom.outbox
        WHERE last_error IS NOT NULL AND room_id IN (' . list(@_) . ')');
}

sub requests_since { return @{ $twilio->sim(GET => "requests?since=$_[0]") } }
sub requests_so_far { return $twilio->sim(GET => 'counts')->{requests}{requests} }

# --- rooms

my @all_made;    # each must have been made once: what may still come of a call that was cut off is looked for at the end

sub wait_for_rooms {
    my ($what, @rooms) = @_;
    push @all_made, @rooms;
    wait_until { one('SELECT count(DISTINCT room_id) FROM videoroom.session WHERE ended_at IS NULL
        AND room_id IN (' . list(@rooms) . ')') == @rooms } $patience, "$what: the rooms to be made";
}

# Each of the rooms was made once at Twilio, is in progress, and we know it by its SID.
sub made_once {
    my ($what, @rooms) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my (%there, %here);
    push @{ $there{$_->{unique_name}} }, "$_->{sid} $_->{status}" for @{ $twilio->sim(GET => 'rooms') };
    push @{ $here{$_->[0]} }, "$_->[1] in-progress" for query('SELECT room_id, room_sid FROM videoroom.session
        WHERE ended_at IS NULL AND room_id IN (' . list(@rooms) . ')');
    is_deeply([map { $there{$_} } @rooms], [map { [$here{$_}[0]] } @rooms], "$what: exactly one room each is live, and we know it");
}

# Rooms in which calls go on, with bob there, for rows to end and put out of.
my @calls_to_end = book_many($node, 'call', 100);
sub is_there { my ($room) = @_; return grep { $_->{identity} eq 'bob' && $_->{status} eq 'connected' }
    @{ $twilio->sim(GET => "rooms?room=$room")->[0]{participants} } }

my $rows_tried = 0;

# One of each kind of call, all due at once: three creates, an end, a removal.
sub some_calls {
    my %calls = (ended => shift @calls_to_end, left => shift @calls_to_end);
    $twilio->join($calls{left}, 'bob');
    $rows_tried++;
    $calls{made} = [map { $_->[0] } grep { length $_->[0] } query(qq{BEGIN;
        SELECT videoroom_create_booking('row-$rows_tried-' || i, clock_timestamp() + interval '5 min',
            clock_timestamp() + interval '1 hour', '{alice,bob}') FROM generate_series(1, 3) i;
        SELECT videoroom_end('$calls{ended}');
        SELECT videoroom_remove_participant('$calls{left}', 'bob');
        COMMIT})];
    $calls{rooms} = [@{ $calls{made} }, @calls{qw(ended left)}];
    return \%calls;
}

sub all_healed {
    my ($what, $calls) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_for_rooms($what, @{ $calls->{made} });
    wait_until { !in_progress_at($twilio, $calls->{ended}) && !is_there($calls->{left}) } $patience, "$what: the end and the removal";
    is_deeply([scalar(in_progress_at($twilio, $calls->{left})), dead()], [1, 0], "$what: it heals without a hand, and no row dies");
    made_once($what, @{ $calls->{made} });
}

# --- how each fault is brought about

sub refuse_connections { return 'http://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port() }

# An https server whose certificate nobody has signed but itself.
my $tls_server;
sub serve_tls {
    my $files = $node->basedir . '/tls';
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my ($said, $rest) = ('', '');
    IPC::Run::run([qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1),
        '-keyout', "$files.key", '-out', "$files.crt"], '>&', \$said) or die "openssl: $said\n";
    $tls_server = IPC::Run::start([qw(openssl s_server -www -quiet -accept), "127.0.0.1:$port", '-key', "$files.key",
        '-cert', "$files.crt"], '<', \undef, '>&', \$rest);
    wait_until { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") } 20, 'the https server';
    return "https://127.0.0.1:$port";
}
END { local ($?, $!, $@); $tls_server->kill_kill if $tls_server }

my $other_room = '{"sid": "RM00000000000000000000000000000001", "unique_name": "other", "status": "completed",
    "account_sid": "' . Simulator::ACCOUNT . '"}';
my $rotations = 0;

sub answers { return { fault => { status => 0 + $_[0], body => '<html>no code</html>', @_[1 .. $#_] } } }
sub code { return { fault => { code => 0 + $_[0], @_[1 .. $#_] } } }
sub retry_after { return { fault => { status => $_[0], headers => { 'Retry-After' => $_[1] } }, pause => $_[2] } }
sub http_date { return strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime($_[0])) }
my $date;    # of the last Retry-After that was one

my %cause = (
    'connection refused' => { url => \&refuse_connections },
    'name does not resolve' => { url => sub { 'https://video.invalid' } },
    'no TLS at the other end' => { url => sub { $twilio->url =~ s/^http:/https:/r } },
    'certificate of nobody we trust' => { url => \&serve_tls },
    'reset before the work' => { fault => { reset => 'before' } },
    'reset after the work' => { fault => { reset => 'after' } },
    'connection closed instead of an answer' => { fault => { raw => '', work => \1 } },
    'silence before the work' => { fault => { hang => 'before' } },
    'silence after the work' => { fault => { hang => 'after' } },
    'answer that drips in' => { fault => { drip => 100 } },
    'answer cut short' => { fault => { truncate => 20 } },
    'answer of 10 MB' => { fault => { huge_body => 10_000_000 } },
    'body without an end' => { fault => { endless => 'body' } },
    'headers without an end' => { fault => { endless => 'headers' } },
    'no HTTP' => { fault => { raw => "hello\r\n\r\n", work => \1 } },
    'success that is not JSON' => { fault => { status => 201, body => '<html>Welcome to the hotel</html>', work => \1 } },
    'success with wrong types' => { fault => { status => 201, body => '{"sid": 7, "status": []}', work => \1 } },
    'success without a body' => { fault => { status => 204, body => '', work => \0 } },
    'success about another room' => { fault => { status => 201, body => $other_room, work => \1 } },
    (map { $_ => answers($_) } qw(408 500 502 504)),
    '500 after the work' => answers(500, work => \1),
    '503' => answers(503),
    '503 with code 20503, after the work' => code(20503, work => \1),
    '503 with Retry-After' => retry_after(503, '3', 2.9),
    '429' => { fault => { status => 429 }, pause => 0.9 },
    '429 with Retry-After in seconds' => retry_after(429, '3', 2.9),
    '429 with Retry-After as a date' => { %{ retry_after(429, sub { http_date($date = int(time) + 4) }) },
        pause => sub { max(0.9, $date - $_[0]) } },
    '429 with a Retry-After that is past' => retry_after(429, sub { http_date(time - 60) }, 0.9),
    '429 with a Retry-After of nonsense' => retry_after(429, 'soon', 0.9),
    'code 20429 with another status' => { %{ code(20429, status => 400) }, pause => 0.9 },
    '401' => code(20003),
    '401 without a code' => answers(401),
    '403 with code 20003' => code(20003, status => 403),
    '402' => answers(402),
    '403 with code 20005 (account not active)' => { %{ code(20005, status => 403) }, alone => 1 },
    '403 with code 20403 (forbidden), for all rooms' => code(20403, status => 403),
    'code 20403 (forbidden), for one room alone' => {},
    'redirect' => answers(307, headers => { Location => $twilio->url . '/v1/Rooms' }),
    (map { $_ => answers($_) } '409'),
    (map { ("$_ without a code" => answers($_)) } 400, 403, 404),
    '409 with an unknown code' => code(54321, status => 409),
    'codes 53103, 53116, 53119 (no room just now)' => {},
    'code 53112 to an end, and the room goes on' => code(53112),
    'code 53113 (room exists)' => {},
    'code 53113, and the room cannot be read yet' => { lag => 1500 },
    'codes 53112, 53118, 53106, 20404 to an end' => { ends => 1 },
    'codes 20404, 53204, 53106, 53118 to a removal' => { removals => 1 },
    '404 without a code to an end or a removal' => { ends => 1, removals => 1, fault => answers(404)->{fault} },
    'codes 20001, 53100, 53101, 53102, 53107, 53108, 53109, 53110, 53111, 53114, 53115, 53123, 53124 to a create' => {},
    'code 20404 to a create' => {},
    'a code that we do not know, such as 54321' => {});

# Changes those settings that are not so already.
my %set = (api_url => $twilio->url, request_timeout => '10s');
sub configure {
    my (%wanted) = @_;
    delete @wanted{ grep { $set{$_} eq $wanted{$_} } keys %wanted };
    set_config($node, %wanted) if %wanted;
    %set = (%set, %wanted);
    return;
}

sub codes { my ($row) = @_; return $row->{fault} =~ /\b(\d{5})\b/g }

sub begin {
    my ($cause, %match) = @_;
    my %fault = (match => { method => 'POST', %match }, count => -1, %{ $cause->{fault} // {} });
    $fault{headers} = { map { $_ => ref $fault{headers}{$_} ? $fault{headers}{$_}->() : $fault{headers}{$_} }
        keys %{ $fault{headers} } } if $fault{headers};
    $twilio->faults(\%fault) if $cause->{fault};
    # Time enough for TLS on a busy machine.
    configure(api_url => $cause->{url}->(), request_timeout => '5s') if $cause->{url};
}

sub end {
    my ($cause) = @_;
    clear_faults($twilio);
    configure(api_url => $twilio->url, request_timeout => '1s') if $cause->{url};
}

# Those that are not of the kind in the table, with a message that is one of those there.
sub others {
    my ($row, @errors) = @_;
    my ($kind, $message) = split /: /, $row->{error}, 2;
    my $wanted = join '|', map { quotemeta } split / or /, $message // '';
    return map { "$_->{kind}: " . ($_->{message} // '') } grep { $_->{kind} ne $kind || ($_->{message} // '') !~ /(?:$wanted)/i } @errors;
}

sub says {
    my ($row, @errors) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply([others($row, @errors)], [], "$row->{fault}: last_error says \"$row->{error}\"");
}

# --- what the worker does

# Five calls fail, all wait; then all are done, though nobody has lifted a finger. Nothing goes on before it is certain that a call
# has not arrived, which takes some request_timeouts, so that is short here; on a busy machine some calls can then time out instead.
sub waits {
    my ($row, $cause) = @_;
    begin($cause);
    my $calls = some_calls();
    wait_until {
        my @errors = errors(@{ $calls->{rooms} });
        my @others = others($row, @errors);
        @errors == 5 && @others < 5 && !(grep { !/timed out/i } @others) && account() eq $row->{health}
    } $patience, "$row->{fault}: five calls to fail, last_error to say \"$row->{error}\" and health \"$row->{health}\"";
    pass("$row->{fault}: all calls wait, and last_error and health say why");
    # One that is just being tried again counts as sent until its answer has come.
    wait_until { one('SELECT count(*) FROM videoroom.outbox WHERE sent_at IS NOT NULL AND room_id IN (' . list(@{ $calls->{made} }) . ')')
        == ($cause->{url} ? 0 : 3) } $patience, "$row->{fault}: it to be known whether the call can have arrived";
    pass("$row->{fault}: it is known whether the call can have arrived");
    end($cause);
    all_healed($row->{fault}, $calls);
}

sub pauses {
    my ($row, $cause) = @_;
    my $seen = requests_so_far();
    begin($cause);
    my $calls = some_calls();
    my @errors;
    wait_until { @errors = errors(@{ $calls->{rooms} }); @errors && account() eq $row->{health} } $patience,
        "$row->{fault}: health to say \"$row->{health}\"";
    # What left before that was known must not meet a Twilio that is well again.
    no_calls($node, $patience);
    my $known = requests_so_far();
    end($cause);
    says($row, @errors);
    all_healed($row->{fault}, $calls);
    my @requests = requests_since($seen);
    my ($last) = grep { $requests[$_]{fault} } reverse 0 .. $#requests;
    # A reading may have left before the last of those was answered.
    my ($next) = grep { $_->{request} > $known } @requests[$last + 1 .. $#requests];
    my ($from, $to) = map { arrived_at($_) } $requests[$last], $next;
    cmp_ok($to - $from, '>=', ref $cause->{pause} ? $cause->{pause}->($from) : $cause->{pause},
        "$row->{fault}: Twilio is left alone for so long");
}

sub stops {
    my ($row, $cause) = @_;
    begin($cause);
    my $calls = some_calls();
    my @errors;
    wait_until { @errors = errors(@{ $calls->{rooms} }); @errors == 5 && account() eq $row->{health} } $patience,
        "$row->{fault}: five calls to be refused, and health to say \"$row->{health}\"";
    says($row, @errors);
    is(struck($twilio), 5, "$row->{fault}: Twilio is not asked again");
    end($cause);
    # Else they go on within a minute, by themselves.
    return all_healed($row->{fault}, $calls) if $cause->{alone};
    my $secret = 'rotated-' . ++$rotations;
    $twilio->set(api_key_secret => $secret);
    $twilio->{auth} = 'Basic ' . MIME::Base64::encode_base64(Simulator::KEY . ":$secret", '');
    VideoroomTest::write_credentials($node, api_key_secret => $secret);
    set_config($node);
    all_healed($row->{fault}, $calls);
}

# Five rooms, or one for each code that the row names, whose creates will be refused.
sub to_be_refused {
    my ($row, $cause) = ($_[0], $cause{ $_[0]{fault} });
    my @codes = $cause->{fault} ? ($cause->{fault}{code}) x 5 : codes($row);
    my @rooms = map { book($node, "$row->{fault} $_", unasked => 1) } 1 .. @codes;
    begin($cause->{fault} ? $cause : code($codes[$_], status => 400), room => $rooms[$_]) for 0 .. $#rooms;
    return { row => $row, rooms => \@rooms, codes => [grep { defined } @codes] };
}

# All these rows at once, to save time.
sub try_again_together {
    my @tried = map { to_be_refused($_) } @_;
    insert_creates(map { @{ $_->{rooms} } } @tried);
    wait_until { !grep { $_->{struck} < 2 } @{ $twilio->sim(GET => 'faults') } } $patience, 'second tries';
    for (@tried) {
        my ($row, $rooms, @errors) = @$_{qw(row rooms)};
        wait_until { @errors = errors(@$rooms); @errors == @$rooms } $patience, "$row->{fault}: errors";
        says($row, @errors);
        is_deeply([sort map { $_->{code} // () } @errors], [sort @{ $_->{codes} }], "$row->{fault}: Twilio's code is kept");
    }
    is(account(), 'all good', 'what is tried again does not count against the account');
    clear_faults($twilio);
    for (@tried) {
        wait_for_rooms($_->{row}{fault}, @{ $_->{rooms} });
        made_once("$_->{row}{fault}, tried again", @{ $_->{rooms} });
    }
    is(dead(), 0, 'and no row dies of it');
}

sub end_in_vain {
    my ($row, $cause) = @_;
    my $room = shift @calls_to_end;
    begin($cause);
    query("SELECT videoroom_end('$room')");
    wait_until { struck($twilio) >= 2 } $patience, "$row->{fault}: a second try";
    my @errors;
    wait_until { @errors = errors($room) } $patience, "$row->{fault}: the error";
    says($row, @errors);
    is(account(), 'all good', "$row->{fault}: it does not count against the account");
    end($cause);
    wait_until { !in_progress_at($twilio, $room) } $patience, "$row->{fault}: the end";
    pass("$row->{fault}: it is ended in the end");
}

sub adopts {
    my ($row, $cause) = @_;
    for my $status ($cause->{lag} ? 409 : (400, 409, 500)) {
        my $what = "$row->{fault}, HTTP $status";
        my $room = book($node, $what, unasked => 1);
        $twilio->set(status_of => { 53113 => $status }, missing_after_creation_ms => $cause->{lag} // 0);
        my $sid = $twilio->room(UniqueName => $room, UnusedRoomTimeout => 60)->{sid};
        insert_creates($room);
        wait_for_rooms($what, $room);
        is_deeply([map { $_->[0] } query("SELECT room_sid FROM videoroom.session WHERE room_id = '$room'")], [$sid],
            "$what: the room that is there is taken");
        made_once($what, $room);
        is_deeply([account(), dead()], ['all good', 0], "$what: nobody is to blame");
    }
    $twilio->set(status_of => {}, missing_after_creation_ms => 0);
}

# The room, or the person in it, is gone already, and we were not told.
sub is_done {
    my ($row, $cause) = @_;
    for my $action ($cause->{ends} ? 'end' : (), $cause->{removals} ? 'removal' : ()) {
        for my $code ($cause->{fault} ? undef : codes($row)) {
            my $what = "$row->{fault}: " . ($code // '404') . " to the $action";
            my $room = shift @calls_to_end;
            my $bob = $twilio->join($room, 'bob')->{participant_sid};
            begin($code ? code($code) : $cause, room => $room);
            $action eq 'end' ? $twilio->sim(POST => 'end', { room => $room }) : $twilio->leave($bob);
            query($action eq 'end' ? "SELECT videoroom_end('$room')" : "SELECT videoroom_remove_participant('$room', 'bob')");
            wait_until { struck($twilio) && !one("SELECT count(*) FROM videoroom.outbox WHERE room_id = '$room'
                AND (action = 'remove-participant' OR priority = 0)") } $patience, "$what: the row to go";
            is_deeply([struck($twilio), account(), dead()], [1, 'all good', 0], "$what: once said is enough");
            is(one("SELECT bool_and(ended_at IS NOT NULL) FROM videoroom.session WHERE room_id = '$room'"), 't',
                "$what: and we know that it has ended") if $action eq 'end';
            clear_faults($twilio);
        }
    }
}

sub gives_up {
    my ($row, $cause) = @_;
    my @codes = codes($row);
    my @rooms = map { book($node, "$row->{fault} $_", unasked => 1) } @codes;
    begin(code($codes[$_], message => "no, $codes[$_]"), path => '^/v1/Rooms$', room => $rooms[$_]) for 0 .. $#rooms;
    insert_creates(@rooms);
    wait_until { dead() == @rooms } $patience, "$row->{fault}: the rows to die";
    my @errors = errors(@rooms);
    says($row, @errors);
    is_deeply([sort map { "$_->{message} $_->{more_info}" } @errors],
        [sort map { "no, $_ https://www.twilio.com/docs/errors/$_" } @codes], "$row->{fault}: the row says what Twilio said");
    is_deeply([grep { $_->{request_id} !~ /^RQ[0-9a-f]{32}$/ } @errors], [], "$row->{fault}: and which request it was");
    is_deeply([map { writes_for($twilio, $_) } @rooms], [('POST create') x @rooms], "$row->{fault}: it is not tried again");
    like(one("SELECT 'outbox: ' || detail FROM videoroom_health() WHERE name = 'outbox' AND NOT ok"), qr/^\Q$row->{health}/,
        "$row->{fault}: health says so");
    is(account(), 'all good', "$row->{fault}: it does not count against the account");
    is(reason((refusal($node, "SELECT videoroom_join('$rooms[0]', 'alice')"))[2]), 'failed', "$row->{fault}: a join is told at once");
    end($cause);
    is(one('SELECT videoroom_retry()'), scalar(@rooms), "$row->{fault}: videoroom_retry takes it up again");
    wait_for_rooms($row->{fault}, @rooms);
    made_once($row->{fault}, @rooms);
}

# --- the table

# [{ fault, worker, error, health, run }, ...]
sub read_table {
    open my $page, '<', "$FindBin::Bin/operations.md" or die "operations.md: $!\n";
    my @rows;
    while (<$page>) {
        next unless /^## When Twilio fails/ .. /^## (?!When Twilio fails)/ and /^\| (?!fault )/;
        my %row;
        @row{qw(fault worker error health run)} = map { s/^ +| +$//gr } (split /\|/, $_, -1)[1 .. 5];
        push @rows, \%row;
    }
    return @rows;
}

my %check = (waits => \&waits, pauses => \&pauses, stops => \&stops, 'tries again' => \&end_in_vain, adopts => \&adopts,
    'is done' => \&is_done, 'gives up' => \&gives_up);

wait_for_rooms('to begin with', @calls_to_end);
@all_made = ();
my @table = read_table();
is_deeply([sort map { $_->{fault} } @table], [sort keys %cause], 'the page names the faults that are tried here, and no others');
my @chosen = grep { !$ENV{ROW} || $_->{fault} =~ /$ENV{ROW}/ } @table;
my @together = grep { $_->{worker} eq 'tries again' && $_->{fault} !~ /to an end/ } @chosen;
my %is_together = map { $_->{fault} => 1 } @together;
for my $row (grep { !$is_together{ $_->{fault} } } @chosen) {
    my $begun = time;
    configure(request_timeout => $row->{worker} eq 'waits' ? '1s' : '10s');
    $check{ $row->{worker} }->($row, $cause{ $row->{fault} });
    note sprintf '%.1f s: %s', time - $begun, $row->{fault};
}
try_again_together(@together) if @together;

# --- two faults in a row

my %pairs = (
    'a 503 after the work, then a reset' => [{ status => 503, work => \1 }, { reset => 'before' }],
    'a reset after the work, then a 500' => [{ reset => 'after' }, { status => 500, work => \1 }],
    'silence after the work, then an answer cut short' => [{ hang => 'after' }, { truncate => 20 }],
    'garbage, then too many requests' => [{ status => 201, body => 'garbage', work => \1 }, { status => 429 }],
    'too many requests, then a reset after the work' => [{ status => 429 }, { reset => 'after' }],
    'no room just now, then a 500 after the work' => [{ code => 53119 }, { status => 500, work => \1 }],
    'a reset after the work, then one while the room is read' => [{ reset => 'after' },
        { match => { method => 'GET' }, reset => 'before' }],
    'a reset after the work, then a refusal' => [{ reset => 'after' }, { code => 53115 }],
    'the request in silence, carried out later, then a 503' => [{ delay_before_ms => 1500, reset => 'after' }, { status => 503 }]);
if (!$ENV{ROW}) {
    my %room = map { $_ => book($node, $_, unasked => 1) } sort keys %pairs;
    configure(request_timeout => '1s');
    for my $what (sort keys %pairs) {
        $twilio->faults(map { { %$_, match => { method => 'POST', %{ $_->{match} // {} }, room => $room{$what} } } } @{ $pairs{$what} });
    }
    insert_creates(values %room);
    wait_for_rooms('two faults in a row', values %room);
    wait_until { !one("SELECT count(*) FROM videoroom.outbox WHERE action = 'create-room'") } $patience, 'the last of the calls';
    # So many failures hold calls back, and the probe that follows reads the rooms: what is found that way is not sent again.
    my (%expected, %struck);
    my @struck = map { $_->{struck} } @{ $twilio->sim(GET => 'faults') };
    for my $what (sort keys %pairs) {
        my %sent;
        $sent{ $_->{method} }++ for @{ $twilio->sim(GET => "requests?room=$room{$what}") };
        $struck{$what} = [splice @struck, 0, 2];
        $expected{$what} = [map { ($sent{ $_->{match}{method} // 'POST' } || 0) > 0 && $sent{ $_->{match}{method} // 'POST' }-- ? 1 : 0 } @{ $pairs{$what} }];
    }
    is_deeply(\%struck, \%expected, 'each of two faults in a row strikes once, if there is a second request for it to strike');
    made_once($_, $room{$_}) for sort keys %room;
    is(dead(), 0, 'and no row dies of two faults');
    clear_faults($twilio);
}

# --- when what was cut off cannot arrive any more

wait_until { !one("SELECT count(*) FROM videoroom.outbox WHERE action = 'create-room'") } $patience, 'the last of the calls';
made_once('at the end', @all_made);
is($twilio->violations, 0, 'no request violated the contract');
is_deeply([crashes($node)], [], 'nothing crashed');
done_testing();
