#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dependencies point downward only.

    tools, bench -> port -> include <- src <- nothing but tests

What is INSIDE measures what no public call does alone. An include in quotes is
looked up beside the file, then in include/, then where the build looks.
include/ and src/ may use only the headers of a freestanding compiler in angle
brackets.
"""

import os
import re
import subprocess
import sys

FREESTANDING = {"float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h",
                "stdbool.h", "stddef.h", "stdint.h", "stdnoreturn.h"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.M)
INSIDE = {"bench/isolate.c"}
SEARCH = ["include", ".", "port", "port/hosted", "port/model", "port/posix",
          "tools", "bench"]


def port_of(path):
    """port/NAME/ of a file in there, else None."""
    m = re.match(r"port/[^/]+/", path)
    return m.group(0) if m else None


def allowed(path, target):
    """Whether the file at path may include the one at target."""
    if target.startswith("include/"):
        return True
    if path.startswith("include/"):
        return False
    if path.startswith("src/driver/"):
        return target.startswith("src/driver/")
    if path.startswith("src/"):
        return target.startswith("src/") and \
            not target.startswith("src/driver/")
    if path.startswith("port/"):
        # port/hosted is what the ports inside a process have in common.
        return target.startswith((port_of(path) or "port/", "port/hosted/"))
    if path in INSIDE and target.startswith("src/"):
        return True
    if path.startswith(("tools/", "bench/")):
        return target.startswith(("tools/", "bench/")) or \
            (target.startswith("port/") and target.endswith(".h"))
    return True


def resolve(path, name):
    """The file that an include in quotes means, from the root."""
    for place in [os.path.dirname(path)] + SEARCH:
        candidate = os.path.normpath(os.path.join(place, name))
        if os.path.exists(candidate):
            return candidate
    return None


def check(path):
    """Complaints about one file."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = []
    for m in INCLUDE.finditer(text):
        where = f"{path}:{text.count(chr(10), 0, m.start()) + 1}"
        if m.group(2):
            if path.startswith(("include/", "src/")) and \
                    m.group(2) not in FREESTANDING:
                found.append(f"{where}: <{m.group(2)}> is not freestanding")
            continue
        target = resolve(path, m.group(1))
        if target is None:
            found.append(f"{where}: \"{m.group(1)}\" is nowhere")
        elif not allowed(path, target):
            found.append(f"{where}: may not include {target}")
    return found


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    files = subprocess.run(
        ["git", "ls-files", "--", "include", "src", "port", "tools", "bench"],
        check=True, capture_output=True, text=True).stdout.split()
    files = [f for f in files if f.endswith((".c", ".h")) and
             os.path.exists(f)]
    found = [wrong for f in files for wrong in check(f)]
    print("\n".join(found + [f"{len(files)} files, {len(found)} complaints"]))
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
