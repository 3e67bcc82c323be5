#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-exports.py BUILD

The shared library exports exactly what the headers declare: no more, no less.
"""

import glob
import os
import re
import subprocess
import sys


def declared(root):
    """Names that the public headers mark MHP_API."""
    names = set()
    for path in glob.glob(os.path.join(root, "include/mhp/*.h")):
        with open(path, encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        names |= set(re.findall(r"\bMHP_API\s+[\w\s*]+?\b(\w+)\s*\(", text))
    return names


def exported(build):
    """Names that the shared library defines; options in names removed."""
    out = subprocess.run(
        ["nm", "-D", "--defined-only", os.path.join(build, "libmhp.so")],
        check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in out.splitlines()}
    return {re.sub(r"_v\d+_d[012]$", "", name) for name in names}


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    want = declared(root)
    have = exported(sys.argv[1])
    for name in sorted(want - have):
        print(f"declared but not exported: {name}")
    for name in sorted(have - want):
        print(f"exported but not declared: {name}")
    print(f"{len(want)} declared, {len(have)} exported")
    return 0 if want == have and want else 1


if __name__ == "__main__":
    sys.exit(main())
