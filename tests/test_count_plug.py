#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_count_plug.py [COUNT_PLUG [NR ...]]

What is done with one memory block takes as many instructions beside many others
as beside few: valgrind counts them beside 1,040 and beside 10,000 blocks. With
other numbers it prints a table instead, in a machine for the largest of them.

The heap of the C library is left out: what it takes depends on what was freed
before.

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
# What is about all of them is counted for each block.
WHOLE = "plug all", "unplug all"
HEAP = re.compile("malloc|calloc|memalign|free$|_free|unlink_chunk|_trim")


def skip(why):
    print(f"1..0 # SKIP {why}")
    print(f"instructions were not counted: {why}", file=sys.stderr)
    sys.exit(77)


def read_dump(path, names):
    """Name of the step that a dump is of, and its instructions. @names: of the
    functions, which are in a dump only if they are in none before."""
    step, total, function, is_call = None, 0, None, False
    with open(path, encoding="utf-8") as dump:
        for line in dump:
            if line.startswith("desc: Trigger: Client Request: "):
                step = line.split(": ", 3)[3].strip()
            named = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line)
            if named:
                names.setdefault(named.group(2), named.group(3))
                if named.group(1) == "fn":
                    function = names[named.group(2)]
            elif line.startswith("calls="):
                is_call = True
            elif re.match(r"[+\-*\d]\S* \d+$", line):
                # What a call took stands in the function that was called.
                if not is_call and not HEAP.search(function):
                    total += int(line.split()[1])
                is_call = False
    return step, total


def count(program, nr, most):
    """The steps beside @nr blocks: {name: instructions}, in order."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        got = subprocess.run(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", "-q",
             f"--callgrind-out-file={out}", program, str(nr), str(most)],
            check=True, timeout=1000, stdout=subprocess.PIPE, text=True)
        dumps = sorted(glob.glob(out + ".*"),
                       key=lambda path: int(path.rsplit(".", 1)[1]))
        names = {}
        found = dict(read_dump(path, names) for path in dumps)
    for name in WHOLE:
        found[name] = round(found[name] / nr)
    return {name: found.get(name) for name in got.stdout.splitlines()}


def table(program, numbers):
    columns = [count(program, nr, max(numbers)) for nr in numbers]
    print(f"{'blocks':28}", *(f"{nr:10}" for nr in numbers))
    for name in columns[0]:
        print(f"{name:28}", *(f"{c[name]:10}" for c in columns))


def compare(few, many):
    case("every step is counted",
         ", ".join(name for name in few if not few[name] or not many[name]))
    for name in few:
        before, now = few[name] or 0, many[name] or 0
        grows = now > before * (1 + TOLERANCE)
        case(name, f"{before} instructions beside {FEW} blocks, {now} beside "
             f"{MANY}" if grows else "")


def main():
    args = sys.argv[1:]
    if not args:
        skip("valgrind cannot run this build, or has no headers here")
    if not callgrind.available():
        skip("there is no valgrind")
    if args[1:]:
        table(args[0], [int(nr) for nr in args[1:]])
        return 0
    compare(*(count(args[0], nr, MANY) for nr in (FEW, MANY)))
    return done()


sys.exit(main())
