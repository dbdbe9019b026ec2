# shellcheck shell=bash disable=SC2154
# The story: sourced by demo.sh, which has started everything. Each step shows what it does and checks what it shows.

checks=0

# query ROLE SQL: the bare answer.
query() {
    "$bin/psql" -XAtq -h "$work/postgres" -U "$1" -d clinic -v ON_ERROR_STOP=1 -c "$2"
}

# show ROLE SQL: the statement and its answer, as in psql.
show() {
    printf '%s%s=>%s %s\n' "$dim" "$1" "$plain" "$2"
    "$bin/psql" -Xq -h "$work/postgres" -U "$1" -d clinic -v ON_ERROR_STOP=1 -P footer=off -c "$2"
}

# refused ROLE SQLSTATE SQL: shows the refusal.
refused() {
    local said
    printf '%s%s=>%s %s\n' "$dim" "$1" "$plain" "$3"
    said=$("$bin/psql" -Xq -h "$work/postgres" -U "$1" -d clinic -v VERBOSITY=verbose -c "$3" 2>&1) || true
    printf '%s\n' "$said" | grep -E '^(ERROR|DETAIL|HINT)'
    [[ $said == "ERROR:  $2: "* ]] || fail "expected SQLSTATE $2"
    checks=$((checks + 1))
}

# check WHAT FOUND EXPECTED
check() {
    [ "$2" = "$3" ] || fail "$1: found '$2', expected '$3'"
    checks=$((checks + 1))
    printf '%sok%s %s\n' "$green" "$plain" "$1"
}

# holds ROLE SQL: whether the answer is true.
holds() {
    [ "$(query "$1" "$2")" = t ]
}

# sim METHOD PATH [JSON]: a command to the simulator.
sim() {
    curl -sS --fail-with-body -X "$1" "$twilio/sim/$2" ${3:+-d "$3"}
}

# member PATH: what is there in the JSON on standard input; PATH as in '{0,status}'.
member() {
    "$bin/psql" -XAtq -h "$work/postgres" -U postgres -d clinic -v json="$(cat)" -v path="$1" <<'SQL'
SELECT :'json'::jsonb #>> :'path';
SQL
}

# at_twilio ROOM_ID PATH: of the newest room of that name, by what Twilio itself says.
at_twilio() {
    sim GET "rooms?room=$1" | member "{-1,$2}"
}

is_completed_at_twilio() {
    [ "$(at_twilio "$1" status)" = completed ]
}

# link_of ROOM_ID USER: joins and shows the whole link, for the people and for $link.
link_of() {
    link=$(query backend "SELECT link FROM videoroom_join('$1', '$2')")
    tell "$2's link:"
    tell "    $link"
}

# enter LINK: a browser opens the link and connects to Twilio with its token.
enter() {
    sim POST connect "{\"token\": \"${1#*#token=}\"}" >/dev/null
}

# settled ROOM_ID CONDITION: waits until the row of the room in videoroom_rooms is so.
settled() {
    wait_for 30 "$2" holds scheduler "SELECT $2 FROM videoroom_rooms WHERE room_id = '$1'"
}

status() {
    show scheduler "SELECT user_id, status, connected_seconds FROM videoroom_participants WHERE room_id = '$1' ORDER BY 1"
    show scheduler "SELECT booking_id, status, connected, final FROM videoroom_rooms WHERE room_id = '$1'"
}

chapter "Installing the extension"
"$bin/createdb" -h "$work/postgres" -U postgres clinic
show postgres "CREATE EXTENSION videoroom"
for role in scheduler backend relay operator; do
    query postgres "CREATE ROLE $role LOGIN; SELECT videoroom_grant('$role', '$role')" >/dev/null
done
tell "Roles scheduler, backend, relay and operator may do their part and nothing else: videoroom_grant(role, part)."

chapter "A booking, and the room is made ahead of the people"
starts=$(date -u -d "5 minutes" +%FT%RZ)
ends=$(date -u -d "45 minutes" +%FT%RZ)
booked="SELECT videoroom_create_booking('visit-1001', '$starts', '$ends', '{alice,bob}')"
tell "The doctor's appointment begins in five minutes; its room opens 15 minutes early, so now."
room=$(query scheduler "$booked")
printf '%sscheduler=>%s %s\n    %s\n' "$dim" "$plain" "$booked" "$room"
wait_for 30 "Twilio's room" holds scheduler "SELECT status = 'in-progress' FROM videoroom_rooms WHERE room_id = '$room'"
check "the worker made the room at Twilio" "$(at_twilio "$room" status)" in-progress
check "asking again books nothing new" "$(query scheduler "$booked")" "$room"
show scheduler "SELECT jsonb_pretty(videoroom_get('$room'))"

chapter "Joining"
link_of "$room" alice
alice=$link
link_of "$room" bob
bob=$link
tell "A stranger asks, and somebody mistypes:"
refused backend PT403 "SELECT * FROM videoroom_join('$room', 'mallory')"
refused backend PT404 "SELECT * FROM videoroom_join('no-such-room', 'alice')"

