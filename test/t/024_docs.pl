# The documents: what they link to is there, what they name exists, and the SQL of README and docs/account.md runs as it stands there.
use strict;
use warnings;
use File::Basename qw(basename dirname);
use File::Spec;
use PostgreSQL::Test::Utils 'slurp_file';
use Steps;
use Test::More;
use VideoroomTest;
use Watch;

my $top = dirname(__FILE__) . '/docs';
my @pages = sort map { s{^\Q$top\E/}{}r } split /\n/, `find $top -name '*.md'`;
cmp_ok(scalar(@pages), '>', 10, 'there are pages');

my $makefile = slurp_file("$top/Makefile");

# --- links

# As GitHub makes it of a heading.
sub anchors {
    my ($page) = @_;
    my $text = slurp_file("$top/$page") =~ s/^```.*?^```$//msgr;
    return map { my $anchor = lc; $anchor =~ s/[^\w\- ]//g; $anchor =~ tr/ /-/; ($anchor => 1) } $text =~ /^#+ (.*)$/mg;
}
my @broken;
for my $page (@pages) {
    my $text = slurp_file("$top/$page") =~ s/^```.*?^```$//msgr;
    for my $link ($text =~ /\]\(([^()\s]+)\)/g) {
        next if $link =~ /^https?:/;
        my ($file, $anchor) = split /#/, $link, 2;
        my $target = $file eq '' ? $page : File::Spec->canonpath((dirname($page) eq '.' ? '' : dirname($page) . '/') . $file);
        1 while $target =~ s{[^/]+/\.\./}{};
        push @broken, "$page: $link" unless -e "$top/$target" && (!defined $anchor || { anchors($target) }->{$anchor});
    }
}
is_deeply(\@broken, [], 'every link leads somewhere');

# --- commands: a mark says which test runs them, or why none does

my $command = qr/^(?:sudo|make|psql|npm|node|curl|echo|git|pg_\w+|\.{1,2}\/|examples\/|build\/|PG[A-Z]+=|POST \/|SELECT|ALTER|CREATE|DROP|GRANT|SET|BEGIN|CALL)\b/;
my (@unmarked, @marks);
for my $page (grep { m{^README|^docs/|/README} } @pages) {
    my ($mark, $block, $blank, $fence) = ('', 0, 1, '');
    for my $line (split /\n/, slurp_file("$top/$page")) {
        if ($fence) {
            $fence = '' if $line =~ /^```$/;
        } elsif ($line =~ /^ *<!-- ((?:not )?run.*) -->$/) {
            push @marks, [$page, $mark = $1];
            ($block, $blank) = (0, 1);
            next;
        } elsif ($line =~ /^```(\w+)/) {
            push @unmarked, "$page: $line" if !$mark && $1 =~ /^(?:sql|sh|bash)$/;
            $fence = $1;
        } elsif ($line =~ /^ {4,}(\S.*)/ && ($block || $blank)) {
            my $first = $1;
            my ($target) = $first =~ /^make (\w[\w-]*)/;
            push @unmarked, "$page: $first" if !$block && !$mark && $first =~ $command && !($target && $makefile =~ /^#   make \Q$target\E\b/m);
            $block = 1;
        } elsif ($line ne '') {
            ($block, $mark) = (0, '');
        }
        $blank = $line eq '';
    }
}
is_deeply(\@unmarked, [], 'of every command it is said which test runs it');
is_deeply([grep { $_->[1] !~ /^not run: \w/ && !($_->[1] =~ /^run by (\S+)$/ && -e "$top/$1") } @marks], [], 'and that is there');

# --- names

my $twilio = start_simulator();
my $node = new_node(name => 'docs', simulator => $twilio, join_wait => '10s');
my %known = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', q{
    SELECT p.proname FROM pg_proc p WHERE p.proname ^@ 'videoroom_' UNION ALL SELECT relname FROM pg_class WHERE relname ^@ 'videoroom_'
    UNION ALL SELECT name FROM pg_settings WHERE name ^@ 'videoroom.'
    UNION ALL SELECT 'videoroom.' || c.relname FROM pg_class c WHERE c.relnamespace = 'videoroom'::regnamespace
    UNION ALL SELECT 'videoroom.' || p.proname FROM pg_proc p WHERE p.pronamespace = 'videoroom'::regnamespace});
