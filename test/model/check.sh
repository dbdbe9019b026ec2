#!/bin/sh
# Verifies videoroom.pml and classes.pml exhaustively, then plants one fault after another and demands that spin finds each.
# Needs spin and gcc. JOBS: how many verifications at once (default: one per processor).
set -u
here=$(cd "$(dirname "$0")" && pwd)

for tool in spin gcc; do
    command -v "$tool" >/dev/null || { echo "Bail out! $tool is not installed"; exit 1; }
done

# verify MODEL EXPECTED TEXT DEFINES...: run in a folder of its own, leave one result line in `line`
verify() {
    model=$here/$1.pml expected=$2 text=$3
    shift 3
    case $expected in
        holds)   how="-O1 -DSAFETY" run="" ;;
        breaks)  how="-O0 -DSAFETY" run="" ;;
        ends)    how="-O1 -DNP" run="-l" ;;
        circles) how="-O0 -DNP" run="-l" ;;
        *)       echo "not ok - $text: no such expectation: $expected" >line; return ;;
    esac
    # shellcheck disable=SC2086 # several words
    if ! spin "$@" -a "$model" >spin.log 2>&1 ||
       ! gcc -w $how -DMEMLIM=1000 "$@" -o pan pan.c >gcc.log 2>&1; then
        echo "not ok - $text: does not build" >line
        return
    fi
    timeout 300 ./pan $run -m2000000 -w20 >pan.log 2>&1

    # A search cut short proves nothing, and an error must be the one that was asked for.
    if grep -qE 'max search depth too small|out of memory|reached -DMEMLIM' pan.log; then
        found="a search cut short"
    elif grep -q 'assertion violated (last_sid' pan.log; then
        found="more sessions than SIDS"
    elif grep -q 'errors: 0$' pan.log && ! grep -q 'Search not completed' pan.log; then
        case $expected in ends) found=ends ;; *) found=holds ;; esac
    elif grep -q 'non-progress cycle' pan.log; then
        found=circles
    elif grep -q 'assertion violated' pan.log; then
        found=breaks
    else
        found="something else: $(grep -m1 '^pan:' pan.log)"
    fi
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
    if [ "$found" = "$expected" ]; then
        echo "ok - $text ($expected; $states states)" >line
    else
        echo "not ok - $text (expected: $expected, found: $found)" >line
    fi
}

