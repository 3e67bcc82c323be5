#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cross-exec.sh i386|s390x PROGRAM [ARGUMENT...]
#
# Runs a foreign program by QEMU's user emulation, with the C library of
# Debian's cross compiler and the libraries of cross-root.sh.
set -eu

arch=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)/.cross/$arch
case $arch in
i386) triplet=i686-linux-gnu libraries=$root/usr/lib/i386-linux-gnu ;;
s390x) triplet=s390x-linux-gnu libraries=$root/usr/lib/s390x-linux-gnu ;;
*) echo "unknown architecture $arch" >&2 && exit 2 ;;
esac
exec "qemu-$arch-static" -L "/usr/$triplet" \
	-E "LD_LIBRARY_PATH=/usr/$triplet/lib:$libraries" "$@"
