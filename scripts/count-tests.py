#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""count-tests.py BUILD

Prints how many tests passed, failed and were skipped in the last `meson test`
of a build directory. A program that speaks TAP counts with each of its cases,
any other as one.
"""

import glob
import json
import os
import re
import sys

CASE = re.compile(r"^(not )?ok\b(.*)$", re.M)


def count(test):
    """(passed, failed, skipped) of one entry of Meson's log."""
    cases = []
    if re.search(r"^1\.\.\d+", test.get("stdout", ""), re.M):
        cases = CASE.findall(test["stdout"])
    skipped = sum(1 for _, rest in cases if "# SKIP" in rest)
    failed = sum(1 for bad, rest in cases if bad and "# SKIP" not in rest)
    passed = len(cases) - skipped - failed
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return (passed, failed, skipped) if cases else (1, 0, 0)
    if test["result"] == "SKIP":
        return passed, 0, skipped or 1
    return passed, failed or 1, skipped


def main():
    logs = glob.glob(os.path.join(sys.argv[1], "meson-logs", "testlog*.json"))
    total = [0, 0, 0]
    if logs:
        with open(max(logs, key=os.path.getmtime), encoding="utf-8") as f:
            for line in f:
                total = [a + b for a, b in zip(total, count(json.loads(line)))]
    print(*total)


if __name__ == "__main__":
    main()
