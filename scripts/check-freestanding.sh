#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-freestanding.sh BUILD
#
# The engine needs nothing but memcpy, memmove, memset, memcmp and
# mhp_port_panic(), and it has no writable data. BUILD is a build directory with
# libmhp-freestanding.a in it. (Position-independent code may take the address of
# a function through the table that the linker makes.) NM and READELF name the tools for a foreign
# archive; ALLOW is a pattern of further symbols (libgcc's, where a processor has
# no 64-bit division).
set -euo pipefail

archive=${1:?build directory}/libmhp-freestanding.a
[ -e "$archive" ] || { echo "no $archive" >&2; exit 1; }
nm=${NM:-nm}
readelf=${READELF:-readelf}
may="mem(cpy|move|set|cmp)|mhp_port_panic|_GLOBAL_OFFSET_TABLE_"
may="$may${ALLOW:+|$ALLOW}"
bad=0

# A thin archive names its members by path, so each is looked at by itself.
needed=$("$nm" -u "$archive" | awk '$1 == "U" || $1 == "w" { print $2 }' |
	sort -u)
defined=$("$nm" --defined-only "$archive" | awk 'NF == 3 { print $3 }' |
	sort -u)
extra=$(comm -23 <(echo "$needed") <(echo "$defined") |
	grep -vxE "$may" || true)
if [ -n "$extra" ]; then
	echo "the engine needs more than it may:" $extra
	bad=1
fi

# Constant tables with pointers may need relocation (.data.rel.ro), no more.
writable=$("$readelf" -SW "$archive" | awk '
	/^File:/ { file = $2 }
	{
		sub(/^ *\[ *[0-9]+\] */, "")
		if ($1 ~ /^\.(data|bss|tdata|tbss|sdata|sbss)/ &&
		    $1 !~ /^\.data\.rel\.ro/ && $5 !~ /^0+$/)
			print file, $1, "0x" $5, "bytes"
	}')
common=$("$nm" "$archive" | awk 'NF == 3 && $2 == "C" { print $NF }')
if [ -n "$writable$common" ]; then
	echo "the engine has writable data:"
	echo "$writable" "$common"
	bad=1
fi

# A compiler without any library's headers must do.
root=$(cd "$(dirname "$0")/.." && pwd)
for cc in gcc clang; do
	command -v "$cc" >/dev/null || continue
	headers=$("$cc" -print-file-name=include)
	grep -v '^#' "$root/sources.txt" | sed "s|^|$root/|" |
		xargs -r "$cc" -std=c11 -ffreestanding -nostdinc \
			-isystem "$headers" -I"$root/include" -fsyntax-only ||
		{ echo "$cc needs more than the freestanding headers"; bad=1; }
done
exit $bad
