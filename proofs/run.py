#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py [--jobs N] [--keep DIRECTORY] [WORD...]

Checks the models in this directory with spin, every state of each: that they
hold, that no search was cut short, that every step of a model was reached, and
that each mutant (one rule left out) is noticed. WORD: only what has it in its
name. The exit status is 0 if all of that is so.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MEGABYTES = 2000  # for each search; two run at once
DEPTH = 3000000
SECONDS = 900

# name, model, what it is made of
TWO = "-DSTAYS -DCURSORS -DHINTS -DWHOLES"
ONE = "-DSTAYS -DNR_ROWS=1 -DCURSORS -DHINTS"
LEAVES = "-DAPART -DNR_ROWS=1 -DWHOLES"
PROOFS = [
    ("isolation, removal: two rows", "pageblock", "-DAPART"),
    ("every way to search", "pageblock",
     ONE + " -DWHOLES -DEMPTIEDS -DNEXTS -DBARE"),
    ("runs, wrong frees: two rows", "pageblock", "-DSTAYS -DRUNS -DWRONG"),
    ("isolation, removal: runs", "pageblock", "-DAPART -DNR_ROWS=1 -DRUNS"),
    ("two processors: two rows", "pageblock", TWO),
    ("isolation, removal: mixed, two rows", "pageblock",
     "-DAPART -DKEPT -DFAILS"),
    ("two mobilities", "pageblock", ONE + " -DMOBILITY -DWHOLES -DENDS"),
    ("two threads of a processor", "pageblock", ONE + " -DONE_CPU -DENDS"),
    ("isolation, removal: whole pageblocks", "pageblock",
     LEAVES + " -DENDS"),
    ("isolation, removal: cursors", "pageblock",
     "-DAPART -DNR_ROWS=1 -DCURSORS"),
    ("isolation, removal: remembered places", "pageblock",
     "-DAPART -DNR_ROWS=1 -DPLACES"),
    ("isolation, removal: remembered places, mixed", "pageblock",
     "-DAPART -DNR_ROWS=1 -DKEPT -DPLACES"),
    ("somebody always ends", "pageblock", ONE + " -DALONE -DPROGRESS"),
    ("summary above the blocks", "summary", ""),
    ("cramped pageblocks", "cramped", ""),
]

# mutant, model, where it must be noticed
MUTANTS = [
    ("CLAIM_UNSEEN", "pageblock", "-DSTAYS -DKEPT"),
    ("GRANT_UNSEEN", "pageblock", ONE),
    ("GRANT_MISSES_CLOSING", "pageblock", ONE),
    ("GRANT_MISSES_ISOLATED", "pageblock", LEAVES),
    ("ISOLATE_LATE", "pageblock", LEAVES),
    ("DRAIN_MISSES_OPENING", "pageblock", LEAVES),
    ("OPEN_DROPS_ISOLATED", "pageblock", LEAVES),
    ("REMOVE_HASTE", "pageblock", LEAVES),
    ("ONLINE_HASTE", "pageblock", LEAVES),
    ("WAIT_FORGETS_NOT", "pageblock", "-DAPART -DNR_ROWS=1 -DPLACES"),
    ("EPOCH_LATE", "pageblock", "-DAPART -DNR_ROWS=1 -DPLACES"),
    ("CLOSE_BLIND", "pageblock", ONE),
    ("CLOSE_GIVES_UP", "pageblock", ONE),
    ("CLOSE_KEEPS_NOWHOLE", "pageblock", ONE),
    ("CLOSE_PERSISTS", "pageblock", ONE + " -DALONE -DPROGRESS"),
    ("MARK_BLIND", "pageblock", ONE),
    ("FREE_KEEPS_FULL", "pageblock", ONE),
    ("OWN_FREE_KEEPS_FULL", "pageblock", ONE),
    ("NOWHOLE_BLIND", "pageblock", ONE),
    ("FAIL_KEEPS_NOWHOLE", "pageblock", ONE + " -DFAILS"),
    ("SMALL_BLIND", "pageblock", ONE + " -DBARE"),
    ("SMALL_KEEPS_NOWHOLE", "pageblock", ONE + " -DBARE"),
    ("LET_GO_BLIND", "pageblock", ONE),
    ("TAILS_STAY", "pageblock", "-DSTAYS -DNR_ROWS=1 -DRUNS"),
    ("TAILS_UNSET", "pageblock", "-DSTAYS -DNR_ROWS=1 -DRUNS"),
    ("LOWER_BLIND", "summary", ""),
    ("UPPER_BLIND", "summary", ""),
    ("UPPER_FORGOTTEN", "summary", ""),
    ("MADE_SILENT", "summary", ""),
    ("OPEN_KEEPS", "summary", ""),
    ("SAY_BLIND", "cramped", ""),
    ("SAY_OWNED", "cramped", ""),
    ("FREE_KEEPS_CRAMPED", "cramped", ""),
    ("OWN_KEEPS_CRAMPED", "cramped", ""),
]

# Steps that are there not to be reached.
NEVER = re.compile(r"assert\(0\)|-end-")


class Failed(Exception):
    """What went wrong, in a line or more."""


def run(directory, *command):
    """Output of a command, whatever its exit status."""
    done = subprocess.run(command, cwd=directory, check=False,
                          capture_output=True, text=True, timeout=SECONDS)
    return done.returncode, done.stdout + done.stderr


