# What the tests of examples/sharding share: its scripts, which run as a reader would run them, and bookings for a shard of
# one's choice. The proxy is database postgres of a node.
package Shards;

use strict;
use warnings;
use Digest::SHA 'sha256_hex';
use Exporter 'import';
use File::Basename 'dirname';
use IPC::Run ();
use Test::More;

our @EXPORT = qw(skip_without_plproxy set_up split_shard conninfo slot booking_on);

my $scripts = dirname(dirname(__FILE__)) . '/sharding';
my $number = 0;

# Ends the test where the server has no PL/Proxy: Debian's package is not for every version.
sub skip_without_plproxy {
    chomp(my $sharedir = `pg_config --sharedir`);
    my ($version) = `pg_config --version` =~ /(\d+)/;
    plan skip_all => "this server has no PL/Proxy (package postgresql-$version-plproxy)" unless -e "$sharedir/extension/plproxy.control";
    return;
}

sub conninfo {
    my ($node, $database) = @_;
    return sprintf 'host=%s port=%d dbname=%s', $node->host, $node->port, $database;
}

sub script {
    my ($name, @arguments) = @_;
    my $said = '';
    IPC::Run::run(["$scripts/$name", @arguments], '>&', \$said) or die "$name failed: $said\n";
    note($said);
    return $said;
}

# Makes database postgres of a node the proxy of shards, [node, database] each.
sub set_up {
    my ($node, @shards) = @_;
    return script('setup.sh', conninfo($node, 'postgres'), map { conninfo(@$_) } @shards);
}

sub split_shard {
    my ($node, $shard, $new) = @_;
    local $ENV{PATIENCE} = 1;
    return script('split.sh', conninfo($node, 'postgres'), $shard, $new);
}

sub slot { return hex substr(sha256_hex($_[0]), 0, 3) }

# A booking_id that was not given before, with slot & (shards - 1) = shard.
sub booking_on {
    my ($shard, $shards) = @_;
    while (1) {
        my $booking = 'visit-' . ++$number;
        return $booking if (slot($booking) & ($shards - 1)) == $shard;
    }
}

1;
