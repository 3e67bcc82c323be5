#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_count_instructions.py [--record] DOCUMENT [PROGRAM]

Counts the instructions of the operations of count_instructions, and compares
them with the table in DOCUMENT: none may have grown by more than 5 percent. One
that shrank is spoken of, so that the table is made anew; --record does that.

Without valgrind, or with another compiler than that of the table, or without
PROGRAM, nothing is compared and the test says that it is skipped (status 77).
"""

import re
import sys

import callgrind
from tap import case, done

TOLERANCE = 0.05
TABLE = re.compile(r"(<!-- instructions: (.*) -->\n\n"
                   r"\| operation \| instructions \|\n\|---\|--:\|\n)"
                   r"((?:\| .* \| [\d.]+ \|\n)*)")


def skip(why):
    print(f"1..0 # SKIP {why}")
    print(f"instructions were not counted: {why}", file=sys.stderr)
    sys.exit(77)


def measure(program):
    """The compiler, and the instructions of an operation by its name."""
    text, costs = callgrind.count([program], "count_*")
    lines = text.splitlines()
    counts = {}
    for line in lines[1:]:
        name, function, nr = line.split()
        counts[name] = costs[function] / int(nr)
    return lines[0].split(" ", 1)[1], counts


def digits(count):
    return f"{count:.1f}" if count < 1000 else f"{count:.0f}"


def record(document, compiler, counts):
    """Write the table."""
    with open(document, encoding="utf-8") as f:
        text = f.read()
    rows = "".join(f"| {name} | {digits(count)} |\n"
                   for name, count in counts.items())
    head = (f"<!-- instructions: gcc {compiler} -->\n\n"
            "| operation | instructions |\n|---|--:|\n")
    text, nr = TABLE.subn(lambda _: head + rows, text)
    if nr != 1:
        sys.exit(f"{document} has {nr} tables of instructions")
    with open(document, "w", encoding="utf-8") as f:
        f.write(text)


def recorded(document):
    """The compiler and the counts of the table."""
    with open(document, encoding="utf-8") as f:
        found = TABLE.search(f.read())
    if not found:
        sys.exit(f"{document} has no table of instructions")
    rows = [line.split("|") for line in found.group(3).splitlines()]
    return found.group(2), {r[1].strip(): float(r[2]) for r in rows}


def compare(name, now, before):
    """One case: what an operation takes now, and took before."""
    said = f"{digits(now)} instructions, {digits(before)} in the table"
    case(name, f"grew: {said}" if now > before * (1 + TOLERANCE) else "")
    if now < before * (1 - TOLERANCE):
        print(f"# {name} shrank: {said}; record it anew with --record")


def main():
    args = sys.argv[1:]
    writes = "--record" in args
    args = [a for a in args if a != "--record"]
    if len(args) < 2:
        skip("the table is of gcc on x86_64 and the default options")
    if not callgrind.available():
        skip("there is no valgrind")
    compiler, counts = measure(args[1])
    if writes:
        record(args[0], compiler, counts)
        return 0
    wanted, before = recorded(args[0])
    if wanted != f"gcc {compiler}":
        skip(f"the table is of {wanted}, this is gcc {compiler}")
    case("the table has what is counted",
         ", ".join(sorted(set(before) ^ set(counts))))
    for name in counts:
        if name in before:
            compare(name, counts[name], before[name])
    return done()


sys.exit(main())
