# shellcheck shell=bash
# For scripts that source it after server.sh: the Debian mirror of the machine's own apt.

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