my @unknown;
for my $page (grep { !/CHANGELOG/ } @pages) {
    my $text = slurp_file("$top/$page");
    push @unknown, map { "$page: $_" } grep { !$known{$_} } $text =~ /\b(videoroom_\w+)\(/g;
    push @unknown, map { "$page: $_" } grep { !$known{$_} } $text =~ /(?<![\w\/@-])(videoroom\.[a-z_]+)(?![\w.]|\.)/g if $page =~ /^(?:README|docs)/;
}
my %told = map { $_ => 1 } @unknown;
is_deeply([grep { !/videoroom\.(?:so|json|control|log|pem)$/ } sort keys %told], [], 'every function, table and setting that they name exists');

# --- SQL

# The statements of a block, comments and all; an ellipsis stands for something of one's own.
sub run_block {
    my ($what, $block, %of) = @_;
    for my $name (sort { length $b <=> length $a } keys %of) { $block =~ s/\Q$name\E/$of{$name}/g }
    my ($out, $error) = ('', '');
    my $status = $node->psql('postgres', $block, stdout => \$out, stderr => \$error, on_error_stop => 1);
    is($error =~ s/^.*WARNING.*\n//mgr, '', $what);
    return;
}

$node->safe_psql('postgres', 'CREATE TABLE appointment (id text); CREATE ROLE scheduler_role');
my ($from, $to) = row($node, "SELECT now(), now() + interval '30 min'");
my ($use) = slurp_file("$top/README.md") =~ /^```sql\n(.*?)^```/ms;
my ($booked) = $use =~ /(SELECT videoroom_create_booking.*?;)/s;
my ($room) = row($node, ($booked =~ s/'2026-12-01 09:00\+00', '2026-12-01 09:30\+00'/'$from', '$to'/r));
wait_until { $node->safe_psql('postgres', "SELECT count(*) FROM videoroom.session WHERE room_id = '$room'") } 20, 'the room';
run_block('the SQL of README, top to bottom', $use, 'INSERT INTO appointment …' => "INSERT INTO appointment VALUES ('appt-4711')", '3f0Q7sT…' => $room,
    "'2026-12-01 09:00+00', '2026-12-01 09:30+00'" => "'$from', '$to'", "'2026-12-01 09:45+00'" => "now() + interval '45 min'",
    "'2026-12-02 09:00+00', '2026-12-02 09:30+00'" => "now() + interval '1 day', now() + interval '25 hours'");
my ($extension) = slurp_file("$top/README.md") =~ /^ {4}(CREATE EXTENSION \w+;)/m;
my ($gone) = slurp_file("$top/README.md") =~ /^ {4}(DROP EXTENSION \w+;)/m;
$node->safe_psql('postgres', 'CREATE DATABASE another');
is(eval { $node->safe_psql('another', "$extension SELECT * FROM videoroom_health(); $gone") } ? '' : $@, '', 'README makes the extension, and drops it');
run_block('what docs/operations.md looks at', join "\n", slurp_file("$top/docs/operations.md") =~ /^ {4}(SELECT room_id, action.*;)$/mg);
my $account = slurp_file("$top/docs/account.md");
run_block('the settings of docs/account.md', join("\n", $account =~ /^ +(ALTER SYSTEM .*;|SELECT pg_reload_conf.*;)$/mg), '/etc/videoroom.json' => $node->basedir . '/credentials.json');
run_block('its grants', join("\n", $account =~ /^ +(SELECT videoroom_grant.*;)$/mg));
run_block('and how to take them back', join("\n", $account =~ /`(DROP OWNED BY .*?;)`/g));

$node->stop;
never_crashed($node);
done_testing();
