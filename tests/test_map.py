#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_map.py MHP [--update]

mhp map from outside: pictures as text against scenarios/expected/NAME.txt, the
picture in the documents, SVG that is well-formed and small, what is counted in
it against the snapshot, and what is said of wrong command lines. --update
writes what is drawn now instead; look at it before it is committed.
"""

import glob
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from tap import case, done

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
SCENARIOS = os.path.join(ROOT, "scenarios")
DOCS_SVG = os.path.join(ROOT, "docs", "map.svg")
SVG = "{http://www.w3.org/2000/svg}"
MHP = sys.argv[1]

# Scenarios whose picture is compared, with options.
TEXTS = {
    "map": [],
    "arm64-64k": [],
    "balloon": ["--width", "120"],
    "large-boot": ["--width", "60"],
    "lmbs": [],
    "nodes": ["--profile", "linux-6.12"],
    "pinned": [],
    "pmem": [],
    "range": [],
    "vmem": [],
}

MAX_SVG_BYTES = 300 << 10


def mhp(*args, stdin=""):
    return subprocess.run([MHP, *args], input=stdin, capture_output=True,
                          text=True, check=False, timeout=100)


def scenario_path(name):
    return os.path.join(SCENARIOS, name + ".mhp")


def text_path(name):
    return os.path.join(SCENARIOS, "expected", name + ".txt")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def svg_of(*args, stdin=""):
    """What is written with --svg, and how the tool ended."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "map.svg")
        got = mhp("map", "--svg", path, *args, stdin=stdin)
        return got, read(path) if os.path.exists(path) else ""


def update():
    for name, options in TEXTS.items():
        got = mhp("map", *options, scenario_path(name))
        assert got.returncode == 0, (name, got.stderr)
        with open(text_path(name), "w", encoding="utf-8") as f:
            f.write(got.stdout)
    assert mhp("map", "--svg", DOCS_SVG, scenario_path("map")).returncode == 0


# -- Text.


def test_texts():
    for name, options in TEXTS.items():
        got = mhp("map", *options, scenario_path(name))
        wrong = got.stderr
        if got.stdout != read(text_path(name)):
            wrong += got.stdout
        width = int(options[1]) if options[:1] == ["--width"] else 80
        if max(len(line) for line in got.stdout.splitlines()) > width:
            wrong += f"lines are wider than {width}"
        case(f"picture of {name}", wrong)


def test_widths():
    """What a line has no room for is on the next."""
    scenario = ("machine boot=64M auto_online=online_movable\n"
                "plug a-dimm-with-much-to-say size=128M\n"
                "plug b size=128M addr=0x200000000\n"
                "fill here-and-there size=160M\npin here-and-there\n"
                "plug c size=1G addr=0x300000000\n")
    lines = {}
    for width in 32, 50, 80, 1000:
        got = mhp("map", "--width", str(width), "-", stdin=scenario)
        lines[width] = got.stdout.splitlines()
        most = max(len(line) for line in lines[width])
        case(f"lines of {width} columns at most",
             "" if got.returncode == 0 and 20 < most <= width else got.stdout)
    words = [[word for line in lines[width] if "|" not in line
              for word in line.split()][12:] for width in (80, 1000)]
    case("and nothing is lost", "" if "".join(words[1]).endswith(
        "160Minblocks32,64") and words[0][-8:] == words[1][-8:] else words)


def test_snapshot():
    """A snapshot of a run as text ends with the same picture."""
    got = mhp("run", scenario_path("map"))
    case("a snapshot draws the map",
         "" if got.stdout.endswith(read(text_path("map"))) else got.stdout)
    got = mhp("run", "-", stdin="machine boot=4G span=4T auto_online=online\n"
              "plug d size=1T\nsnapshot\n")
    case("and says of blocks that are alike once what there is to say",
         "" if re.search(r"^ +73-8231 online +Normal +0 +range +0 +0 +32768$",
                         got.stdout, re.M) and
         len(got.stdout.splitlines()) < 40 else got.stdout[:2000])
    got = mhp("run", "--json", scenario_path("map"))
    case("a snapshot for programs does not",
         "" if all(json.loads(line) for line in got.stdout.splitlines())
         else got.stdout)


def test_posix():
    got = mhp("map", "--port", "posix", scenario_path("map"))
    case("picture of real memory", "" if got.returncode == 0 and
         "dma is pinned: 6M" in got.stdout and "DIMM near" in got.stdout
         else got)


# -- SVG.