def search(directory, model, options):
    """Make and run a verifier; its output."""
    os.makedirs(directory)
    for name in os.listdir(HERE):
        if name.endswith(".pml"):
            shutil.copy(os.path.join(HERE, name), directory)
    rc, out = run(directory, "spin", "-a", *options.split(), model + ".pml")
    if rc or "rror" in out:
        raise Failed(f"spin -a {options} {model}.pml:\n{out}")
    live = "-DPROGRESS" in options
    rc, out = run(directory, "cc", "-O2", "-w", f"-DMEMLIM={MEGABYTES}",
                  "-DNP" if live else "-DSAFETY", "-o", "pan", "pan.c")
    if rc:
        raise Failed(out)
    rc, out = run(directory, "./pan", f"-m{DEPTH}", "-w24",
                  *(["-l"] if live else []))
    with open(os.path.join(directory, "pan.out"), "w", encoding="utf-8") as f:
        f.write(out)
    return out


def states_of(out):
    """How many states there were, once it is known that these are all."""
    for cut in ("max search depth too small", "reached -DMEMLIM",
                "out of memory", "pan: reached", "search was not completed"):
        if cut in out:
            raise Failed(f"the search was cut short: {cut}")
    found = re.search(r"^\s*([0-9.e+]+) states, stored", out, re.M)
    if not found:
        raise Failed("no search:\n" + out[-2000:])
    return int(float(found.group(1)))


def errors_of(out):
    found = re.search(r"errors: (\d+)", out)
    if not found:
        raise Failed("no search:\n" + out[-2000:])
    return int(found.group(1))


def reason_of(out):
    """What spin says is wrong, as it says it."""
    found = re.search(r"^pan:1: (.*?)\(at depth", out, re.M)
    return " ".join(found.group(1).split()) if found else "an error"


def lines_of(directory, out):
    """Lines of the model that have steps, and those of them reached."""
    missed = set()
    process = None
    for line in out.splitlines():
        if line.startswith("unreached in"):
            process = line.split()[-1]
            continue
        found = re.match(r"\s+(\S+):(\d+), state (\d+), (.*)", line)
        if found and process:
            missed.add((process, int(found.group(3))))
            if NEVER.search(found.group(4)):
                missed.discard((process, int(found.group(3))))
    there, reached = {}, set()
    for line in run(directory, "./pan", "-d")[1].splitlines():
        if line.startswith("proctype"):
            process = line.split()[-1]
        found = re.match(r"\s*state\s+(\d+) .*\] (\S+):(\d+) =>(.*)", line)
        if not found:
            continue
        place = (found.group(2), int(found.group(3)))
        there.setdefault(place, found.group(4).strip())
        if (process, int(found.group(1))) not in missed:
            reached.add(place)
    if not there:
        raise Failed("pan -d tells of no step")
    return there, reached


def prove(where, number, proof):
    """One proof: what to say of it, its model, all lines, those reached."""
    name, model, options = proof
    directory = os.path.join(where, f"proof-{number}")
    began = time.monotonic()
    out = search(directory, model, options)
    if errors_of(out):
        raise Failed(f"{name}: {reason_of(out)}\n  spin {options} {model}.pml")
    text = (f"{name}: {states_of(out)} states, 0 errors"
            f" ({time.monotonic() - began:.0f} s)")
    return text, model, *lines_of(directory, out)


def mutate(where, number, mutant):
    """One mutant: the line that tells how it was noticed."""
    name, model, options = mutant
    out = search(os.path.join(where, f"mutant-{number}"), model,
                 f"-DMUTANT_{name} {options}")
    if not errors_of(out):
        raise Failed(f"mutant {name}: not noticed")
    return f"mutant {name}: noticed"


def check_reached(proved):
    """Lines of a model that no proof reached."""
    there, reached = {}, {}
    for _, model, here, met in proved:
        there.setdefault(model, {}).update(here)
        reached.setdefault(model, set()).update(met)
    return [f"{path}:{line} was never reached: {there[model][path, line]}"
            for model in there
            for path, line in sorted(set(there[model]) - reached[model])]


def chosen(words, name):
    return not words or any(word.lower() in name.lower() for word in words)


def work(where, jobs, words):
    failed = []
    proved = []

    def collect(futures):
        for future in futures:
            try:
                result = future.result()
            except (Failed, subprocess.TimeoutExpired) as wrong:
                failed.append(str(wrong))
                print("FAIL", wrong, flush=True)
                continue
            if isinstance(result, tuple):
                proved.append(result)
                result = result[0]
            print(result, flush=True)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        proofs = [pool.submit(prove, where, i, p)
                  for i, p in enumerate(PROOFS) if chosen(words, p[0])]
        mutants = [pool.submit(mutate, where, i, m)
                   for i, m in enumerate(MUTANTS) if chosen(words, m[0])]
        collect(proofs)
        collect(mutants)
    if not words:
        missed = check_reached(proved)
        failed += missed
        print("\n".join(missed), end="\n" if missed else "")
    nr = len(proofs) + len(mutants)
    print(f"{len(proofs)} proofs, {len(mutants)} mutants,"
          f" {len(failed)} failed")
    return 1 if failed or not nr else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", metavar="DIRECTORY")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    if args.keep:
        os.makedirs(args.keep)
        return work(args.keep, args.jobs, args.words)
    with tempfile.TemporaryDirectory() as where:
        return work(where, args.jobs, args.words)


if __name__ == "__main__":
    sys.exit(main())
