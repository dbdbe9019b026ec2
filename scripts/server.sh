# shellcheck shell=bash
# For scripts that source it: a private copy of the server with the extension in it, and private clusters that run from it.
# Nothing of the system is touched. The caller chooses $work, the folder that all of it lives in. As root, what runs is run
# as user postgres, since the server refuses root.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Nothing of the caller's session may leak into what is run: not its servers, locale, umask or make.
plain_environment() {
    local name
    umask 022
    for name in "${!PG@}"; do
        [ "$name" = PG_CONFIG ] || unset "$name"
    done
    unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CDPATH TZ PERL5LIB PERL5OPT PROVE_TESTS
    export LC_ALL=C.UTF-8 LANG=C.UTF-8 HOME="${HOME:-/}"
    export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/sbin:/sbin"
}

complain() {
    echo "${0##*/}: $*" >&2
    return 1
}

# The pg_config of the newest server, 15 or newer, that has its development files: PG_CONFIG if that is set.
find_server() {
    local config
    if [ -n "${PG_CONFIG:-}" ]; then
        command -v "$PG_CONFIG"
        return
    fi
    for config in $(ls -rvd /usr/lib/postgresql/*/bin/pg_config 2>/dev/null) "$(command -v pg_config)"; do
        [ -x "$config" ] && [ -x "$("$config" --bindir)/postgres" ] && [ -e "$("$config" --pgxs)" ] &&
            [ -e "$("$config" --includedir-server)/postgres.h" ] &&
            [ "$("$config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 15 ] && echo "$config" && return
    done
    return 1
}

# as_server COMMAND...: in $work, as who the servers run as.
as_server() {
    local -a user=()
    if [ "$(id -u)" -eq 0 ]; then
        user=(setpriv --reuid=postgres --regid=postgres --init-groups)
    fi
    "${user[@]}" env -C "$work" HOME="$work" TMPDIR="$work/tmp" "$@"
}

# make_work DIR: sets $work to the emptied DIR, or to a folder below /tmp where the servers could not use DIR: a parent is
# closed to their user, the path is too long for a socket's name, or has characters that need quoting.
make_work() {
    rm -rf "$1"
    mkdir -p "$1"
    work=$1
    if [ ${#work} -gt 70 ] || [[ $work == *[!A-Za-z0-9._/-]* ]] || ! give_work; then
        rm -rf "$1"
        work=$(mktemp -d /tmp/videoroom.XXXXXX)
        give_work
    fi
    mkdir "$work/bin"
}

give_work() {
    [ "$(id -u)" -ne 0 ] || chown postgres: "$work"
    as_server sh -c 'chmod 700 . && mkdir tmp' 2>/dev/null
}

# stage_server [TREE NAME]: copies the server to $work/NAME and installs the extension that is built in TREE, this tree, into
# the copy: PostgreSQL finds its libraries and extensions relative to its own program. Sets $bin to the folder with the
# copy's programs.
stage_server() {
    local tree=${1:-$top} stage=$work/${2:-stage} dir
    for dir in $("$PG_CONFIG" --bindir) $("$PG_CONFIG" --pkglibdir) $("$PG_CONFIG" --sharedir); do
        mkdir -p "$stage$dir"
        cp -a --no-preserve=ownership "$dir/." "$stage$dir"
    done
    make -s -C "$tree" install PG_CONFIG="$PG_CONFIG" DESTDIR="$stage"
    bin=$stage$("$PG_CONFIG" --bindir)
    [ "$(as_server "$bin/pg_config" --pkglibdir)" = "$stage$("$PG_CONFIG" --pkglibdir)" ] ||
        complain "the copy of the server below $stage does not find its own libraries"
}

# start_cluster NAME SETTING...: a cluster on a socket in $work/NAME, open to its owner and root alone, and on no port.
start_cluster() {
    local dir=$work/$1
    shift
    as_server mkdir -m 700 "$dir"
    as_server "$bin/initdb" --no-sync -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2; return 1; }
    printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$dir'" "fsync = off" "$@" \
        >>"$dir/data/postgresql.conf"
    as_server "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 start >/dev/null ||
        { cat "$dir/server.log" >&2; return 1; }
}

# Stops every server below $work, whoever started it.
stop_servers() {
    local data
    [ -d "${work:-}" ] || return 0
    find "$work" -name postmaster.pid -printf '%h\n' 2>/dev/null | while read -r data; do
        as_server "$bin/pg_ctl" -D "$data" -m immediate -w -t 30 stop >/dev/null 2>&1 || true
    done
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || { complain "waited in vain for $what"; return; }
        sleep 0.1
    done
}

# start_program NAME OPTION...: runs $work/bin/NAME on a port that the kernel chooses and prints its address.
start_program() {
    local name=$1 log=$work/$1.log
    shift
    as_server setsid "$work/bin/$name" --port 0 "$@" </dev/null >"$log" 2>&1 &
    wait_for 20 "$name to listen" grep '^listening on ' "$log" || { cat "$log" >&2; return 1; }
    sed -n 's|^listening on \(http://\)*|http://|p' "$log"
}

# Ends every program of $work/bin, whoever started it.
stop_programs() {
    local exe pid
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
        "${work:?}"/bin/*)
            pid=${exe#/proc/}
            kill "${pid%/exe}" 2>/dev/null || true
            ;;
        esac
    done
}
