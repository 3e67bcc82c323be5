#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""main.py [options]

Asks real Linux kernels what `mhp run --profile` is asked, and compares:
what the kernel answers with the record, and with what the tool answers.

  --tool PATH       the tool (build/mhp)
  --tests DIR       scenarios and record (tests/conformance)
  --profile P       linux-6.1 or linux-6.12 (both)
  --only PATTERN    scenarios whose name the pattern matches
  --group NAME      scenarios of a group: written, or a file of generated/
  --shard I/N       the I-th of N parts, for a job runner
  --tenth SEED      a tenth chosen by the seed (a commit's hash)
  --record          write what the kernels answer to the record
  --missing         with --record: only what the record has no answer to
  --fresh           look whether the suites have newer kernels
  --kernel-only     do not run the tool
  --verbose         show every answer of the kernel

Exit status: 0 all agree, 1 a difference, 2 it could not be tried.
"""

import argparse
import fnmatch
import hashlib
import os
import signal
import subprocess
import sys
import time

import answers
import kernels
import linux
import scenario as scenarios
from guest import Lost

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TESTS = os.path.join(ROOT, "tests/conformance")
CACHE = os.path.join(ROOT, ".conformance")


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--tool", default=os.path.join(ROOT, "build/mhp"))
    parser.add_argument("--tests", default=TESTS)
    parser.add_argument("--profile", choices=list(kernels.SUITES))
    parser.add_argument("--only", default="*")
    parser.add_argument("--group", default="*")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--tenth")
    for flag in ("record", "missing", "fresh", "kernel-only", "verbose"):
        parser.add_argument("--" + flag, action="store_true")
    return parser.parse_args()


def chosen(args, profile):
    """Scenarios to try, as [(group, scenario)]. Those with equal machines
    stay together, and one part has whole machines, so that boots are few."""
    machines = {}
    for group, members in scenarios.read_all(args.tests).items():
        for s in members:
            if fnmatch.fnmatch(s.name, args.only) and \
                    fnmatch.fnmatch(group, args.group):
                machines.setdefault(s.machine(), []).append((group, s))
    part, parts = map(int, args.shard.split("/"))
    if args.tenth:
        return tenth(machines, args.tenth + profile)
    keys = sorted(machines, key=lambda m: (-len(machines[m]), m))
    return [pair for i, key in enumerate(keys) if i % parts == part - 1
            for pair in machines[key]]


def tenth(machines, seed):
    """Whole machines in the seed's order until a tenth is reached."""
    def rank(key):
        return hashlib.sha256((seed + key).encode()).hexdigest()
    want = sum(map(len, machines.values())) / 10
    taken = []
    for key in sorted(machines, key=rank):
        if len(taken) >= want:
            break
        # A machine with very many scenarios gives only some of them.
        members = sorted(machines[key],
                         key=lambda pair: rank(pair[1].name))
        taken += members[:max(4, int(want - len(taken)) + 1)]
    return taken


class Session:
    """The scenarios of one profile: what agreed and what did not."""

    def __init__(self, args, profile):
        self.args = args
        self.profile = profile
        self.kernel = kernels.kernel(profile, CACHE, args.fresh)
        self.record = answers.Record(os.path.join(args.tests, "record"), profile)
        self.runner = linux.Runner(self.kernel, CACHE)
        self.nr_tried = 0
        self.nr_cut = 0
        self.changed = set()
        self.wrong = []

    def fail(self, s, what, text):
        self.wrong.append(s.name)
        lines = [f"FAIL {self.profile} {s.name}: {what}", *text.splitlines()]
        print("\n       ".join(lines), flush=True)

    def against_record(self, s, group, theirs):
        known = self.record.get(group, s)
        if not known:
            self.fail(s, "not on record",
                      "record it with --record --only " + s.name)
            return
        recorded, version = known
        different = answers.compare(s, theirs, recorded,
                                    (self.kernel.version, version))
        if different and kernels.version_key(self.kernel.version) > \
                kernels.version_key(version):
            self.fail(s, "a newer kernel answers differently", different)
        elif different:
            self.fail(s, "the kernel answers not as recorded", different)

    def against_tool(self, s, theirs):
        ours, wrong = answers.of_tool(self.args.tool, s, self.profile)
        wrong = wrong or answers.compare(s, ours, theirs,
                                         ("mhp  ", "linux"))
        if wrong:
            self.fail(s, "mhp answers differently", wrong)

    def show(self, s, theirs):
        print(f"== {self.profile} {s.name}: {s.about()}")
        for command, answer in zip(s.commands, theirs):
            print(f"   {command.text:50} {answers.show(answer)}")
        if len(theirs) < len(s.commands):
            print(f"   cut at: {s.commands[len(theirs)].text}")

    def one(self, group, s):
        theirs = self.runner.run(s)
        self.nr_tried += 1
        self.nr_cut += len(theirs) < len(s.commands)
        if self.args.verbose:
            self.show(s, theirs)
        if self.args.record:
            self.changed.add(group)
            self.record.put(group, s, theirs, self.kernel.version)
        else:
            self.against_record(s, group, theirs)
        if not self.args.kernel_only:
            self.against_tool(s, theirs)

    def run(self):
        todo = chosen(self.args, self.profile)
        if self.args.missing:
            todo = [(g, s) for g, s in todo if not self.record.get(g, s)]
        print(f"{self.profile}: {len(todo)} scenarios on Linux "
              f"{self.kernel.version}", flush=True)
        began = time.monotonic()
        try:
            for group, s in todo:
                self.one(group, s)
                if len(self.changed) > 3:
                    self.save()
                if self.nr_tried % 50 == 0:
                    print(f"{self.profile}: {self.nr_tried} tried",
                          flush=True)
        finally:
            self.runner.close()
            if self.args.record:
                self.save()
        print(f"{self.profile}: {self.nr_tried} tried in "
              f"{time.monotonic() - began:.0f} s and {self.runner.nr_boots} "
              f"boots, {self.nr_cut} cut short, "
              f"{len(set(self.wrong))} differ", flush=True)

    def save(self):
        for group, members in scenarios.read_all(self.args.tests).items():
            if group in self.changed:
                self.record.save(group, [s.name for s in members])
        self.changed = set()


def try_profile(args):
    """Return: the exit status."""
    try:
        session = Session(args, args.profile)
        session.run()
    except (kernels.Unavailable, Lost) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    if not session.nr_tried:
        print("conformance: no scenario was chosen", file=sys.stderr)
        return 2
    return 1 if session.wrong else 0


def try_all():
    """Every profile, side by side. Return: the worst exit status."""
    tries = [subprocess.Popen([sys.executable, *sys.argv, "--profile", p])
             for p in kernels.SUITES]
    try:
        return max(t.wait() for t in tries)
    finally:
        for t in tries:
            t.terminate()


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    return try_profile(args) if args.profile else try_all()


if __name__ == "__main__":
    sys.exit(main())
