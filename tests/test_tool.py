#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_tool.py MHP [--update]

The tool from outside: every scenario of scenarios/ on both ports against
scenarios/expected/, wrong scenarios and command lines, exit statuses, text.
--update writes what port model answers to scenarios/expected/ instead; read the
difference before it is committed.
"""

import glob
import json
import os
import re
import subprocess
import sys

from tap import case, done

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
SCENARIOS = os.path.join(ROOT, "scenarios")
MHP = sys.argv[1]

# What is not compared: the port's own costs, and which pages the allocator took.
OF_THE_PORT = ("pagetable_bytes", "handle_bytes")
OF_THE_ALLOCATOR = ("free", "allocated")


def mhp(*args, stdin=""):
    return subprocess.run([MHP, *args], input=stdin, capture_output=True,
                          text=True, check=False, timeout=100)


def run(scenario, *args):
    return mhp("run", *args, "-", stdin=scenario)


# -- Scenarios against what is expected.


def comparable(line):
    result = json.loads(line)
    for key in OF_THE_PORT:
        result.pop(key, None)
    for part in result.get("blocks", []) + result.get("zones", []):
        for key in OF_THE_ALLOCATOR:
            part.pop(key, None)
    if "why" in result:
        result["why"] = re.sub(r"pfn 0x[0-9a-f]+", "pfn", result["why"])
    return result


def compare(got, expected):
    if got.returncode or got.stderr:
        return f"status {got.returncode}: {got.stderr}"
    have, want = got.stdout.splitlines(), expected.splitlines()
    for h, w in zip(have, want):
        if comparable(h) != comparable(w):
            return f"have {h}\nwant {w}"
    if len(have) != len(want):
        return f"{len(have)} lines instead of {len(want)}"
    return ""


def test_scenarios():
    paths = sorted(glob.glob(os.path.join(SCENARIOS, "*.mhp")))
    case("there are scenarios", "" if len(paths) >= 6 else "too few")
    for path in paths:
        name = os.path.splitext(os.path.basename(path))[0]
        with open(os.path.join(SCENARIOS, "expected", name + ".jsonl"),
                  encoding="utf-8") as f:
            expected = f.read()
        for port in "model", "posix":
            got = mhp("run", "--json", "--port", port, path)
            case(f"{name} on {port}", compare(got, expected))


def update():
    for path in sorted(glob.glob(os.path.join(SCENARIOS, "*.mhp"))):
        name = os.path.splitext(os.path.basename(path))[0]
        got = mhp("run", "--json", path)
        assert got.returncode == 0, (path, got.stderr)
        with open(os.path.join(SCENARIOS, "expected", name + ".jsonl"), "w",
                  encoding="utf-8") as f:
            f.write(got.stdout)


# -- What is wrong must be said: where, what, and what would be right.

M = "machine boot=64M\n"

WRONG_SCENARIOS = [
    # scenario, line that is wrong, words that the message must have
    ("frob\n", 1, "frob", "machine, plug, unplug"),
    ("plug d0 size=128M\n", 1, "plug d0 size=128M", "machine boot="),
    (M + M, 2, "second machine", "expected one"),
    ("machine\n", 1, "boot=", "machine boot=SIZE"),
    ("machine boot=\n", 1, "boot", "K, M, G or T"),
    ("machine boot=64X\n", 1, "64X", "K, M, G or T"),
    ("machine boot=-1\n", 1, "-1", "K, M, G or T"),
    ("machine boot=64MM\n", 1, "64MM", "K, M, G or T"),
    ("machine boot=99999999999T\n", 1, "boot", "K, M, G or T"),
    ("machine boot=64M boot=64M\n", 1, "boot is given twice", "machine"),
    ("machine boot=64M colour=red\n", 1, "colour=red", "nodes=N"),
    ("machine boot=64M nodes=0\n", 1, "nodes", "1 to 64"),
    ("machine boot=64M nodes=65\n", 1, "nodes", "1 to 64"),
    ("machine boot=64M nodes=two\n", 1, "two", "1 to 64"),
    ("machine boot=64M nodes=1K\n", 1, "1K", "1 to 64"),
    ("machine boot=64M geometry=vax\n", 1, "vax", "x86_64-nohuge, arm64-4k"),
    ("machine boot=64M descriptor=12\n", 1, "12", "multiple of 8"),
    ("machine boot=64M descriptor=104\n", 1, "104", "8 to 96"),
    ("machine boot=64M memmap_on_memory=yes\n", 1, "yes", "off, on"),
    ("machine boot=64M auto_online=1\n", 1, "'1'", "online_movable"),
    ("machine boot=64M online_policy=best\n", 1, "best", "auto-movable"),
    ("machine boot=64M auto_movable_ratio=x\n", 1, "'x'", "number"),
    ("machine boot=64M movable_node=2\n", 1, "'2'", "0 to 1"),
    (M + "plug\n", 2, "lacks a word", "plug ID size=SIZE"),
    (M + "plug d0\n", 2, "lacks size=", "plug ID size=SIZE"),
    (M + "plug size=128M\n", 2, "lacks a word", "plug ID size=SIZE"),
    (M + "plug d0 d1 size=128M\n", 2, "'d1' is too much", "plug ID"),
    (M + "plug d0 size=128M node=x\n", 2, "node", "0 to 63"),
    (M + "plug d0 size=128M addr=up\n", 2, "addr", "K, M, G or T"),
    (M + "unplug\n", 2, "lacks a word", "unplug ID"),
    (M + "vmem v\n", 2, "lacks size=", "vmem ID size=SIZE [block=SIZE]"),
    (M + "vmem v size=1G mode=huge\n", 2, "huge", "auto, sub, big"),
    (M + "vmem v size=1G block=x\n", 2, "block", "K, M, G or T"),
    (M + "vmem_request v\n", 2, "lacks size=", "vmem_request ID"),
    (M + "vmem_remove\n", 2, "lacks a word", "vmem_remove ID"),
    (M + "balloon b\n", 2, "lacks size=", "balloon ID size=SIZE [backed="),
    (M + "balloon b size=1G backed=x\n", 2, "backed", "K, M, G or T"),
    (M + "balloon_back b\n", 2, "lacks size=", "balloon_back ID"),
    (M + "balloon_inflate b\n", 2, "lacks size=", "balloon_inflate ID"),
    (M + "balloon_deflate b\n", 2, "lacks size=", "balloon_deflate ID"),
    (M + "balloon_remove\n", 2, "lacks a word", "balloon_remove ID"),
    (M + "write\n", 2, "lacks a word", "write PATH [VALUE]"),
    (M + "write a b c\n", 2, "'c' is too much", "write PATH [VALUE]"),
    (M + "cat\n", 2, "lacks a word", "cat PATH"),
    (M + "fill a\n", 2, "lacks size=", "fill NAME size=SIZE"),
    (M + "fill a size=1M colour=red\n", 2, "colour=red", "fill NAME"),
    (M + "pin\n", 2, "lacks a word", "pin NAME"),
    (M + "unpin\n", 2, "lacks a word", "unpin NAME"),
    (M + "verify\n", 2, "lacks a word", "verify NAME"),
    (M + "drop\n", 2, "lacks a word", "drop NAME"),
    (M + "check it\n", 2, "'it' is too much", "expected check"),
    (M + "snapshot now\n", 2, "'now' is too much", "expected snapshot"),
    ("\n# comment\n\n" + M + "\nsnap shot\n", 6, "snap", "snapshot"),
    (M + "cat caf\u00e9\n", 2, "0xc3", "printable ASCII"),
    (M + "cat a\x01b\n", 2, "0x01", "printable ASCII"),
    (M + "cat a\x00b\n", 2, "zero byte", "printable ASCII"),
]


def complaint(got, *words):
    """What is wrong with a complaint about wrong input."""
    if got.returncode != 2:
        return f"status {got.returncode} instead of 2"
    if len(got.stderr.splitlines()) != 1:
        return f"not one line on standard error: {got.stderr!r}"
    missing = [word for word in words if word not in got.stderr]
    return f"no {missing} in {got.stderr!r}" if missing else ""


def test_wrong_scenarios():
    for scenario, line, *words in WRONG_SCENARIOS:
        got = run(scenario, "--json")
        wrong = complaint(got, f"stdin:{line}:", *words)
        if not wrong and len(got.stdout.splitlines()) != \
                (scenario.startswith(M) or M + "\n" in scenario):
            wrong = f"printed {got.stdout!r}"
        case(f"wrong scenario {scenario!r}", wrong)


WRONG_COMMAND_LINES = [
    ([], "a command is missing", "--help"),
    (["frob"], "frob", "run"),
    (["--frob"], "--frob", "--help"),
    (["-x"], "-x", "--help"),
    (["run"], "FILE", "--help"),
    (["run", "a", "b"], "'b' is too much", "--help"),
    (["run", "--frob", "-"], "--frob is unknown", "--help"),
    (["run", "-q", "-"], "-q is unknown", "--help"),
    (["run", "--json=yes", "-"], "takes no value", "--help"),
    (["run", "-", "--port"], "--port lacks its value", "--help"),
    (["run", "--port", "vax", "-"], "vax", "model or posix"),
    (["run", "--port", "qemu", "-"], "qemu", "model or posix"),
    (["run", "--profile", "linux-2.4", "-"], "linux-2.4", "native"),
    (["run", "--profile", "bsd", "-"], "bsd", "linux-6.12"),
    (["run", "/nowhere/at/all"], "/nowhere/at/all", "expected"),
    (["run", "/"], "/", "expected a scenario"),
]


def test_wrong_command_lines():
    for args, *words in WRONG_COMMAND_LINES:
        got = mhp(*args)
        wrong = complaint(got, *words)
        if not wrong and got.stdout:
            wrong = f"printed {got.stdout!r}"
        case(f"wrong command line {' '.join(args)!r}", wrong)


# -- Exit statuses.

FAILING = M + "unplug d0\nplug d0 size=128M\n"


def test_statuses():
    got = run(FAILING)
    case("a failing command leaves status 0",
         "" if got.returncode == 0 and "plug d0" in got.stdout else got)
    got = run(FAILING, "--strict", "--json")
    case("a failing command ends a strict run with 1",
         "" if got.returncode == 1 and len(got.stdout.splitlines()) == 2
         else got)
    got = run(M + "plug d0 size=128M\n", "--strict")
    case("a strict run without failure gives 0", "" if got.returncode == 0
         else got)
    got = run("machine boot=100 span=1T\nsnapshot\n", "--json")
    case("a machine that does not start ends the run with 1",
         "" if got.returncode == 1 and len(got.stdout.splitlines()) == 1 and
         json.loads(got.stdout)["rc"] == -22 else got)
    got = run("# nothing\n\n")
    case("an empty scenario is done at once",
         "" if got.returncode == 0 and not got.stdout else got)
    got = run("machine boot=64M\r\n\tsnapshot  \r\n  # the end")
    case("blanks, CR and a missing last newline",
         "" if got.returncode == 0 and not got.stderr else got)
    with open("/dev/full", "w", encoding="utf-8") as full:
        got = subprocess.run([MHP, "run", "-"], input=M, stdout=full, text=True,
                             stderr=subprocess.PIPE, check=False)
    case("output that cannot be written gives 1",
         "" if got.returncode == 1 and "cannot write" in got.stderr else got)


# -- Memory of the system.

LARGE = """machine boot=1G span=32T auto_online=online_movable
plug d0 size=16T
fill a size=16T
fill a size=1M
check
"""


def test_memory():
    """No more than there is: else the system kills a process for it."""
    got = run(LARGE, "--json")
    lines = [json.loads(line) for line in got.stdout.splitlines()]
    case("a fill that the system has no memory for",
         "" if [line["rc"] for line in lines] == [0, 0, -12, 0, 0] and
         "this system" in lines[2]["why"] else got)


# -- Names.


def test_names():
    got = run("machine boot=256M\nhuge a size=2M\nfill a size=1M\n"
              "fill b size=1M\nhuge b size=2M\nhuge c size=1M\ndrop a\n"
              "verify b\n", "--json")
    codes = [json.loads(line)["rc"] for line in got.stdout.splitlines()]
    case("a name is that of a fill or of huge pages",
         "" if codes == [0, 0, -17, 0, -17, -22, 0, 0] else got)


# -- Output for programs and for people.


def test_json():
    got = run("  machine boot=64M   nodes=1 # here\nunplug a#b\ncat x=y\n",
              "--json")
    lines = [json.loads(line) for line in got.stdout.splitlines()]
    want = {"line": 1, "cmd": "machine boot=64M   nodes=1", "rc": 0}
    case("a command as it was written, without comment",
         "" if lines[:1] == [want] and lines[1]["cmd"] == "unplug a" else got)
    case("rc, errno and why of a failure",
         "" if (lines[1]["rc"], lines[1]["errno"]) == (-19, "ENODEV") and
         "a" in lines[1]["why"] and lines[2]["rc"] == -2 else got)


def test_text():
    got = run("machine boot=64M\nplug d0 size=256M\n"
              "write memory32/state online_movable\nfill a size=1M\npin a\n"
              "unplug d0\nsnapshot\ncat memory32/state\n")
    for what, pattern in [
            ("the command", r"^ *2  plug d0 size=256M$"),
            ("a failure with its reason", r"^ +EBUSY: .*owner a, pin count 1"),
            ("a table of blocks",
             r"^ +32 online  Movable +0 block +\d+ +256 +\d+$"),
            ("a table of zones", r"^ +0 Movable +32768 +32768 +\d+ +\d+$"),
            ("the costs", r"^ +bytes: existing \d+, index \d+"),
            ("the content of a file", r"^ +online$")]:
        found = re.search(pattern, got.stdout, re.M)
        case(f"text shows {what}", "" if found and not got.stderr else
             f"no {pattern} in\n{got.stdout}{got.stderr}")


def test_uevents():
    scenario = ("machine boot=64M nodes=2\nplug d0 size=128M node=1\n"
                "write memory32/state online\nunplug d0\n")
    block, node = "/devices/system/memory/memory32", "/devices/system/node/node1"
    for profile, added in [("native", [f"add@{node}", f"add@{block}"]),
                           ("linux-6.12", [f"add@{block}", f"add@{node}"])]:
        got = run(scenario, "--json", "--uevents", "--profile", profile)
        events = [json.loads(line)["uevents"]
                  for line in got.stdout.splitlines()]
        expected = [[], added, [f"online@{block}"],
                    [f"offline@{block}", f"remove@{block}", f"remove@{node}"]]
        case(f"uevents, {profile}",
             "" if events == expected else f"{events} not {expected}")
    got = run(scenario, "--uevents")
    case("uevents as text",
         "" if f"uevent: online@{block}\n" in got.stdout else got.stdout)


def test_help():
    for args, words in [(["--help"], ["usage: mhp", "run"]),
                        (["run", "--help"], ["usage: mhp run", "--strict"]),
                        (["--version"], ["mhp "])]:
        got = mhp(*args)
        missing = [word for word in words if word not in got.stdout]
        case(f"mhp {' '.join(args)}",
             "" if got.returncode == 0 and not missing and not got.stderr
             else got)


def main():
    if "--update" in sys.argv:
        update()
        return 0
    test_scenarios()
    test_wrong_scenarios()
    test_wrong_command_lines()
    test_statuses()
    test_memory()
    test_names()
    test_json()
    test_text()
    test_uevents()
    test_help()
    return done()


if __name__ == "__main__":
    sys.exit(main())
