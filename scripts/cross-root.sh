#!/bin/bash
# SPDX-License-Identifier: MIT
#
# cross-root.sh i386|s390x
#
# Puts Debian's cmocka for a foreign architecture into .cross/ARCH, for the
# tests that are built for it. The architectures of the system stay as they are:
# apt gets its own state, cache and list of architectures, and only reads the
# sources and keys of the system. Does nothing when it is there already.
set -euo pipefail

arch=${1:?i386 or s390x}
packages="libcmocka0 libcmocka-dev"
cd "$(dirname "$0")/.."
root=$PWD/.cross/$arch
# A checkout that was moved has the wrong place in root.ini.
[ -e "$root/root.ini" ] && grep -qF "'$PWD'" "$root/root.ini" && exit 0

rm -rf "$root"
apt=$root/apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/debs"
: >"$apt/status"
cat >"$apt/apt.conf" <<EOF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
Acquire::Retries "3";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
EOF
export APT_CONFIG=$apt/apt.conf

# One list that cannot be had need not matter: the download decides.
apt-get update -q || echo "going on with the lists that there are" >&2
(cd "$apt/debs" && apt-get download -q $packages)
for deb in "$apt"/debs/*.deb; do
	dpkg-deb -x "$deb" "$root"
done
rm -rf "$apt"
printf "[constants]\nroot = '%s'\n" "$PWD" >"$root/root.ini"