def pages_of(title):
    """{what: pages} of a tooltip."""
    return {what: int(nr) for nr, what in
            re.findall(r"(\d+) ([a-z]+)", title.split("pages:")[1])}


def svg_wrong(got, svg):
    """What is wrong with an SVG, whatever is drawn in it."""
    if got.returncode or got.stderr or got.stdout:
        return str(got)
    if len(svg) > MAX_SVG_BYTES:
        return f"{len(svg)} bytes"
    root = xml.etree.ElementTree.fromstring(svg)
    width, height = int(root.get("width")), int(root.get("height"))
    for e in root.iter():
        x, y = e.get("x"), e.get("y")
        if x and y and not (0 <= float(x) <= width and
                            0 <= float(y) <= height):
            return f"outside of the picture: {e.attrib}"
        if e.tag in (SVG + "script", SVG + "image"):
            return f"not complete in itself: {e.tag}"
    if re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import", svg):
        return "not complete in itself"
    return ""


def test_svgs():
    for path in sorted(glob.glob(os.path.join(SCENARIOS, "*.mhp"))):
        name = os.path.basename(path)
        if name != "wrong-words.mhp":
            case(f"SVG of {name}", svg_wrong(*svg_of(path)))
    got, svg = svg_of(scenario_path("map"))
    case("the picture in the documents is what the tool draws",
         "" if svg == read(DOCS_SVG) and got.returncode == 0 else
         "docs/map.svg differs; test_map.py MHP --update writes it")


def test_svg_counts():
    """All pages of a machine are in the tooltips, as its zones count them."""
    scenario = ("machine boot=64M\nplug d size=256M\n"
                "write memory32/state online_movable\nfill a size=5M\n"
                "snapshot\n")
    snap = json.loads(mhp("run", "--json", "-", stdin=scenario)
                      .stdout.splitlines()[-1])
    _, svg = svg_of("-", stdin=scenario)
    sums = {}
    for title in xml.etree.ElementTree.fromstring(svg).iter(SVG + "title"):
        if "pages:" in title.text:
            for what, nr in pages_of(title.text).items():
                sums[what] = sums.get(what, 0) + nr
    blocks = snap["blocks"]
    want = {"allocated": sum(b["allocated"] for b in blocks),
            "offline": (128 << 8) - blocks[1]["memmap_pages"]}
    have = {what: sums.get(what) for what in want}
    case("tooltips count all pages", "" if have == want and
         sum(sums.values()) == 320 << 8 else f"{sums}, not {want}")


