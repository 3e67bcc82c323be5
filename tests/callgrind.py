# SPDX-License-Identifier: MIT
"""callgrind.py: what functions of a program take in instructions, by valgrind.

Only what happens in the functions that are named, and in what they call, is
counted; the same program on the same input gives the same figures.
"""

import os
import re
import shutil
import subprocess
import tempfile


def available():
    """Whether there is valgrind."""
    return shutil.which("valgrind") is not None


def inclusive(text):
    """What each function took with all that it called, from a profile.

    A function's part of a profile is "fn=(NUMBER) NAME", the name only the
    first time, and lines "POSITION COST", some of which are of a call.
    """
    names, costs, function = {}, {}, None
    for line in text.splitlines():
        m = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line)
        if m:
            names.setdefault(m.group(2), m.group(3))
            if m.group(1) == "fn":
                function = names[m.group(2)]
            continue
        m = re.match(r"[+\-*\d]\S* (\d+)$", line)
        if m and function:
            costs[function] = costs.get(function, 0) + int(m.group(1))
    return costs


def count(command, functions):
    """Run a command. Return: what it printed, and the instructions in each of
    the functions, whose names may contain '*'."""
    with tempfile.TemporaryDirectory() as folder:
        profile = os.path.join(folder, "profile")
        got = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--toggle-collect={functions}",
             f"--callgrind-out-file={profile}", *command],
            check=False, capture_output=True, text=True, timeout=280)
        if got.returncode:
            raise RuntimeError(f"{command[0]} in valgrind: status "
                               f"{got.returncode}: {got.stderr}")
        with open(profile, encoding="utf-8") as f:
            return got.stdout, inclusive(f.read())
