#!/usr/bin/env bash
# The Prometheus side of examples/monitoring, by promtool: the files are well formed, and each alert fires where it should
# (rules.test.yml). The scraping of a real server is `make alerts`.
set -euo pipefail
# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/server.sh"
plain_environment
cd "$top"
PATH=$top/build/unpacked/usr/bin:$PATH
command -v promtool >/dev/null || { echo "skipped promtool: there is no promtool"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rules=$work/rules.yml
cp examples/monitoring/{rules,prometheus}.yml test/monitoring/rules.test.yml "$work"

failed=0
# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        cat "$work/log"
        failed=1
    fi
}
breaks() { ! "$@"; }

check rules promtool check rules "$rules"
check config promtool check config "$work/prometheus.yml"
check tests promtool test rules "$work/rules.test.yml"

# A test that expects quiet passes for an alert that is not there: with any of them away the tests must fail.
mapfile -t alerts < <(sed -n 's/^ *- alert: //p' examples/monitoring/rules.yml)
[ ${#alerts[@]} -gt 0 ]
for alert in "${alerts[@]}"; do
    sed "s/^\( *- alert: $alert\)$/\1Renamed/" examples/monitoring/rules.yml >"$rules"
    check "a test sees $alert fire" breaks promtool test rules "$work/rules.test.yml"
done

test/monitoring/quicker examples/monitoring/rules.yml >"$rules"
check "rules, quicker" promtool check rules "$rules"
without_times() { sed 's/\(for: [0-9]*\)[ms]$/\1/; s/\[\([0-9]*\)[ms]\]/[\1]/g' "$1"; }
check "quicker changes times alone" diff <(without_times examples/monitoring/rules.yml) <(without_times "$rules")
check "quicker changes every minute" breaks grep -E '(for: |\[)[0-9]+m' "$rules"
exit "$failed"
