# docs/reference.md says what the catalog says; of the refusals, what the code can say.
use strict;
use warnings;
use File::Basename 'dirname';
use PostgreSQL::Test::Utils 'slurp_file';
use Test::More;
use VideoroomTest;

my $here = dirname(__FILE__);
my $node = new_node(name => 'reference', enabled => 'off');
my $made = $node->safe_psql('postgres', slurp_file("$here/reference.sql"));
my $kept = slurp_file("$here/reference.md");
is_deeply([split /\n/, $made], [split /\n/, $kept], 'docs/reference.md is as make reference makes it');

my %status_of = slurp_file("$here/refusal.hpp") =~ /constexpr int (\w+) = MAKE_SQLSTATE\(([^)]+)\)/g;
my $sqlstate;
my %documented = map {
    my ($state, $reasons) = /^\| ?(PT\d+)? ?\| ((?:`[a-z-]+`(?:, )?)+) \|/ ? ($sqlstate = $1 // $sqlstate, $2) : ();
    map { ("$state $_" => 1) } ($reasons // '') =~ /`([a-z-]+)`/g;
} split /\n/, $kept =~ s/.*^## Refusals//msr;
my %refusals = map { my ($status, $reason) = @$_; (($status_of{$status} =~ s/[', ]//gr) . " $reason" => 1) }
    map { [/Refusal \w+\{(\w+), "[^"]+", "([a-z-]+)"\}/] } slurp_file("$here/refusal.hpp") =~ /(Refusal \w+\{\w+, "[^"]+", "[a-z-]+"\})/g;
cmp_ok(scalar(keys %refusals), '>', 20, 'the code has refusals');
is_deeply([grep { !$documented{$_} } sort keys %refusals], [], 'each of them is in docs/reference.md');

$node->stop;
done_testing();
