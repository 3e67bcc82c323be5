#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_count_plug.py COUNT_PLUG_C [COUNT_PLUG [NR ...]]

What is done with one memory block takes as many instructions beside many others
as beside few: valgrind counts them beside 1,040 and beside 10,000 blocks. With
other numbers it prints a table instead.

Without valgrind or without COUNT_PLUG nothing is compared and the test says that
it is skipped (status 77).
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

import callgrind
from tap import case, done

# In both cases the borders between zones are at the same place in a leaf of the
# index, which has 128 entries here.
FEW, MANY = 1040, 10000
TOLERANCE = 0.05
# And so many instructions: malloc() searches its lists now and then.
SLACK = 150
# What is about all of them is counted for each block.
WHOLE = "plug all", "unplug all"


def skip(why):
    print(f"1..0 # SKIP {why}")
    print(f"instructions were not counted: {why}", file=sys.stderr)
    sys.exit(77)


def read_dump(path):
    """Name of the step that a dump is of, and its instructions."""
    name = total = None
    with open(path, encoding="utf-8") as dump:
        for line in dump:
            if line.startswith("desc: Trigger: Client Request: "):
                name = line.split(": ", 3)[3].strip()
            if line.startswith("totals: "):
                total = int(line.split()[1])
    return name, total


def count(program, nr, most):
    """The steps beside @nr blocks: {name: instructions}, in order."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        subprocess.run(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", "-q",
             f"--callgrind-out-file={out}", program, str(nr), str(most)],
            check=True, timeout=250)
        dumps = sorted(glob.glob(out + ".*"),
                       key=lambda path: int(path.rsplit(".", 1)[1]))
        found = dict(read_dump(path) for path in dumps)
    for name in WHOLE:
        found[name] = round(found[name] / nr)
    return found


def table(program, numbers):
    columns = [count(program, nr, max(numbers)) for nr in numbers]
    print(f"{'blocks':28}", *(f"{nr:10}" for nr in numbers))
    for name in filter(None, columns[0]):
        print(f"{name:28}", *(f"{c[name]:10}" for c in columns))


def compare(source, few, many):
    with open(source, encoding="utf-8") as f:
        steps = [*WHOLE, *re.findall(r'^\t\{"(.*)", ', f.read(), re.M)]
    case("every step is counted",
         ", ".join(s for s in steps if not few.get(s) or not many.get(s)))
    for name in steps:
        before, now = few.get(name, 0), many.get(name, 0)
        grows = now > before * (1 + TOLERANCE) + SLACK
        case(name, f"{before} instructions beside {FEW} blocks, {now} beside "
             f"{MANY}" if grows else "")


def main():
    args = sys.argv[1:]
    if len(args) < 2:
        skip("valgrind cannot run this build, or has no headers here")
    if not callgrind.available():
        skip("there is no valgrind")
    if args[2:]:
        table(args[1], [int(nr) for nr in args[2:]])
        return 0
    compare(args[0], *(count(args[1], nr, MANY) for nr in (FEW, MANY)))
    return done()


sys.exit(main())
