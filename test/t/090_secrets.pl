# No secret leaves the credentials file and the answer of a join: not in a log however chatty, not in a view of settings or
# activity, an error, a table or a dump. The last file of the suite: it looks through the logs of all the others, too.
use strict;
use warnings;
use IPC::Run ();
use MIME::Base64 'encode_base64';
use PostgreSQL::Test::Utils ();
use Steps qw(set_config);
use Test::More;
use VideoroomTest;
use Watch;

my $twilio = start_simulator();
my $node = new_node(name => 'secrets', simulator => $twilio, join_wait => '30s', retry_cap => '1s', reconcile_interval => '1s',
    conf => join "\n", "log_statement = 'all'", 'log_min_messages = debug5', 'log_min_error_statement = debug5',
    'log_duration = on', 'log_parser_stats = off', "log_error_verbosity = 'verbose'", 'track_activity_query_size = 16384');
my $relay = start_relay($node);

my $old = 'old-auth-token-0123456789abcdef0';
my $new_secret = 'new-api-key-secret-0123456789abc';
my %more = (webhook_secret => 'webhook-secret-0123456789abcdef01', webhook_secret_secondary => 'webhook-secret-2-0123456789abcdef',
    proxy_user => 'somebody', proxy_password => 'proxy-password-0123456789abcdef01');
my %secret = (
    (map { $_ => $more{$_} } grep { $_ ne 'proxy_user' } keys %more),
    'auth token' => Simulator::TOKEN,
    'API key secret' => Simulator::SECRET,
    'HTTP authorization' => encode_base64(Simulator::KEY . ':' . Simulator::SECRET, ''),
    'auth token of a rotation' => $old,
    'secret of another API key' => $new_secret);

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub failing {
    my ($statement) = @_;
    my ($out, $error) = ('', '');
    $node->psql('postgres', "\\set VERBOSITY verbose\n$statement", stdout => \$out, stderr => \$error, on_error_stop => 0);
    return "$out$error";
}

sub look {
    my ($text, $where) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @found = grep { index($text, $secret{$_}) >= 0 } sort keys %secret;
    return is_deeply(\@found, [], "no secret is in $where");
}

# --- a life with everything in it

my $said = '';
my $room = sql(q{SELECT videoroom_create_booking('b', now(), now() + interval '1 hour', '{ann,ben}')});
$secret{'access token'} = (row($node, "SELECT token FROM videoroom_join('$room', 'ann')"))[0];
like($secret{'access token'}, qr/^[\w-]+\.[\w-]+\.[\w-]+$/, 'there is a token to look for');
$secret{'signature of the access token'} = (split /\./, $secret{'access token'})[2];
$twilio->join($room, 'ann');
$twilio->delivered;
$said .= failing("SELECT videoroom_join('$room', 'mallory')");
$said .= failing("SELECT videoroom_create_booking('', now(), now(), '{}')");
$said .= failing("INSERT INTO videoroom.callback (body, signature) VALUES ('a=b', 'forged')");

# Rotation, and all that can be wrong with the file on the way.
VideoroomTest::write_credentials($node, auth_token_secondary => $old, %more);
$node->reload;
VideoroomTest::write_credentials($node, api_key_secret => $new_secret);    # which Twilio does not know
$node->reload;
sql(q{SELECT videoroom_create_booking('refused', now(), now() + interval '1 hour', '{ann}')});
wait_until { !(health($node, 'account'))[0] } 30, 'Twilio to refuse the key';
my $file = $node->basedir . '/credentials.json';
for my $broken ('{"auth_token": "' . Simulator::TOKEN . '", "api_key_secret": ' . "\"$new_secret\"", '{"api_key_secret": ["' . Simulator::SECRET . '"]}') {
    open my $out, '>', $file or die "$file: $!\n";
    print $out $broken;
    close $out or die "$file: $!\n";
    $node->reload;
    $said .= failing("SELECT videoroom_join('$room', 'ann') IS NULL; SELECT * FROM videoroom_health(); SELECT * FROM videoroom_explain('$room', 'ann')");
}
chmod 0644, $file or die "$file: $!\n";
$node->reload;
$said .= failing('SELECT * FROM videoroom_health()');
VideoroomTest::write_credentials($node);
$node->reload;
wait_until { (health($node, 'worker'))[0] } 30, 'the worker to go on';
$node->append_conf('postgresql.conf', "videoroom.credentials_file = '/nonexistent/credentials.json'");
$node->reload;
$said .= failing('SELECT * FROM videoroom_health()');
set_config($node, credentials_file => $file);
wait_until { (health($node, 'credentials'))[0] } 30, 'the credentials to be back';

# --- where they could be

look($said, 'an error or a check of health');
$node->safe_psql('postgres', 'CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher');
for my $view ('pg_settings', 'pg_file_settings', 'pg_stat_activity', 'pg_show_all_file_settings()') {
    my ($out, $error) = ('', '');
    $node->psql('postgres', "SET ROLE watcher; SELECT * FROM $view", stdout => \$out, stderr => \$error, on_error_stop => 0);
    look("$out$error", "$view, as pg_monitor reads it");
}
my $dump = $node->basedir . '/dump.sql';
ok(IPC::Run::run(['pg_dumpall', '-d', $node->connstr('postgres'), '-f', $dump]), 'there is a dump of all databases');
look(PostgreSQL::Test::Utils::slurp_file($dump), 'a dump');
look(sql('SELECT c::text FROM videoroom.callback c'), 'the kept callbacks');
look(sql(q{SELECT string_agg(x::text, ' ') FROM (SELECT o::text FROM videoroom.outbox o UNION ALL SELECT e::text FROM videoroom.event e) x}),
    'outbox and events');
$relay = undef;
$node->stop('fast');
never_crashed($node);
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
like($log, qr/DEBUG:/, 'the log is as chatty as can be');
like($log, qr/videoroom_join/, 'and has the joins');
look($log, 'that log');

# Access tokens of other files are not known here, but how all of them begin is.
my ($header) = split /\./, $secret{'access token'};
my @chatty;
for my $other (glob($node->logfile =~ s{[^/]*$}{*}r), glob($ENV{OTHER_LOGS} // '')) {
    next unless $other =~ /\.log$/ && $other !~ /regress_log/;
    my $text = PostgreSQL::Test::Utils::slurp_file($other);
    push @chatty, $other if $text =~ /\Q$header\E/ || grep { index($text, $_) >= 0 } values %secret;
}
is_deeply(\@chatty, [], 'no secret is in the log of any server of the suite');
done_testing();
