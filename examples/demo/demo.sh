#!/usr/bin/env bash
# The whole product on parts of its own: a private PostgreSQL with the extension, a Twilio simulator and the relay between
# them, and a story played on them (story.sh). Installs what is missing, builds, cleans up behind itself.
#   demo.sh          KEEP=1 in the environment leaves it running; PAGE=1: with the room page, which a browser opens
#   demo.sh stop     ends what KEEP=1 left
set -euo pipefail
# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/server.sh"
plain_environment
cd "$top"

folder=${DEMO_FOLDER:-$top/build/demo}
kept=$folder.kept # links to the folder of a demo that was left running
logs=$folder.log
picture=$folder.png

clean_up() {
    trap '' INT TERM HUP
    [ -d "${work:-}" ] || return 0
    stop_programs
    stop_servers
    cat "$work"/*.log "$work"/postgres/*.log >>"$logs" 2>/dev/null || true
    rm -rf "$work" "$kept"
}

finish() {
    local status=$?
    if [ "$status" -eq 0 ] && [ -n "${KEEP:-}" ]; then
        ln -sfn "$work" "$kept"
        return
    fi
    clean_up
    [ "$status" -eq 0 ] || echo "The demo failed. The logs are in $logs" >&2
}

if [ "${1:-}" = stop ]; then
    [ -d "$kept/" ] || complain "no demo was left running"
    work=$(readlink "$kept")
    bin=$(dirname "$(echo "$work"/stage/usr/*/*/*/bin/postgres)")
    clean_up
    exit
fi
[ ! -d "$kept/" ] || complain "a demo is running already; make demo-stop ends it"

[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m' ||
    bold='' dim='' green='' red='' plain=''

chapter() { printf '\n%s== %s ==%s\n' "$bold" "$*" "$plain"; }
tell() { printf '%s\n' "$*"; }
fail() { printf '%sFAILED%s %s\n' "$red" "$plain" "$*"; exit 1; }

chapter "Preparing"
scripts/dependencies demo ${PAGE:+page}
[ -z "${PAGE:-}" ] || scripts/npm-packages build/page examples/backend/package.json test/page/package.json
PG_CONFIG=$(find_server) || complain "no PostgreSQL with its development files found"
export PG_CONFIG
mkdir -p "${folder%/*}"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
printf "building the extension, the Twilio simulator and the relay "
make -j2 all simulator relay PG_CONFIG="$PG_CONFIG" 2>&1 | tee "$logs" |
    while read -r line; do
        [[ $line != *g++*.cpp* ]] || printf .
    done || { echo; grep -iE -A2 "error|undefined" "$logs" | head -n 40; fail "the build"; }
echo

make_work "$folder"
bin=$work/stage$("$PG_CONFIG" --bindir)
stage_server >>"$logs" 2>&1
cp build/twilio-simulator build/relay "$work/bin"

twilio=$(start_program twilio-simulator)
tell "Twilio (simulated)  $twilio"
relay=$(PGHOST=$work/postgres PGUSER=relay PGDATABASE=clinic start_program relay)
tell "relay               $relay/twilio"
template='https://app.example/room/{room_id}#token={token}'
if [ -n "${PAGE:-}" ]; then
    export NODE_PATH=$top/build/page/node_modules
    node examples/demo/page.js serve "$twilio" </dev/null >"$work/page.log" 2>&1 & # ends when the simulator does
    wait_for 20 "the room page" grep '^listening on ' "$work/page.log"
    read -r _ _ page _ signalling <"$work/page.log"
    template="$page/room/{room_id}#token={token}"
    tell "room page           $page/room/…"
fi
as_server sh -c 'umask 077; cat >credentials.json' <<'JSON'
{"account_sid": "AC00000000000000000000000000000001", "auth_token": "0123456789abcdef0123456789abcdef",
 "api_key_sid": "SK00000000000000000000000000000001", "api_key_secret": "simulator-api-key-secret"}
JSON
settings=(
    "shared_preload_libraries = 'videoroom'"
    "videoroom.credentials_file = '$work/credentials.json'"
    "videoroom.api_url = '$twilio'"
    "videoroom.callback_url = '$relay/twilio'"
    "videoroom.link_template = '$template'"
)
start_cluster postgres "${settings[@]}"
tell "PostgreSQL          socket in $work/postgres, with these settings:"
printf '    %s\n' "${settings[@]}"

. examples/demo/story.sh

if [ -n "${KEEP:-}" ]; then
    tell "
It is still running. Talk to it with
    $bin/psql -h $work/postgres -U postgres clinic
    curl $twilio/sim/rooms
${page:+open links by
    chromium --user-data-dir=/tmp/videoroom-demo --ignore-certificate-errors --host-resolver-rules='MAP *.twilio.com 127.0.0.1:$signalling'
}and end it with
    make demo-stop"
fi
