# What the files of examples/monitoring say.
package Monitoring;

use strict;
use warnings;
use CPAN::Meta::YAML;
use Exporter 'import';
use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Utils 'slurp_file';

our @EXPORT = qw(monitoring_file yaml queries metrics dashboard);

sub monitoring_file { my ($name) = @_; return "$FindBin::Bin/monitoring/$name" }
sub yaml { my ($name) = @_; return CPAN::Meta::YAML->read_string(slurp_file(monitoring_file($name)))->[0] }

# name => { sql, labels => [...], metrics => { column => 'type: help' } }
sub queries {
    my $file = yaml('queries.yml');
    my %queries;
    for my $name (keys %$file) {
        my $query = $queries{$name} = { sql => $file->{$name}{query}, labels => [], metrics => {} };
        for my $column (@{ $file->{$name}{metrics} }) {
            my ($of, $is) = %$column;
            # postgres_exporter drops a column of any other usage, and says nothing.
            die "$name.$of: no usage $is->{usage}\n" unless $is->{usage} =~ /^(?:LABEL|COUNTER|GAUGE)$/;
            if ($is->{usage} eq 'LABEL') {
                push @{ $query->{labels} }, $of;
            } else {
                $query->{metrics}{$of} = lc($is->{usage}) . ": $is->{description}";
            }
        }
    }
    return %queries;
}

# name => 'type: help'
sub metrics {
    my %queries = queries();
    return map { my $name = $_; map { ("${name}_$_" => $queries{$name}{metrics}{$_}) } keys %{ $queries{$name}{metrics} } } keys %queries;
}

# The dashboard's queries.
sub dashboard {
    my $dashboard = JSON::PP->new->decode(slurp_file(monitoring_file('dashboard.json')));
    return map { $_->{expr} } map { @{ $_->{targets} } } @{ $dashboard->{panels} };
}

1;