if [ "${1-}" = --one ]; then
    cd "$2" || exit 1
    shift 2
    verify "$@"
    exit 0
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# What is to be verified: expectation | text | defines | model
cat >"$work/plan" <<'PLAN'
holds|no room is lost, doubled or left alive, without the sweep|
holds|the same with two crashes|-DCRASHES=2 -DENDS=0 -DJOINS=0
holds|the same with three losses|-DLOSSES=3 -DENDS=0
holds|the same when a cancel books the next room and both share the budget of faults|-DROOMS=2 -DLOSSES=1 -DENDS=0 -DJOINS=0
holds|the same when callbacks come twice|-DREPEATS -DLOSSES=1 -DCRASHES=0 -DJOINS=0
holds|the same when the worker may sleep before it sends and counts the window from when it gave up|-DSTALLS
holds|with the sweep the tables agree with Twilio in full|-DSWEEP -DLOSSES=1
holds|the same when creates are refused for good, retried and discarded|-DDEATHS=2
holds|a restored copy in the place of its original agrees with Twilio after the sweep|-DRESTORE -DSWEEP -DLOSSES=1 -DCRASHES=0 -DENDS=0 -DJOINS=0
breaks|without the sweep it does not|-DRESTORE -DONLY_THE_END -DLOSSES=1 -DCRASHES=0 -DENDS=0 -DJOINS=0
ends|every run comes to rest|
ends|every run comes to rest with the sweep, too|-DSWEEP -DLOSSES=1
ends|every run comes to rest with refusals for good, too|-DDEATHS=1 -DLOSSES=1
breaks|possible: a session that ended by itself is followed by another|-DWITNESS=1
breaks|possible: a room closes before it was ever made|-DWITNESS=2
breaks|possible: a create comes through after its room was closed|-DWITNESS=3
breaks|possible: a session nobody heard of came and went|-DWITNESS=4
breaks|possible: a room gets a session though its create was discarded|-DWITNESS=5 -DDEATHS=2
breaks|possible: a room gets a session once its create was retried|-DWITNESS=6 -DDEATHS=1
PLAN
faults() {
    while read -r expected fault defines; do
        case $expected in
            ''|'#'*) ;;
            *)
                grep -q "$fault" "$here/$1.pml" || { echo "Bail out! the model knows no $fault"; exit 1; }
                echo "$expected|$fault${defines:+ $defines}|-D$fault -DONLY_THE_END $defines|$1"
                ;;
        esac
    done
}
faults videoroom >"$work/faults" <<'FAULTS'
breaks FAULT_DELETE_BEFORE_ANSWER
breaks FAULT_DROP_SENT_CREATE
breaks FAULT_CANCEL_DELETES_CREATE
breaks FAULT_DIES_UNRESOLVED
breaks FAULT_NO_SETTLE_AFTER_RECORD
breaks FAULT_CALLBACK_WITHOUT_SETTLE
breaks FAULT_SETTLE_BEFORE_DELETE
breaks FAULT_RECORD_IN_TWO_TRANSACTIONS
breaks FAULT_DECIDE_BEFORE_LOCK
breaks FAULT_SENT_NOT_COMMITTED
breaks FAULT_SENT_AT_NOT_RENEWED
breaks FAULT_REFUSAL_CLEARS_SENT
breaks FAULT_REFUSAL_CLEARS_OLD_SENT
breaks FAULT_NO_WINDOW
breaks FAULT_WINDOW_JUDGED_AT_ANSWER
breaks FAULT_WINDOW_SINCE_SENT_AT_ONLY -DSTALLS
breaks FAULT_ONE_ANSWER_RESOLVES_ALL
breaks FAULT_EXISTS_IS_FAILURE
breaks FAULT_NO_UNIQUE_NAME
breaks FAULT_LAST_CALLBACK_WINS
breaks FAULT_DIES_WHILE_SENT -DDEATHS=1 -DENDS=0 -DJOINS=0
breaks FAULT_DISCARD_ALIVE -DDEATHS=1 -DENDS=0 -DJOINS=0
breaks FAULT_RETRY_KEEPS_REFUSAL -DDEATHS=1 -DENDS=0 -DJOINS=0
circles FAULT_ALREADY_SO_NOT_RECORDED
circles FAULT_SWEEP_TRUSTS_ABSENCE -DSWEEP -DLOSSES=1
# Faults that another rule makes good:
holds FAULT_COMPLETE_DONE_ON_404_WHILE_CREATE_PENDING
holds FAULT_ONE_ANSWER_RESOLVES_ALL -DSWEEP -DLOSSES=1
holds FAULT_WINDOW_SINCE_SENT_AT_ONLY
FAULTS
echo 'holds|no class of work starves, and none takes more than its share||classes' >>"$work/plan"
faults classes >>"$work/faults" <<'FAULTS'
breaks FAULT_NO_PLACE_IS_KEPT
breaks FAULT_STRICT_PRIORITY
breaks FAULT_BACKGROUND_TAKES_ALL
breaks FAULT_UNRECORDED_ANSWERS_COUNT
breaks FAULT_UNRECORDED_WITHOUT_BOUND
breaks FAULT_SHARED_FAILURES
breaks FAULT_LIMIT_HOLDS_ALL
FAULTS
cat "$work/faults" >>"$work/plan"

number=0
while IFS='|' read -r expected text defines model; do
    number=$((number + 1))
    mkdir "$work/$(printf %03d $number)"
    # One argument a line for xargs: folder, expectation, text, defines
    printf '%s\0' "$work/$(printf %03d $number)|${model:-videoroom}|$expected|$text|$defines"
done <"$work/plan" >"$work/queue"

# shellcheck disable=SC2016 # the inner shell expands these
xargs -0 -n 1 -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" sh -c '
    IFS="|"
    set -f
    set -- "$0" $1
    script=$1 folder=$2 model=$3 expected=$4 text=$5 defines=${6-}
    IFS=" "
    exec sh "$script" --one "$folder" "$model" "$expected" "$text" $defines
' "$here/check.sh" <"$work/queue"

count=$(wc -l <"$work/plan")
bad=0
echo "1..$((count + 1))"
number=0
while [ $number -lt "$count" ]; do
    number=$((number + 1))
    folder=$work/$(printf %03d $number)
    line=$(cat "$folder/line" 2>/dev/null || echo "not ok - did not run")
    case $line in
        ok*) echo "ok $number${line#ok}" ;;
        *)   echo "not ok $number${line#not ok}"; bad=$((bad + 1))
             grep -h '^pan:' "$folder/pan.log" 2>/dev/null | sed 's/^/# /' ;;
    esac
done

# The claims are explained where they are quoted, so they have to be quoted as they are.
sed -n 's/^    \(assert(.*\)/\1/p' "$here/../../docs/how-it-works.md" >"$work/quotes"
missing=$(while read -r claim; do grep -qF "$claim" "$here/videoroom.pml" || echo "# not in the model: $claim"; done <"$work/quotes")
if [ -s "$work/quotes" ] && [ -z "$missing" ]; then
    echo "ok $((count + 1)) - docs/how-it-works.md quotes the claims"
else
    echo "not ok $((count + 1)) - docs/how-it-works.md quotes the claims"
    echo "$missing"
    bad=$((bad + 1))
fi
[ $bad -eq 0 ] || { echo "# $bad of $((count + 1)) are not as expected"; exit 1; }
