#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_demo.py MHP

mhp demo from outside, small and short: that no value is lost, that what the
summary claims is so, that nothing but text is written where there is no
terminal, and what it says to wrong options.
"""

import json
import re
import subprocess
import sys

from tap import case, done

MHP = sys.argv[1]
MIB = 1 << 20
SHORT = "available; use a smaller --size"


def demo(*args):
    return subprocess.run([MHP, "demo", *args], capture_output=True,
                          text=True, check=False, timeout=110,
                          encoding="utf-8")


def unless(fine, text):
    """What is wrong, for case()."""
    return "" if fine else text or "empty"


# -- Text.


def figure(text, name):
    """What a line of the summary says."""
    found = re.search(rf"^  {name}\s{{2,}}(.*)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def events_are_told(text):
    events = ("the cache starts", "boot memory full", "DIMM 1 plugged",
              "DIMM 1 full", "DIMM 2 plugged", "forecast for DIMM 1",
              "eject of DIMM 1", "DIMM 1 is empty", "DIMM 1 unplugged",
              "workers stop", "compared byte by byte: 0 lost")
    at = 0
    for event in events:
        found = re.search(rf"^ +\d+\.\d\d s  .*{event}", text[at:],
                          re.MULTILINE)
        if not found:
            return f"'{event}' is missing or out of order in\n{text}"
        at += found.end()
    return ""


def maps_are_whole(text):
    rows = re.findall(r"^(?:boot  |DIMM \d) +\d+ (.*)$", text, re.MULTILINE)
    wide = [r for r in rows if r != "unplugged"]
    gone = len(rows) - len(wide)
    fine = (len(rows) == 30 and gone == 3 and
            all(re.fullmatch(r".{64} +\d+", r) for r in wide))
    return unless(fine, "\n".join(rows))


def test_text(result):
    text = result.stdout
    case("text: done", unless(result.returncode == 0 and not result.stderr,
                              f"status {result.returncode}\n{text}"
                              f"{result.stderr}"))
    case("text: events in order", events_are_told(text))
    case("text: lost 0", unless(figure(text, "values lost") == "0", text))
    share = re.match(r"(\d+\.\d) % occupied", figure(text, "DIMM 1 was"))
    case("text: DIMM 1 was 90 % occupied",
         unless(share and float(share.group(1)) >= 90, text))
    case("text: the file is empty",
         unless(re.fullmatch(r"9\d(\.\d+)? MiB before the unplug, "
                             "0 bytes after", figure(text, "file of DIMM 1")),
                text))
    case("text: maps", maps_are_whole(text))
    case("text: no terminal, no escapes",
         unless("\033" not in text and "\r" not in text, repr(text)))


# -- Figures.


def pss_fell(r):
    """The process shrank by what the DIMM's file had."""
    if not r["pss_before_bytes"]:
        return True
    fall = r["pss_before_bytes"] - r["pss_after_bytes"]
    return fall >= r["file_before_bytes"] * 9 // 10


def test_figures():
    result = demo("--json", "--size", "256M", "--seconds", "3")
    case("json: done", unless(result.returncode == 0 and not result.stderr and
                              result.stdout.count("\n") == 1,
                              result.stdout + result.stderr))
    try:
        r = json.loads(result.stdout)
    except ValueError:
        return
    claims = {
        "served": r["served"] > 0 and r["served_meanwhile"] > 0,
        "lost": r["lost"] == 0,
        "occupied": r["occupied_percent"] >= 90,
        "all moved": r["moved_bytes"] >= r["in_use_bytes"] > 80 * MIB,
        "file": r["file_before_bytes"] > 80 * MIB and
                r["file_after_bytes"] == 0,
        "pss": pss_fell(r),
        "existing": 0 < r["existing_bytes_block"] <= 64 * 8 <
                    r["existing_bytes_existing"],
        "latency": 0 < r["get_meanwhile"]["p50_ns"] <=
                   r["get_meanwhile"]["p99_ns"] <=
                   r["get_meanwhile"]["max_ns"],
    }
    for name, holds in claims.items():
        case(f"json: {name}", unless(holds, result.stdout))


# -- The command line.


def test_wrong():
    for args, expected in (
            (("--size", "100M"), "expected 256M to 16T"),
            (("--size", "lots"), "expected digits"),
            (("--size", "17T"), "expected 256M to 16T"),
            (("--seconds", "1"), "expected 2 to 86400"),
            (("--seconds", "2x"), "expected 2 to 86400"),
            (("--workers", "0"), "expected 1 to "),
            (("--size",), "lacks its value"),
            (("--fast",), "--fast is unknown"),
            (("more",), "expected options only")):
        result = demo(*args)
        fine = (result.returncode == 2 and not result.stdout and
                result.stderr.count("\n") == 1 and expected in result.stderr)
        case(f"wrong: {' '.join(args)}",
             unless(fine, f"status {result.returncode}: {result.stderr}"))


def test_short_of_memory():
    result = demo("--size", "16T", "--seconds", "2")
    case("short of memory: said before it starts",
         unless(result.returncode == 1 and SHORT in result.stderr and
                not result.stdout, result.stdout + result.stderr))


def test_help():
    result = demo("--help")
    case("help", unless(result.returncode == 0 and
                        all(o in result.stdout for o in
                            ("--size", "--seconds", "--workers", "--json")),
                        result.stdout))


def main():
    result = demo("--size", "256M", "--seconds", "4")
    if result.returncode == 1 and SHORT in result.stderr:
        print(f"1..0 # SKIP {result.stderr.strip()}")
        return 77
    test_text(result)
    test_figures()
    test_wrong()
    test_short_of_memory()
    test_help()
    return done()


if __name__ == "__main__":
    sys.exit(main())
