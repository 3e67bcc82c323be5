#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_bench.py MHP

mhp bench from outside, with little memory and one repetition: that each
benchmark runs, has the cases it promises, and says numbers that agree with each
other. Times are not looked at.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

from tap import case, done

MHP = sys.argv[1]

ALLOC = {
    "4k-alloc", "4k-free", "4k-free-random", "4k-free-remote", "4k-pair",
    "4k-pair-empty-row", "4k-alloc-bulk", "4k-free-bulk", "4k-alloc-bulk8",
    "4k-free-bulk8", "order3-pair", "2m-alloc", "2m-free", "2m-pair",
    "isolate-free", "isolate-half-used", "4k-alloc-99-percent-full",
    "4k-alloc-99-percent-steady", "4k-free-99-percent-steady",
    "4k-alloc-99-percent-piece", "all-but-64", "all-but-64-1t",
} | {f"order{i}-{what}" for i in range(1, 9) for what in ("alloc", "free")}
# These need two processors.
ALLOC_TWO = {"4k-alloc", "4k-free", "4k-pair", "2m-pair", "order3-alloc",
             "order3-free", "4k-free-shuffled", "producer-consumer"}
HOTPLUG = {
    "add-online-1g", "offline-1g", "offline-block", "remove-1g",
    "add-use-free-1g", "existing-bytes",
}
# On port model only.
HOTPLUG_MODEL = HOTPLUG | {
    "add-online-1t", "first-touch-1g", "forecast-empty", "forecast-full",
    "add-online-1g-resident", "offline-1g-resident", "remove-1g-resident",
    "offline-1g-used-resident", "remove-1g-used-resident",
}
PLUG_SCALE = {"add-online-16g", "offline-16g", "remove-16g", "beside-16g"}
PLUG_MEMORY = {"resident-16g", "page-tables-16g"}
GIGANTIC = {
    "1g-alloc", "1g-free", "1g-alloc-half-full", "1g-free-half-full",
    "1g-alloc-none",
}
MOVE = {"move-16", "move-64", "hold-up-16", "hold-up-64"}
BOUNDS = {f"{bound}-{size}" for bound in ("deadline", "cancel", "hold-up")
          for size in ("4k", "2m")}
EVACUATE = {"half-full", "half-full-fresh"}
FLOORS = {"locked-instruction", "copy-non-temporal", "copy-fresh"}

MACHINE = {
    "machine": ("processor", "arch", "processors", "system", "release",
                "locked_ns"),
    "build": ("version", "compiler", "compiler_version", "options", "debug",
              "section"),
}

VIEW = {name + worn for name in (
    "meminfo", "zoneinfo", "buddyinfo", "vmstat", "node-meminfo", "iomem",
    "state", "valid-zones") for worn in ("", "-worn")}


def mhp(*args):
    return subprocess.run([MHP, "bench", *args], capture_output=True,
                          text=True, check=False, timeout=200)


def bench(name):
    """The rows of a benchmark, and what is wrong with the run."""
    got = mhp("--json", "--repeat", "1", "--size", "256M", name)
    if got.returncode or got.stderr:
        return [], f"status {got.returncode}: {got.stderr}"
    lines = [json.loads(line) for line in got.stdout.splitlines()]
    return lines[1:], wrong_machine(lines[0])


def wrong_machine(first):
    """What is wrong with the line that says what a run was on."""
    for part, keys in MACHINE.items():
        for key in keys:
            if not first[part].get(key) and first[part].get(key) != 0:
                return f"{part} does not say {key}: {first}"
    return "" if first["repeat"] == 1 else f"repetitions: {first}"


def wrong_target(row):
    """Whether it is met is the machine's business, what is said is ours."""
    if row["target"] is None:
        return "no target, but a verdict" if row["target_of"] or \
            row["met"] is not None else ""
    figure = row["target_figure"]
    if figure is None:
        return "" if row["met"] is None else "no figure, but a verdict"
    if row["target_of"] == "one-thread":
        if row["threads"] < 2:
            return "one thread compared with itself"
    elif not math.isclose(figure, row[row["target_of"]], rel_tol=1e-4):
        return f"figure is not of {row['target_of']}"
    met = figure >= row["target"] if row["target_least"] \
        else figure <= row["target"]
    return "" if row["met"] == met else "met is wrong"


