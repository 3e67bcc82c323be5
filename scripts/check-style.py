#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Limits on the size of things: 600 lines a file, 70 lines a function, 80
columns with tabs of 8; an SPDX line on top of each; and what clang-format says.
"""

import os
import subprocess
import sys

MAX_FILE = 600
MAX_FUNCTION = 70
MAX_COLUMNS = 80
PARTS = ["include", "src", "port", "tools", "bench", "tests", "scripts"]


def run(*command):
    return subprocess.run(command, check=False, capture_output=True, text=True)


def lines_of(path):
    """Complaints about the lines of a file."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")[:-1]
    found = []
    if not lines or "SPDX-License-Identifier: MIT" not in lines[0]:
        found.append(f"{path}:1: no SPDX line")
    if len(lines) > MAX_FILE:
        found.append(f"{path}: {len(lines)} lines")
    for number, line in enumerate(lines, 1):
        columns = len(line.expandtabs(8))
        if columns > MAX_COLUMNS:
            found.append(f"{path}:{number}: {columns} columns")
        if line != line.rstrip():
            found.append(f"{path}:{number}: blank at the end of the line")
    return found


def functions_of(paths):
    """Complaints about the length of functions, by ctags."""
    out = run("ctags", "-x", "--kinds-C=f", "--kinds-C++=f", "--fields=+e",
              "--_xformat=%F %n %{end} %N", *paths)
    found = []
    for line in out.stdout.splitlines():
        path, first, last, name = line.split()
        length = int(last) - int(first) + 1
        if length > MAX_FUNCTION:
            found.append(f"{path}:{first}: {name}() has {length} lines")
    if not out.stdout:
        found.append("ctags found no function: " + out.stderr.strip())
    return found


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    paths = [p for p in run("git", "ls-files", "--", *PARTS).stdout.split()
             if p.endswith((".c", ".h")) and os.path.exists(p)]
    models = [p for p in run("git", "ls-files", "proofs/*.pml").stdout.split()
              if os.path.exists(p)]
    found = [wrong for p in paths + models for wrong in lines_of(p)]
    found += functions_of(paths)
    form = run("clang-format-14", "--dry-run", "-Werror", *paths)
    if form.returncode != 0:
        found.append(form.stderr.strip())
    print("\n".join(found + [f"{len(paths + models)} files"]))
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
