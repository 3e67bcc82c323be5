#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_conformance.py MHP

What Linux kernels answered, against what the tool answers: every scenario of
tests/conformance/ with each profile, from the record, without a kernel. A
scenario that tests/conformance/differences names may differ: each line there
has a profile (or *), a name and the reason.
"""

import concurrent.futures
import fnmatch
import os
import sys

from tap import case, done

sys.dont_write_bytecode = True
TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "conformance")
sys.path.insert(0, os.path.join(TESTS, "../../scripts/conformance"))

# pylint: disable=wrong-import-position
import answers  # noqa: E402
import scenario as scenarios  # noqa: E402

PROFILES = ("linux-6.1", "linux-6.12")
MHP = sys.argv[1]


def compared(name, wrong, reason):
    """A case that may differ if there is a reason."""
    case(name, "" if reason else wrong)
    if reason:
        print(f"#   {'differs' if wrong else 'does not differ'}: {reason}")
    for line in wrong.splitlines() if reason else []:
        print(f"#   {line}")


def differences():
    """[(profile, name, reason)]"""
    with open(os.path.join(TESTS, "differences"), encoding="utf-8") as f:
        return [line.split(None, 2) for line in f
                if line.strip() and line[0] != "#"]


def replay(record, group, s, profile):
    """Empty, or what is wrong."""
    known = record.get(group, s)
    if not known:
        return "no kernel's answer is on record: make conformance RECORD=1"
    theirs, kernel = known
    ours, wrong = answers.of_tool(MHP, s, profile)
    return wrong or answers.compare(s, ours, theirs, ("mhp", kernel))


def main():
    groups = scenarios.read_all(TESTS)
    allowed = differences()
    todo = []
    for profile in PROFILES:
        record = answers.Record(os.path.join(TESTS, "record"), profile)
        for group, members in groups.items():
            record.group(group)
            todo += [(record, group, s, profile) for s in members]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for job, wrong in zip(todo, pool.map(lambda j: replay(*j), todo)):
            s, profile = job[2:]
            reason = [r.strip() for p, n, r in allowed
                      if fnmatch.fnmatch(profile, p) and
                      fnmatch.fnmatch(s.name, n)]
            compared(f"{profile} {s.name}", wrong, "; ".join(reason))
    names = {s.name for members in groups.values() for s in members}
    case("there are written scenarios",
         "" if len(groups["written"]) >= 60 else "too few")
    case("there are random scenarios",
         "" if len(names) - len(groups["written"]) >= 300 else "too few")
    return done()


if __name__ == "__main__":
    sys.exit(main())