def wrong_row(row, name, unit, has_floor):
    """What is wrong with a row."""
    if row["bench"] != name or row["threads"] < 1:
        return "is of another benchmark, or has no threads"
    if row["unit"] != unit and row["case"] != "existing-bytes":
        return f"unit {row['unit']} instead of {unit}"
    if wrong_target(row):
        return wrong_target(row)
    if not 0 < row["min"] <= row["median"] <= row["max"]:
        return "minimum, median and maximum are not in order"
    if not has_floor:
        floors = (row["floor"], row["floor_max"], row["ratio"])
        return "has a floor" if any(floors) else ""
    if not row["floor"] or not 0 < row["floor"] <= row["floor_max"]:
        return "has no floor, or one above its maximum"
    if not math.isclose(row["ratio"], row["median"] / row["floor"],
                        rel_tol=1e-4):
        return "ratio is not median over floor"
    return ""


def check(name, wanted, unit, has_floor):
    rows, wrong = bench(name)
    case(f"{name} runs", wrong)
    missing = wanted - {row["case"] for row in rows}
    case(f"{name} has its cases", ", ".join(sorted(missing)))
    for row in rows:
        wrong = wrong_row(row, name, unit, has_floor)
        case(f"{name} {row['case']}", wrong and f"{wrong}: {row}")
    return rows


def check_hotplug():
    rows = check("hotplug", HOTPLUG, "us", False)
    for port in "model", "posix":
        for placement in "range", "block", "existing":
            have = {row["case"] for row in rows if row["port"] == port
                    and row["placement"] == placement}
            wanted = HOTPLUG_MODEL if port == "model" else HOTPLUG
            case(f"hotplug on {port}, {placement}",
                 ", ".join(sorted(wanted - have)))
    # Not a time, but a promise.
    costs = [row["max"] for row in rows if row["case"] == "existing-bytes"
             and row["placement"] in ("block", "range")]
    case("a section costs at most 64 bytes",
         "" if costs and max(costs) <= 64 else str(costs))


def check_alloc():
    rows = check("alloc", ALLOC, "ns", True)
    two = {row["case"] for row in rows if row["threads"] == 2}
    wanted = ALLOC_TWO if len(os.sched_getaffinity(0)) > 1 else set()
    case("alloc has its cases of two threads", ", ".join(sorted(two ^ wanted)))
    case("alloc has targets",
         "" if any(row["target_of"] == "ratio" for row in rows) else str(rows))
    got = mhp("--list")
    names = {line.split()[0] for line in got.stdout.splitlines()}
    case("the list of alloc's cases",
         ", ".join(sorted(names ^ (ALLOC | ALLOC_TWO))))


def check_tables():
    """The script that makes tables of a run."""
    script = os.path.join(os.environ["MHP_SOURCE"], "scripts",
                          "performance-table.py")
    run = mhp("--json", "--repeat", "1", "--size", "128M", "--only",
              "4k-free,4k-pair-empty-row", "alloc").stdout
    places = "".join(f"<!-- table: {what} -->\nold {what}\n"
                     "<!-- end of table -->\n" for what in (
                         "machine alloc", "figures alloc", "targets alloc",
                         "figures hotplug"))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.md")
        with open(path, "w", encoding="utf-8") as f:
            f.write("before\n" + places + "behind\n")
        got = subprocess.run([script, "--write", path], input=run, text=True,
                             capture_output=True, check=False, timeout=60)
        with open(path, encoding="utf-8") as f:
            text = f.read()
    row = [line for line in text.splitlines()
           if line.startswith("| `4k-free` | ")]
    wanted = ["before\n", "behind\n", "old figures hotplug", "1 repetitions",
              "| `4k-pair-empty-row` |", "of the floor |"]
    wrong = [word for word in wanted if word not in text]
    old = [what for what in ("machine", "figures", "targets")
           if f"old {what} alloc" in text]
    case("tables of a run", "" if got.stdout == "3 tables written\n" and
         not wrong and not old and len(row) >= 2 else
         f"{got.stdout}{got.stderr}{wrong}{old}{row}\n{text}")


def check_only():
    """Only the cases that are named are shown, and they must exist."""
    some = ["4k-free", "all-but-64", "order5-alloc"]
    got = mhp("--json", "--repeat", "1", "--size", "128M", "--only",
              ",".join(some), "alloc")
    have = {json.loads(line)["case"] for line in got.stdout.splitlines()[1:]}
    case("only some cases", "" if have == set(some) else str(have))
    got = mhp("--repeat", "1", "--size", "128M", "--only", "4k", "alloc")
    case("only a case that is none",
         "" if got.returncode == 1 and got.stderr.splitlines() ==
         ["mhp bench: no case is named 4k"] else got.stderr)


