#!/bin/bash
# SPDX-License-Identifier: MIT
#
# try-clean-debian.sh DIRECTORY [GOAL...]
#
# Whether a fresh Debian 12 with git, make and a C compiler is enough: makes one
# in DIRECTORY with debootstrap, clones the commit that is checked out into it,
# and makes the goals there (demo and check), which install the rest. Needs root.
# A directory that has a system from an earlier call is used as it is, with a
# new clone. The kernel's /sys is not visible in there, and /dev is a new one.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [GOAL...]" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "$0: needs root, for chroot" >&2; exit 1; }
command -v debootstrap >/dev/null ||
	{ echo "$0: needs debootstrap: apt-get install debootstrap" >&2; exit 1; }
mkdir -p "$1"
target=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- demo check
source=$(cd "$(dirname "$0")/.." && pwd)

inside()
{
	chroot "$target" /usr/bin/env -i HOME=/root TERM="${TERM-dumb}" \
		LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		${http_proxy:+http_proxy="$http_proxy"} \
		${https_proxy:+https_proxy="$https_proxy"} \
		DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

if [ ! -e "$target/etc/debian_version" ]; then
	# The mirror is the one that this system uses.
	mirror=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Codename: bookworm' | head -n 1)
	debootstrap --variant=minbase bookworm "$target" ${mirror:+"$mirror"}
fi

# A mount namespace of its own: nothing stays mounted when this ends.
if [ "${TRY_CLEAN_NAMESPACE-}" != yes ]; then
	TRY_CLEAN_NAMESPACE=yes exec unshare --mount --propagation private \
		"$(realpath "$0")" "$target" "$@"
fi
mount -t proc -o nosuid,nodev,noexec proc "$target/proc"
mount -t tmpfs -o mode=755 tmpfs "$target/dev"
for node in null zero full random urandom tty; do
	touch "$target/dev/$node"
	mount --bind "/dev/$node" "$target/dev/$node"
done
mkdir "$target/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$target/dev/shm"
ln -s /proc/self/fd "$target/dev/fd"
cp /etc/resolv.conf "$target/etc/resolv.conf"

inside apt-get update -q
inside apt-get install -q -y --no-install-recommends git make gcc libc6-dev \
	ca-certificates

rm -rf "$target/root/mhp" "$target/root/mhp.bundle"
git -c safe.directory='*' -C "$source" bundle create -q "$target/root/mhp.bundle" HEAD
inside git clone -q /root/mhp.bundle /root/mhp

for goal in "$@"; do
	echo "== make $goal"
	inside make -C /root/mhp "$goal"
done
echo "== good: $(inside git -C /root/mhp log -1 --format='%h %s')"
