#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-embedding.sh BUILD
#
# The library can be used the ways it is meant to be: installed, by pkg-config,
# shared and static; and as a subproject of a Meson project.
set -euo pipefail

build=$(realpath "${1:?build directory}")
root=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

cat >user.c <<'EOF'
#include <mhp/mhp.h>
#include <stdio.h>

int main(void)
{
	struct mhp_geometry geometry;

	if (mhp_geometry_named("x86_64", &geometry) != 0)
		return 1;
	return puts(mhp_errname(MHP_ERR_BUSY)) < 0;
}
EOF

echo "== installed"
DESTDIR=$tmp/inst meson install -C "$build" --no-rebuild >install.log ||
	{ cat install.log; exit 1; }
libdir=$(dirname "$(find inst -name libmhp.so)")
prefix=${libdir%/lib*}
pc=$libdir/pkgconfig
flags()
{
	PKG_CONFIG_PATH=$pc pkg-config --define-variable=prefix="$tmp/$prefix" \
		"$@" mhp
}
cc -o shared user.c $(flags --cflags --libs)
LD_LIBRARY_PATH=$libdir ./shared
readelf -d shared | grep -q 'NEEDED.*libmhp\.so\.0' ||
	{ echo "the soname is not libmhp.so.0"; exit 1; }
rm "$libdir"/libmhp.so*
cc -o static user.c $(flags --static --cflags --libs)
./static

echo "== subproject"
mkdir -p sub/subprojects/mhp
(cd "$root" && git ls-files -z --cached --others --exclude-standard |
	while IFS= read -r -d '' f; do
		[ -e "$f" ] && printf '%s\0' "$f"
	done | tar -c --null -T -) | tar -x -C sub/subprojects/mhp
cp user.c sub/
cat >sub/meson.build <<'EOF'
project('user', 'c')
mhp_dep = dependency('mhp', fallback: ['mhp', 'mhp_dep'])
executable('user', 'user.c', dependencies: mhp_dep)
EOF
{
	meson setup sub/build sub --wrap-mode=forcefallback
	ninja -C sub/build
} >sub.log 2>&1 || { cat sub.log; exit 1; }
sub/build/user