def check_wrong():
    for args in (["--only"], ["nonsense"], ["--repeat", "0"], ["--repeat", "x"],
                 ["--size", "1M"], ["--size", "129M"], ["--plot"],
                 ["--plot", "x.svg", "alloc"],
                 ["--nonsense"], ["--repeat"]):
        got = mhp(*args)
        lines = got.stderr.splitlines()
        wrong = got.returncode != 2 or len(lines) != 1 or got.stdout
        case("wrong: " + " ".join(args),
             f"{got.returncode} {got.stderr} {got.stdout}" if wrong else "")


def plot(path, **env):
    return subprocess.run(
        [MHP, "bench", "--repeat", "1", "--size", "128M", "--plot", path],
        capture_output=True, text=True, check=False, timeout=200,
        env={**os.environ, **env})


def check_plot():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plot.svg")
        got = plot(path, PATH=folder)
        case("no gnuplot", "" if got.returncode == 1 and
             not os.path.exists(path) and got.stderr.splitlines() ==
             ["mhp bench: gnuplot is not installed (on Debian: package "
              "gnuplot-nox)"] else got.stderr)
        if not shutil.which("gnuplot"):
            print("ok 0 - a plot # SKIP there is no gnuplot")
            return
        got = plot(path)
        text = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                text = f.read()
        words = ["<svg", "memory present", "ns for one operation", "floor",
                 "µs for each GiB", "size plugged at once", "128M", "2G",
                 "threads, each on its processor", "</svg>"]
        missing = [word for word in words if word not in text]
        case("a plot", got.stderr or str(missing if missing else ""))
        with open(os.path.join(folder, "gnuplot"), "w",
                  encoding="utf-8") as f:
            f.write("#!/bin/sh\nread line\nexit 1\n")
        os.chmod(f.name, 0o755)
        got = plot(path, PATH=folder)
        case("a gnuplot that fails", "" if got.returncode == 1 and
             not os.path.exists(path) and got.stderr ==
             "mhp bench: gnuplot could not draw\n" else got.stderr)
        got = plot(os.path.join(folder, "none", "x.svg"))
        case("a plot where there is no folder", "" if got.returncode == 1
             and "No such file" in got.stderr else got.stderr)


def check_scale():
    rows, wrong = bench("scale")
    case("scale runs", wrong)
    units = {row["case"]: row["unit"] for row in rows}
    missing = {"4k-pair"} | PLUG_SCALE | PLUG_MEMORY
    case("scale has its cases", ", ".join(sorted(missing - set(units))))
    for row in rows:
        name = row["case"]
        unit = "us" if name in PLUG_SCALE else "ns"
        unit = "MiB" if name in PLUG_MEMORY else unit
        case(f"scale {name}", wrong_row(row, "scale", unit, unit == "ns"))


def check_text():
    got = mhp("--repeat", "1", "--size", "128M", "scale")
    case("a table", "" if got.returncode == 0 and "4k-pair" in got.stdout
         and "RATIO" in got.stdout else got.stdout + got.stderr)
    got = mhp("--help")
    case("help", "" if got.returncode == 0 and "--repeat" in got.stdout
         else got.stdout + got.stderr)


def check_waits(name, wanted):
    """A benchmark of times of which only those of others have a floor."""
    rows, wrong = bench(name)
    case(f"{name} runs", wrong)
    case(f"{name} has its cases",
         ", ".join(sorted(wanted - {row["case"] for row in rows})))
    for row in rows:
        held = row["case"].startswith("hold-up")
        case(row["case"], wrong_row(row, name, "us", held))


def check_gigantic():
    rows, wrong = bench("gigantic")
    case("gigantic runs", wrong)
    times = {row["case"] for row in rows if row["unit"] == "us"}
    case("gigantic has its cases", ", ".join(sorted(GIGANTIC - times)))
    count = {row["placement"]: row["median"] for row in rows
             if row["case"] == "1g-pages"}
    case("one memmap for a range leaves gigantic pages",
         "" if count["range"] >= 1019 and count["block"] == 0 else str(count))


def main():
    rows, wrong = bench("floors")
    case("floors runs", wrong)
    case("floors has its cases",
         ", ".join(sorted(FLOORS - {row["case"] for row in rows})))
    check_alloc()
    check_only()
    check_tables()
    check_scale()
    check("evacuate", EVACUATE, "GB/s", True)
    check_hotplug()
    check("view", VIEW, "us", False)
    check_gigantic()
    check_waits("move", MOVE)
    check_waits("bounds", BOUNDS)
    check_wrong()
    check_plot()
    check_text()
    return done()


sys.exit(main())
