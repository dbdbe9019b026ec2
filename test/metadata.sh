#!/usr/bin/env bash
# META.json and debian/changelog say what the control file says; scripts/metadata names whatever would not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failed=0

ok() { # STATUS WHAT
    [ "$1" -eq 0 ] || { printf 'not '; failed=1; }
    echo "ok $2"
}

# refuses FILE EDIT WORDS: with sed's EDIT done to a copy of FILE.
refuses() {
    local said status=0
    rm -rf "$copy"
    mkdir -p "$copy/debian"
    cp videoroom.control META.json "$copy"
    cp debian/changelog "$copy/debian"
    sed -i "$2" "$copy/$1"
    said=$(scripts/metadata "$copy" 2>&1) && status=1
    grep -qF "$3" <<<"$said" || status=1
    [ "$status" -eq 0 ] || echo "$said"
    ok "$status" "another $1 is refused: $3"
}

status=0
scripts/metadata || status=$?
ok "$status" "the extension's name, version and script are everywhere the same"
refuses videoroom.control "s/^\(default_version = '[0-9]*\.[0-9]*\)\..*/\1'/" "has not three parts"
refuses videoroom.control "s/^\(default_version = '\)/\11/" "META.json: version is "
refuses META.json '1,/"name"/s/"videoroom"/"videoroom2"/' "META.json: name is 'videoroom2'"
refuses META.json '/"provides"/,/"prereqs"/s/\("version": "\)/\11/' "META.json: version of videoroom is "
refuses META.json 's|"file": ".*"|"file": "sql/10-tables.sql"|' "META.json: file of videoroom is 'sql/10-tables.sql'"
refuses debian/changelog '1s/(/(1/' "debian/changelog: version is "
exit "$failed"
