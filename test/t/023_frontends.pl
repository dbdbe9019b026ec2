# The roles for PostgREST and the wrappers for PostGraphile of examples/backend, as those two use them: they set a role and claims for one
# transaction. PostgREST itself is no package of Debian's, and PostGraphile 5 wants a newer Node.js than Debian has.
use strict;
use warnings;
use File::Basename 'dirname';
use PostgreSQL::Test::Utils 'slurp_file';
use Steps;
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'frontends', simulator => $twilio, join_wait => '10s');
$node->safe_psql('postgres', slurp_file(dirname(__FILE__) . "/backend/$_.sql")) for qw(postgrest postgraphile);
my ($room) = row($node, q{SELECT videoroom_create_booking('b', now(), now() + interval '1 hour', '{ann}')});

# What a request is told: the statement's answer, or the SQLSTATE.
sub request {
    my ($role, $claims, $statement) = @_;
    my ($out, $error) = ('', '');
    $node->psql('postgres', qq{\\set VERBOSITY sqlstate
        BEGIN;
        SET LOCAL ROLE $role;
        SELECT set_config('request.jwt.claims', '$claims', true) \\gset
        $statement;
        COMMIT}, stdout => \$out, stderr => \$error, on_error_stop => 0, extra_params => ['-U', 'authenticator']);
    return $error =~ /ERROR:\s+(\w{5})/ ? $1 : $out;
}
my $ann = '{"role": "web_user", "sub": "ann"}';

like(request('web_user', $ann, "SELECT token FROM videoroom_join('$room')"), qr/^ey/, 'who is invited joins through PostgREST');
is(request('web_user', '{"sub": "eve"}', "SELECT videoroom_join('$room')"), 'PT403', 'who is not is refused');
is(request('web_user', '{}', "SELECT videoroom_join('$room')"), 'PT401', 'and whoever is nobody');
is(request('web_anon', $ann, "SELECT videoroom_join('$room')"), '42501', 'nobody joins without a token');
for my $statement ("videoroom_join('$room', 'ann')", "videoroom_end('$room')", "videoroom_cancel('b')", "videoroom_get('$room')",
    "videoroom_create_booking('c', now(), now() + interval '1 hour', '{eve}')", 'videoroom_stats()', "* FROM videoroom_rooms", '* FROM videoroom.room') {
    is_deeply([map { request($_, $ann, "SELECT $statement") } 'web_user', 'web_anon'], ['42501', '42501'], "to neither is granted: $statement");
}
is(request('web_anon', '{}', "SELECT set_config('request.headers', '{\"x-twilio-signature\": \"x\"}', true) \\gset\nSELECT videoroom_receive_callback('RoomName=$room')"),
    'PT403', 'a callback reaches its judge');

like(request('web_user', $ann, "SELECT token FROM graph.join_room('$room')"), qr/^ey/, 'who is invited joins through PostGraphile');
is(request('web_user', '{"sub": "eve"}', "SELECT graph.join_room('$room')"), 'PT403', 'who is not is refused by the wrapper, too');
is(request('web_anon', $ann, "SELECT graph.join_room('$room')"), '42501', 'and whoever shows no token');

$node->stop;
never_crashed($node);
done_testing();
