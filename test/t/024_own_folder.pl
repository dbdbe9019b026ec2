# PostgreSQL 18 and later find the extension and its library in a folder of one's own, where `make install datadir=… pkglibdir=…` of
# test/run has put them: the preload, the functions and the workers.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils ();
use VideoroomTest;
use Watch;

my ($version) = qx(pg_config --version) =~ /(\d+)/ or die "pg_config tells no version\n";
plan skip_all => 'a folder of one\'s own takes PostgreSQL 18 or later' if $version < 18;

my $folder = $ENV{OWN_FOLDER} or die "OWN_FOLDER must name the folder\n";
my $twilio = start_simulator();
my $node = new_node(
    name => 'own_folder', simulator => $twilio, extension => 0,
    conf => "extension_control_path = '$folder/share:\$system'\ndynamic_library_path = '$folder/lib:\$libdir'");

# The libraries of that name that a process has in its memory.
sub libraries {
    my ($pid) = @_;
    open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!\n";
    my %found = map { m{ (/\S*/videoroom\.so)$} ? ($1 => 1) : () } <$maps>;
    return [sort keys %found];
}

is_deeply(libraries(PostgreSQL::Test::Utils::slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/), ["$folder/lib/videoroom.so"],
    'the server preloads the library of that folder');

# One that no other folder could give: the control file's own comment is another there.
my $control = "$folder/share/extension/videoroom.control";
my $ours = PostgreSQL::Test::Utils::slurp_file($control) =~ s/^comment = '/comment = 'ours: /mr;
open my $out, '>', $control or die "$control: $!\n";
print $out $ours;
close $out or die "$control: $!\n";
like($node->safe_psql('postgres', "SELECT comment FROM pg_available_extensions WHERE name = 'videoroom'"), qr/^ours: /,
    'the extension is offered from there');
$node->safe_psql('postgres', 'CREATE EXTENSION videoroom');
like($node->safe_psql('postgres', "SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'videoroom'"), qr/^ours: /,
    'and made from there');

my $worker = worker($node, 'postgres');
is_deeply(libraries($worker), ["$folder/lib/videoroom.so"], 'its worker starts, of the same library');
my $room = $node->safe_psql('postgres', "SELECT videoroom_create_booking('one', now(), now() + interval '1 hour', '{ann}')");
wait_until { $node->safe_psql('postgres', "SELECT count(*) FROM videoroom.session WHERE room_id = '$room'") == 1 } 60, 'the room';
like($node->safe_psql('postgres', "SELECT link FROM videoroom_join('$room', 'ann')"), qr/#token=./, 'and makes the room, which is joined');

done_testing;