def test_svg_names():
    """A file's name is any bytes; a title is text."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a<b>&\"\u00e9\x01.mhp")
        with open(path, "w", encoding="utf-8") as f:
            f.write("machine boot=64M\nplug <&> size=128M\n")
        got, svg = svg_of(path)
        root = xml.etree.ElementTree.fromstring(svg)
        case("titles are text", "" if got.returncode == 0 and
             root.find(SVG + "title").text.startswith("a<b>&\"") and
             "DIMM &lt;&amp;&gt;," in svg else svg[:300])


def test_devices():
    """Device ranges are drawn where no block is, and beside blocks."""
    scenario = ("machine boot=512M span=4T nodes=2\n"
                "pmem a size=2M addr=0x108000000\n"
                "pmem b size=4M addr=0x10c000000 memmap=existing node=1\n"
                "pmem c size=2M addr=0x3ffffe00000 memmap=existing\n")
    got = mhp("map", "-", stdin=scenario)
    case("two device ranges in one row",
         "" if re.search("^several devices, several nodes, Device, memmap "
                         r"mixed: 0x108000000, 128M\n"
                         r" +33\|m {31}dd {30}\|$", got.stdout, re.M)
         else got.stdout)
    case("a device range at the end of all addresses",
         "" if re.search("^persistent memory c, node 0, Device, memmap "
                         r"existing: 0x3ffffe00000, 2M\n"
                         r" +32767\| {63}d\|$", got.stdout, re.M)
         else got.stdout)


# -- Large machines.


def fragmented():
    """A terabyte of which every third block is online, in random zones."""
    dice = random.Random(1)
    lines = ["machine boot=4G span=4T nodes=2 memmap_on_memory=on",
             "plug d size=1T node=1"]
    lines += [f"write memory{i}/state "
              f"{dice.choice(['online_movable', 'online_kernel'])}"
              for i in range(40, 8232, 3)]
    return "\n".join(lines + ["fill a size=64M node=1", "pin a"]) + "\n"


def test_large():
    scenario = ("machine boot=4G span=4T auto_online=online "
                "memmap_on_memory=on\nplug d size=1T\n")
    got = mhp("map", "-", stdin=scenario)
    case("a terabyte of equal blocks is one row",
         "" if re.search(r"^ +40-8231\|m\.{63}\|$", got.stdout, re.M) and
         len(got.stdout.splitlines()) < 30 else got.stdout)
    case("and a small SVG", svg_wrong(*svg_of("-", stdin=scenario)))
    scenario = scenario.replace("=on\n", "=range\n")
    got = mhp("map", "-", stdin=scenario)
    case("with one memmap nearly all of it is gigantic pages",
         "" if re.search(r"^ +80-8231\|\.{64}\|G$", got.stdout, re.M) and
         "memmap range in 40" in got.stdout and
         "gigantic pages of 1G: 1021 free, 0" in got.stdout else got.stdout)
    got = mhp("map", "-", stdin=fragmented())
    rows = [line for line in got.stdout.splitlines() if "|" in line]
    case("a terabyte of different blocks has few rows",
         "" if 60 < len(rows) <= 128 and "a row 128 blocks" in got.stdout and
         "P" in "".join(rows) else got.stdout)
    case("and a small SVG", svg_wrong(*svg_of("-", stdin=fragmented())))


# -- What is wrong is said.

WRONG = [
    # arguments, exit status, words on standard error
    (["map"], 2, ["FILE is missing", "mhp map --help"]),
    (["map", "a", "b"], 2, ["'b' is too much"]),
    (["map", "--frob", "-"], 2, ["--frob is unknown"]),
    (["map", "-", "--svg"], 2, ["--svg lacks its value"]),
    (["map", "--width", "31", "-"], 2, ["'31'", "32 to 1000"]),
    (["map", "--width", "1001", "-"], 2, ["'1001'", "32 to 1000"]),
    (["map", "--width", "-80", "-"], 2, ["'-80'", "32 to 1000"]),
    (["map", "--width", "80x", "-"], 2, ["'80x'", "32 to 1000"]),
    (["map", "--port", "vax", "-"], 2, ["vax", "model or posix"]),
    (["map", "--profile", "bsd", "-"], 2, ["bsd", "linux-6.12"]),
    (["map", "/nowhere/at/all"], 2, ["/nowhere/at/all", "expected"]),
]

M = "machine boot=64M\n"

WRONG_SCENARIOS = [
    # scenario, arguments, exit status, words
    ("frob\n", [], 2, ["stdin:1:", "frob"]),
    (M + "plug\n", [], 2, ["stdin:2:", "lacks a word"]),
    ("", [], 2, ["starts no machine", "expected machine"]),
    ("machine boot=100\n", [], 1, ["line 1", "no machine", "whole pages"]),
    (M, ["--svg", "/nowhere/at/all.svg"], 1,
     ["cannot write /nowhere/at/all.svg"]),
    (M, ["--svg", "/dev/full"], 1, ["cannot write /dev/full"]),
]


def complaint(got, status, words):
    if got.returncode != status:
        return f"status {got.returncode} instead of {status}: {got.stderr}"
    if len(got.stderr.splitlines()) != 1 or got.stdout:
        return f"not one line on standard error: {got}"
    missing = [word for word in words if word not in got.stderr]
    return f"no {missing} in {got.stderr!r}" if missing else ""


def test_wrong():
    for args, status, words in WRONG:
        case(f"wrong command line {' '.join(args)!r}",
             complaint(mhp(*args), status, words))
    for scenario, args, status, words in WRONG_SCENARIOS:
        case(f"wrong: {scenario!r} {' '.join(args)}",
             complaint(mhp("map", *args, "-", stdin=scenario), status, words))
    got = mhp("map", "--help")
    case("mhp map --help", "" if got.returncode == 0 and
         "--svg FILE" in got.stdout else got)
    with open("/dev/full", "w", encoding="utf-8") as full:
        got = subprocess.run([MHP, "map", "-"], input=M, stdout=full,
                             text=True, stderr=subprocess.PIPE, check=False)
    case("a picture that cannot be written gives 1",
         "" if got.returncode == 1 and "cannot write" in got.stderr else got)


def main():
    if "--update" in sys.argv:
        update()
        return 0
    test_texts()
    test_widths()
    test_snapshot()
    test_posix()
    test_svgs()
    test_svg_counts()
    test_svg_names()
    test_devices()
    test_large()
    test_wrong()
    return done()


if __name__ == "__main__":
    sys.exit(main())
