# shellcheck shell=bash
# For the scripts beside it, which take longer than `make test` may: builds, and makes a private server with the extension and
# the simulator. Sets $work and $bin; $logs, build/NAME for script NAME, keeps the logs.
# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/server.sh"
# shellcheck source=scripts/debian.sh
. "$top/scripts/debian.sh"
plain_environment
cd "$top" || exit

logs=$top/build/${0##*/}

finish() {
    local status=$?
    trap '' EXIT INT TERM HUP
    if [ -d "${work:-}" ]; then
        ! declare -F end >/dev/null || end
        stop_servers
        stop_programs
        cp "$work"/*.log "$work"/*/server.log "$logs" 2>/dev/null || true
        rm -rf "$work"
    fi
    exit "$status"
}

# prepare SET...: with the packages of these sets of scripts/dependencies. A script's own function `end` comes before the
# server is stopped, however it ends.
prepare() {
    "$top/scripts/dependencies" "$@"
    PG_CONFIG=$(find_server) || complain "no PostgreSQL with its development files found"
    export PG_CONFIG
    make -s -j2 all simulator relay PG_CONFIG="$PG_CONFIG"
    rm -rf "$logs"
    mkdir -p "$logs"
    make_work "$logs/run"
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    stage_server
    cp build/twilio-simulator build/relay "$work/bin"
}

# The settings for a server that calls the simulator at $1, with the credentials it knows.
simulated() {
    as_server sh -c 'umask 077; cat >credentials.json' <<'JSON'
{"account_sid": "AC00000000000000000000000000000001", "auth_token": "0123456789abcdef0123456789abcdef",
 "api_key_sid": "SK00000000000000000000000000000001", "api_key_secret": "simulator-api-key-secret"}
JSON
    printf '%s\n' "shared_preload_libraries = 'videoroom'" "videoroom.api_url = '$1'" \
        "videoroom.credentials_file = '$work/credentials.json'" "videoroom.callback_url = 'http://127.0.0.1:9/twilio'" \
        "videoroom.link_template = 'https://app.example/room/{room_id}#token={token}'"
}

# sql STATEMENT [OPTION...]: what psql prints, as the owner of cluster $cluster.
sql() {
    local statement=$1
    shift
    as_server "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$work/${cluster:-server}" -U postgres -d postgres "$@" -c "$statement"
}

# The lines of a server's log that no server should write.
crashes() {
    grep -E 'PANIC|TRAP|was terminated by signal|could not record an answer' "$work/${cluster:-server}/server.log"
}
