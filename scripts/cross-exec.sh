#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cross-exec.sh i386|s390x PROGRAM [ARGUMENT...]
#
# Runs a foreign program with the C library of Debian's cross compiler and the
# libraries of cross-root.sh: by the processor if it and the kernel can, as most
# x86-64 ones can i386, else by QEMU's user emulation. (QEMU 7.2 now and then
# fails an assertion of its own when an i386 program has several threads.) An
# emulated program finds MHP_TEST_EMULATED in its environment.
set -eu

arch=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)/.cross/$arch
case $arch in
i386) triplet=i686-linux-gnu libraries=$root/usr/lib/i386-linux-gnu ;;
s390x) triplet=s390x-linux-gnu libraries=$root/usr/lib/s390x-linux-gnu ;;
*) echo "unknown architecture $arch" >&2 && exit 2 ;;
esac
loader=/usr/$triplet/lib/ld-linux.so.2
if [ "$arch" = i386 ] && "$loader" --version >/dev/null 2>&1; then
	exec "$loader" --library-path "/usr/$triplet/lib:$libraries" "$@"
fi
exec "qemu-$arch-static" -L "/usr/$triplet" \
	-E "LD_LIBRARY_PATH=/usr/$triplet/lib:$libraries" \
	-E MHP_TEST_EMULATED=1 "$@"
