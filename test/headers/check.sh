#!/usr/bin/env bash
# Compiles what includes the server's headers against those of the versions in the file packages: from Debian's packages, unpacked
# below build/headers, nothing installed. What cannot be had is skipped, aloud.
set -euo pipefail
# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/server.sh"
# shellcheck source=scripts/debian.sh
. "$top/scripts/debian.sh"
plain_environment
cd "$top"
folder=build/headers
mkdir -p "$folder"

# take PACKAGE FILE: if it is not there yet; says why it could not.
take() {
    local mirror
    [ ! -e "$2" ] || return 0
    [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || { echo "not a Debian on amd64"; return 1; }
    mirror=$(debian_mirror 2>&1) || { echo "$mirror"; return 1; }
    /usr/lib/apt/apt-helper download-file "$mirror/pool/main/p/$1" "$top/$2" >"$folder/apt.log" 2>&1 ||
        { grep -m 1 '^E:' "$folder/apt.log" || echo "apt cannot fetch it"; return 1; }
}

failed=0
while read -r version sum package; do
    name=postgresql-$version-headers
    file=$folder/${package##*/}
    if ! why=$(take "$package" "$file"); then
        echo "skipped $name: $why"
    elif ! echo "$sum $file" | sha256sum --check --status; then
        echo "not ok $name: another checksum than in ${BASH_SOURCE[0]%/*}/packages"
        rm "$file"
        failed=1
    else
        dir=${file%.deb}
        [ -d "$dir" ] || { rm -rf "$dir.new" && dpkg -x "$file" "$dir.new" && mv "$dir.new" "$dir"; }
        if make -s headers HEADERS="$dir/usr/include/postgresql/$version/server"; then
            echo "ok $name"
        else
            echo "not ok $name"
            failed=1
        fi
    fi
done < <(grep -v '^#' test/headers/packages)
exit "$failed"
