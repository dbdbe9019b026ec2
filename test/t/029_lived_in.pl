# A database of the oldest version, with rooms of every kind in it, gives the same answers before and after its update: every column
# of every table and view, and every function that reads. What a version takes away is named here; what it adds needs no word.
use strict;
use warnings;
use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Utils 'slurp_file';
use Test::More;
use VideoroomTest;

my $oldest = '0.2.0';
my %gone = ('videoroom.stats' => [map { ("call_seconds_p$_", "callback_lag_seconds_p$_") } 50, 95, 99]);

# No worker: it would see to what is due.
my $node = new_node(name => 'lived_in', extension => 0, enabled => 'off');
sub sql { return $node->safe_psql('postgres', "SET TimeZone = 'UTC';\n$_[0]") }
sql("CREATE EXTENSION videoroom VERSION '$oldest'");
sql(slurp_file("$FindBin::Bin/lib/lived_in.sql"));
sub moment { return sql(q{SELECT to_json(clock_timestamp() AT TIME ZONE 'UTC') #>> '{}'}) }
my ($begun, $asked) = (moment());

# --- what is asked: a query each, whose rows are JSON in an order that does not change

my $member = q{JOIN pg_depend d ON d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'videoroom')};
my $people = q{(SELECT user_id FROM videoroom.participant UNION SELECT user_id FROM videoroom.connection
    UNION VALUES (NULL), ('nobody')) p};
my %ask = (
    'videoroom_get()' => q{SELECT videoroom_get(room_id) FROM videoroom.room ORDER BY room_id},
    'videoroom_explain()' => qq{SELECT to_jsonb(e) || jsonb_build_object('asked', ARRAY[room_id, user_id], 'n', n)
        FROM videoroom.room, $people, videoroom_explain(room_id, user_id) WITH ORDINALITY e (at, what, verdict, detail, n) ORDER BY room_id, user_id, n},
    'videoroom_slot()' => q{SELECT to_jsonb(ARRAY[videoroom_slot(booking_id), videoroom_room_slot(room_id)]) FROM videoroom.room ORDER BY room_id},
    'videoroom_health()' => sprintf(q{SELECT to_jsonb(h) FROM videoroom_health() h WHERE name = ANY ('%s') AND name <> 'version' ORDER BY name},
        sql('SELECT array_agg(name) FROM videoroom_health()')),
    'rights' => qq{SELECT to_jsonb(r) FROM (
        SELECT p.oid::regprocedure::text AS what, a.* FROM pg_proc p $member AND d.classid = 'pg_proc'::regclass AND d.objid = p.oid, aclexplode(p.proacl) a
        UNION ALL SELECT c.oid::regclass::text, a.* FROM pg_class c $member AND d.classid = 'pg_class'::regclass AND d.objid = c.oid, aclexplode(c.relacl) a
        UNION ALL SELECT c.oid::regclass || '.' || t.attname, a.* FROM pg_class c $member AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
        UNION ALL SELECT n.nspname, a.* FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname IN ('public', 'videoroom')) r
        WHERE grantee::regrole::text LIKE 'lived_%' ORDER BY what, grantee, privilege_type},
);
for (split /\n/, sql(qq{SELECT c.oid::regclass, c.relkind = 'c', array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c
    $member AND (d.classid, d.objid) IN (('pg_class'::regclass, c.oid), ('pg_type'::regclass, c.reltype))
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relkind IN ('r', 'v', 'c') GROUP BY 1, 2})) {
    my ($relation, $is_type, $columns) = split /\|/;
    my %without = map { $_ => 1 } @{ $gone{$relation} // [] };
    my $list = join ', ', grep { !$without{$_} } $columns =~ /\w+/g;
    $ask{$relation} = $is_type eq 't' ? "SELECT to_jsonb(x) FROM (SELECT $list FROM (SELECT (NULL::$relation).*) n) x"
        : qq{SELECT to_jsonb(x) FROM (SELECT $list FROM $relation) x ORDER BY to_jsonb(x)::text COLLATE "C"};
}

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
sub answers {
    my %answers = map { my $what = $_; $what => [map { $json->decode($_) } split /\n/, sql($ask{$what})] } keys %ask;
    $asked = moment();
    return steady(\%answers);
}

# Without what comes with the clock: the moment of asking, and how long somebody is there who still is.
sub steady {
    my ($value) = @_;
    return [map { steady($_) } @$value] if ref $value eq 'ARRAY';
    return $value unless ref $value eq 'HASH';
    my %steady = map { $_ => steady($value->{$_}) } keys %$value;
    $steady{at} = 'now' if ($steady{at} // '') gt $begun && $steady{at} lt $asked;
    $steady{connected_seconds} = int($steady{connected_seconds} / 3600) . ' h' if ($steady{status} // '') eq 'connected';
    return \%steady;
}

# What is there now, without what was not before.
sub known_before {
    my ($now, $before) = @_;
    return [map { $_ < @$before ? known_before($now->[$_], $before->[$_]) : $now->[$_] } 0 .. $#$now]
        if ref $now eq 'ARRAY' && ref $before eq 'ARRAY';
    return { map { $_ => known_before($now->{$_}, $before->{$_}) } grep { exists $before->{$_} } keys %$now }
        if ref $now eq 'HASH' && ref $before eq 'HASH';
    return $now;
}

# --- before, and after

my $before = answers();
my $size = sub { return scalar @{ $before->{ $_[0] } } };
cmp_ok($size->($_), '>', 0, "there is something to compare in $_") for sort keys %ask;
is_deeply([split /\n/, sql('SELECT DISTINCT status FROM videoroom_rooms ORDER BY 1')], [qw(cancelled completed expired in-progress not-started)],
    'rooms of every status');
is_deeply([split /\n/, sql('SELECT DISTINCT status FROM videoroom_participants ORDER BY 1')], [qw(connected disconnected invited removed)], 'and people');
is_deeply(answers(), $before, 'asked again it answers the same');

sql('ALTER EXTENSION videoroom UPDATE');
my $now = answers();
is_deeply(known_before($now->{$_}, $before->{$_}), $before->{$_}, "$_ answers as before") for sort keys %ask;

# --- and goes on

is(sql('SELECT count(*) FROM joins, numbers()'), 1, 'a view and a function of somebody\'s over videoroom_stats() go on');
is(sql('SET ROLE lived_monitor; SELECT count(*) FROM videoroom_stats()'), 1, 'and who was granted it may call it');
my $repeat = q{videoroom_create_booking(booking_id, (request ->> 'starts_at')::timestamptz, (request ->> 'ends_at')::timestamptz,
    ARRAY(SELECT jsonb_array_elements_text(request -> 'participants')), options || jsonb_build_object('metadata', metadata))};
is(sql("SELECT bool_and($repeat = room_id) AND count(*) > 3 FROM videoroom.room WHERE closed_at IS NULL AND closes_at > now()"), 't',
    'a booking asked for again finds its room');
is(sql(q{SELECT videoroom.expire_rooms(10), videoroom.lose_sessions(10); SELECT status FROM videoroom.room WHERE booking_id = 'over'}), "1|0\nexpired",
    'and housekeeping works on what is there');
$node->stop('fast');
done_testing();