chapter "People come and go: Twilio tells the relay, the relay tells the database"
enter "$alice"
enter "$bob"
settled "$room" "connected = 2"
status "$room"
check "both are connected" "$(query scheduler "SELECT count(*) FROM videoroom_participants WHERE room_id = '$room' AND status = 'connected'")" 2
tell "bob leaves:"
sim POST disconnect "{\"room\": \"$room\", \"identity\": \"bob\"}" >/dev/null
settled "$room" "connected = 1"
status "$room"
check "alice is waiting, alone" "$(query scheduler "SELECT string_agg(user_id, ' ') FROM videoroom_participants WHERE room_id = '$room' AND waiting")" alice
tell "Somebody forges a callback:"
forged=$(curl -sS -o /dev/null -w '%{http_code}' -H 'X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=' \
    -d "RoomName=$room&StatusCallbackEvent=room-ended" "$relay/twilio")
check "the relay answers 403" "$forged" 403
check "and nothing of it is kept" "$(query postgres "SELECT count(*) FROM videoroom.callback WHERE signature LIKE 'AAAA%'")" 0

chapter "Rescheduled, and the old link still works"
new_room=$(query scheduler "SELECT videoroom_reschedule('visit-1001', now() + interval '10 min', now() + interval '55 min')")
tell "scheduler moves visit-1001 by ten minutes: new room $new_room"
wait_for 30 "the old call to end" is_completed_at_twilio "$room"
check "the old call was ended at Twilio" "$(at_twilio "$room" status)" completed
settled "$room" final
wait_for 30 "the new room" holds scheduler "SELECT status = 'in-progress' FROM videoroom_rooms WHERE room_id = '$new_room'"
tell "alice still has the old address, room $room:"
show backend "SELECT room_id, user_id, expires_at FROM videoroom_join('$room', 'alice')"
check "the old room leads to the new one" "$(query backend "SELECT room_id FROM videoroom_join('$room', 'alice')")" "$new_room"

chapter "Cancelled during a call"
link_of "$new_room" alice
enter "$link"
settled "$new_room" "connected = 1"
show scheduler "SELECT videoroom_cancel('visit-1001', 'doctor is ill')"
wait_for 30 "the call to end" is_completed_at_twilio "$new_room"
check "Twilio's ledger: the room is completed" "$(at_twilio "$new_room" status)" completed
check "Twilio's ledger: alice is out" "$(at_twilio "$new_room" participants,0,status)" disconnected
settled "$new_room" final
status "$new_room"
check "the booking is cancelled" "$(query scheduler "SELECT status FROM videoroom_rooms WHERE room_id = '$new_room'")" cancelled
refused backend PT404 "SELECT * FROM videoroom_join('$new_room', 'alice')"

chapter "Twilio is down, and nobody notices but the worker"
sim POST faults '{"match": {"path": "^/v1/"}, "status": 503, "count": -1}' >/dev/null
tell "Twilio answers 503 to everything. Booking goes on as if nothing were wrong:"
room=$(query scheduler "SELECT videoroom_create_booking('visit-1002', now() + interval '5 min', now() + interval '45 min', '{carol}')")
tell "    $room"
wait_for 30 "a failed attempt" holds postgres "SELECT bool_or(attempts > 0) FROM videoroom.outbox WHERE room_id = '$room'"
show postgres "SELECT action, attempts, last_error ->> 'status' AS status, dead_at FROM videoroom.outbox WHERE room_id = '$room'"
check "the room does not exist yet" "$(query scheduler "SELECT status FROM videoroom_rooms WHERE room_id = '$room'")" not-started
tell "carol is early and has to try again:"
refused backend PT503 "SELECT * FROM videoroom_join('$room', 'carol')"
tell "Twilio is back:"
sim DELETE faults >/dev/null
wait_for 60 "the room to be made" holds scheduler "SELECT status = 'in-progress' FROM videoroom_rooms WHERE room_id = '$room'"
check "the worker made up for it by itself" "$(at_twilio "$room" status)" in-progress
link_of "$room" carol

if [ -n "${PAGE:-}" ]; then
    chapter "In a browser"
    tell "carol opens her link, and joins:"
    tell "    $(node examples/demo/page.js visit "$signalling" "$link" "$picture")"
    settled "$room" "connected = 0"
    status "$room"
    check "carol was in the call" "$(query scheduler "SELECT status FROM videoroom_participants WHERE room_id = '$room' AND user_id = 'carol'")" disconnected
    tell "What she saw is in $picture"
fi

chapter "Health"
wait_for 60 "every check of videoroom_health() to be good" holds operator "SELECT bool_and(ok) FROM videoroom_health()"
show operator "SELECT name, ok, detail FROM videoroom_health()"
check "every check is good" "$(query operator "SELECT bool_and(ok) FROM videoroom_health()")" t
check "the worker kept to Twilio's contract" "$(sim GET violations)" '[]'

tell "
${bold}That was it: $checks checks held.${plain}"
