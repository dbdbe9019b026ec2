# shellcheck shell=bash
# For scripts that source it after server.sh: the Debian mirror of the machine's own apt, and Debians in folders, which take root.

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
