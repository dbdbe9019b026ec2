# shellcheck shell=bash
# For scripts that compare this tree's build with an earlier one's. $PG_CONFIG is set, scripts/server.sh sourced.

# build_commit COMMIT: builds it in a folder of its own, where it stays, and prints the folder.
build_commit() {
    local commit tree
    commit=$(git -C "$top" rev-parse --verify --quiet "$1^{commit}") || complain "there is no commit $1 here" || return
    tree=$top/build/base/$commit
    if [ ! -d "$tree" ]; then
        rm -rf "$tree.new"
        mkdir -p "$tree.new"
        git -C "$top" archive "$commit" | tar -x -C "$tree.new"
        mv "$tree.new" "$tree"
    fi
    make -s -j2 -C "$tree" all PG_CONFIG="$PG_CONFIG" >&2
    echo "$tree"
}
