#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each public header compiles by itself, twice included, as C11 and as C++17,
# with all warnings, with every compiler that is there.
set -euo pipefail
cd "$(dirname "$0")/.."

bad=0
try()
{
	command -v "$1" >/dev/null || return 0
	printf '#include "%s"\n#include "%s"\nextern int not_empty;\n' \
		"$header" "$header" |
		"$@" -Iinclude -pedantic -Wall -Wextra -Wundef -Werror \
			-fsyntax-only - || { echo "$1: $header"; bad=1; }
}

for path in include/mhp/*.h; do
	header=${path#include/}
	try gcc -x c -std=c11
	try clang -x c -std=c11
	try g++ -x c++ -std=c++17
	try clang++ -x c++ -std=c++17
done
exit $bad
