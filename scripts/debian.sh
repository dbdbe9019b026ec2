# shellcheck shell=bash
# For scripts that source it after server.sh: the Debian mirror of the machine's own apt, and Debians in folders, which take root.

# What the project is tried on.
suites=(bookworm trixie sid sid+19)

# The address of the mirror, without a slash at its end.
debian_mirror() {
    local mirror
    # shellcheck disable=SC2016 # apt's own variables
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | sed -n 1p)
    # Debian's images for clouds name a file that lists mirrors.
    [[ $mirror != mirror+file:* ]] || mirror=$(sed -n '/^[a-z]/{s/[[:space:]].*//p;q}' "${mirror#mirror+file:}")
    [ -n "$mirror" ] || complain "apt knows no Debian mirror here (apt-get update?)" || return
    echo "${mirror%/}"
}

# make_debian DIR SUITE: with the packages that every Debian has and no others.
make_debian() {
    local mirror
    mirror=$(debian_mirror) || return
    debootstrap --variant=minbase "$2" "$1" "$mirror" && cp /etc/hosts "$1/etc"
}

# in_debian DIR COMMAND...: as root in it, with the /proc that some packages' scripts need.
in_debian() {
    # shellcheck disable=SC2016 # the inner shell's
    unshare --mount sh -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' sh "$1" \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "${@:2}"
}

# add_suite DIR SUITE: takes packages from it too.
add_suite() {
    local mirror
    mirror=$(debian_mirror) || return
    echo "deb $mirror $2 main" >"$1/etc/apt/sources.list.d/$2.list"
}

# install_in DIR PACKAGE...: servers among them, without the cluster that Debian would make and start.
install_in() {
    local dir=$1
    shift
    in_debian "$dir" apt-get update -q &&
        in_debian "$dir" apt-get install -y -q --no-install-recommends postgresql-common &&
        echo "create_main_cluster = off" >>"$dir/etc/postgresql-common/createcluster.conf" &&
        in_debian "$dir" apt-get install -y -q --no-install-recommends "$@"
}

# choose_suites: sets $chosen to those that SUITES in the environment names, or to all.
choose_suites() {
    local suite
    read -ra chosen <<<"${SUITES:-${suites[*]}}"
    for suite in "${chosen[@]}"; do
        [[ " ${suites[*]} " == *" $suite "* ]] || complain "no suite $suite; there are ${suites[*]}" || return
    done
}

# make_fresh SUITE DIR: no more in it than make, and sid+19's server.
make_fresh() {
    make_debian "$2" "${1%+19}" || return
    # Some mirrors of sid are copies of a day long past.
    [[ $1 != sid* ]] || echo 'Acquire::Check-Valid-Until "false";' >"$2/etc/apt/apt.conf.d/50videoroom"
    if [ "$1" = sid+19 ]; then
        add_suite "$2" experimental
        printf '%s\n' "Package: src:postgresql-19" "Pin: release a=experimental" "Pin-Priority: 990" >"$2/etc/apt/preferences.d/videoroom"
        install_in "$2" make postgresql-19 postgresql-server-dev-19
    else
        in_debian "$2" apt-get update -q && in_debian "$2" apt-get install -y -q --no-install-recommends make
    fi
}

# The fresh systems are kept here, each as SUITE.tar.
fresh_debians=${MATRIX_FOLDER:-$top/build/matrix}

# unpack_fresh SUITE DIR: makes DIR a fresh system.
unpack_fresh() {
    local kept=$fresh_debians/$1.tar
    rm -rf --one-file-system "$2"
    mkdir -p "$fresh_debians" "${2%/*}"
    if [ -e "$kept" ]; then
        mkdir "$2" && tar -C "$2" -xpf "$kept" || return
    else
        make_fresh "$1" "$2" && tar -C "$2" --one-file-system -cf "$kept.new" . && mv "$kept.new" "$kept" || return
    fi
    cp /etc/resolv.conf "$2/etc"
}

# session_in DIR FOLDER [NAME=VALUE...] COMMAND...: in its FOLDER as a new root session, whose processes end with it.
session_in() {
    # shellcheck disable=SC2016 # the inner shell's
    unshare --mount --pid --ipc --fork --kill-child sh -ec '
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
        debian=$1 folder=$2
        shift 2
        exec chroot "$debian" env -i -C "$folder" HOME=/root PATH=/usr/local/bin:/usr/bin:/bin "$@"
    ' sh "$@" </dev/null
}
