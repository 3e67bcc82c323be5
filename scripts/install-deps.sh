#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install-deps.sh [--conformance|--ci]
#
# Looks for what the build needs (--conformance: and what it takes to ask real
# kernels; --ci: and what .ci/run needs) and installs what is missing with
# apt-get, as root or with sudo that asks no password.
# Otherwise it prints the one command to run and exits with status 1. When
# nothing is missing it does nothing and touches no network.
set -eu

missing=

# need PACKAGES TEST...: if the test fails, the packages are missing
need()
{
	packages=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $packages"
}

has()
{
	command -v "$1"
}

file()
{
	for path in "$@"; do
		[ -e "$path" ] && return 0
	done
	return 1
}

compiles()
{
	echo '#include <stdlib.h>' | cc -x c -c -o /dev/null -
}

need "gcc libc6-dev" compiles
need meson has meson
need ninja-build has ninja
need pkg-config has pkg-config
need libsmartcols-dev pkg-config --exists smartcols
need libjansson-dev pkg-config --exists jansson
need libcmocka-dev pkg-config --exists cmocka
need scdoc has scdoc

if [ "${1-}" = --conformance ] || [ "${1-}" = --ci ]; then
	need qemu-system-x86 has qemu-system-x86_64
	need cpio has cpio
	need debian-archive-keyring \
		file /usr/share/keyrings/debian-archive-keyring.gpg
fi

if [ "${1-}" = --ci ]; then
	need clang has clang
	need clang-format-14 has clang-format-14
	need libclang-rt-14-dev \
		file /usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.asan-*
	need binutils has readelf
	need spin has spin
	need universal-ctags has ctags
	need valgrind has valgrind
	need gnuplot-nox has gnuplot
	need qemu-user-static has qemu-s390x-static
	need gcc-s390x-linux-gnu has s390x-linux-gnu-gcc
	need libc6-dev-s390x-cross file /usr/s390x-linux-gnu/include/stdlib.h
	need gcc-i686-linux-gnu has i686-linux-gnu-gcc
	need libc6-dev-i386-cross file /usr/i686-linux-gnu/include/stdlib.h
fi

[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if ! has apt-get >/dev/null; then
	echo "missing; on Debian these packages:$missing" >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	root="env DEBIAN_FRONTEND=noninteractive"
elif has sudo >/dev/null && sudo -n true 2>/dev/null; then
	root="sudo -n env DEBIAN_FRONTEND=noninteractive"
else
	echo "Packages are missing. Install them with:" >&2
	echo "  sudo apt-get update && sudo $install" >&2
	exit 1
fi

echo "installing:$missing"
# One list that cannot be had need not matter: the installation decides.
$root apt-get update -q || echo "going on with the lists that there are" >&2
$root $install </dev/null
