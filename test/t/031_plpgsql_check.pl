# plpgsql_check has nothing to say about any function in PL/pgSQL: no variable that nobody reads, no hidden cast, no text that is
# run without being quoted.
use strict;
use warnings;
use Test::More;
use VideoroomTest;

my $node = new_node(name => 'checked', enabled => 'off');
my ($version) = $node->safe_psql('postgres', 'SHOW server_version_num') =~ /^(\d\d)/;
plan skip_all => "this server has no plpgsql_check (package postgresql-$version-plpgsql-check)"
    unless $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'plpgsql_check'");

$node->safe_psql('postgres', 'CREATE EXTENSION plpgsql_check');
my @checked = split /\n/, $node->safe_psql('postgres', q{
    SELECT p.oid::regprocedure, coalesce((SELECT string_agg(f.finding, ' / ')
               FROM plpgsql_check_function(p.oid, coalesce(t.tgrelid, 0), all_warnings => true) f (finding)), '')
      FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'videoroom'
      JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
      LEFT JOIN pg_trigger t ON t.tgfoid = p.oid
     ORDER BY 1});
cmp_ok(scalar @checked, '>', 20, 'there are functions to check');
# It does not know that a function which locks rows is volatile.
my $locks = qr/^videoroom\.rooms_of\(text\)\|performance:00000:routine is marked as VOLATILE, should be STABLE/;
is_deeply([grep { !/\|$/ && !/$locks/ } @checked], [], 'and nothing to find in them');
$node->stop('fast');
done_testing();
