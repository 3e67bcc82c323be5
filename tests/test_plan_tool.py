#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_plan_tool.py MHP [--update]

mhp plan from outside: the sizes that follow from Linux's rules, row by row; what
an operator asks; tables against tests/plan/; JSON; wrong command lines.
--update writes the tables instead; read the difference before it is committed.
"""

import itertools
import json
import os
import subprocess
import sys

from tap import case, done

HERE = os.path.dirname(os.path.abspath(__file__))
MHP = sys.argv[1]
MIB, GIB = 1 << 20, 1 << 30


def plan(*args):
    return subprocess.run([MHP, "plan", *args], capture_output=True, text=True,
                          check=False, timeout=60)


def rows(*args):
    got = plan("--json", *args)
    assert got.returncode == 0 and not got.stderr, got
    return [json.loads(line) for line in got.stdout.splitlines()]


def differences(row, want):
    return [f"{k} is {row.get(k)!r}, not {v!r}" for k, v in want.items()
            if row.get(k) != v]


# -- Linux 7.2, one memory block: why not, with on and with force; then pages of
# memmap, pages wasted by force, usable pages with force.

PAGEBLOCK = "what the memmap leaves is not whole pageblocks"
PAGE = "the memmap of a block is not whole pages"
PMD = "the memmap of a block is not whole PMDs"
REST = "the memmap would fill the block"
ARCH = "Linux has no memmap_on_memory on LoongArch"

LINUX = [
    ("x86_64", "128M", 64, None, None, 512, 0, 32256),
    ("riscv64", "128M", 64, None, None, 512, 0, 32256),
    ("arm64-4k", "128M", 64, None, None, 512, 0, 32256),
    ("x86_64", "2G", 64, None, None, 8192, 0, 516096),
    ("x86_64", "64G", 64, None, None, 262144, 0, 16515072),
    ("x86_64", "128M", 56, PAGEBLOCK, PMD, 448, 0, 32768),
    ("x86_64", "128M", 72, PAGEBLOCK, PMD, 576, 0, 32768),
    ("x86_64", "128M", 80, PAGEBLOCK, PMD, 640, 0, 32768),
    ("x86_64", "128M", 88, PAGEBLOCK, PMD, 704, 0, 32768),
    ("x86_64", "128M", 96, PAGEBLOCK, PMD, 768, 0, 32768),
    ("x86_64", "256M", 96, None, None, 1536, 0, 64000),
    ("x86_64", "512M", 80, None, None, 2560, 0, 128512),
    ("x86_64-nohuge", "128M", 64, PAGEBLOCK, None, 512, 512, 31744),
    ("arm64-16k", "128M", 64, PAGEBLOCK, PMD, 32, 0, 8192),
    ("arm64-64k", "512M", 64, PAGEBLOCK, REST, 8, 0, 8192),
    ("s390x", "128M", 64, None, None, 512, 0, 32256),
    ("ppc64-64k", "256M", 64, PAGEBLOCK, None, 4, 28, 4064),
    ("ppc64-64k", "16M", 64, PAGE, PAGE, 1, 0, 256),
    ("ppc64-64k", "1G", 64, PAGEBLOCK, None, 16, 16, 16352),
    ("ppc64-4k", "128M", 64, None, None, 512, 0, 32256),
    ("ppc64-4k", "256M", 64, None, None, 1024, 0, 64512),
    ("loongarch64", "512M", 64, ARCH, ARCH, 128, 0, 32768),
]


def test_linux():
    for geometry, block, descriptor, on, force, pages, wasted, usable in LINUX:
        got = rows("--profile", "linux-7.2", "--geometry", geometry, "--block",
                   block, "--size", block, "--descriptor", str(descriptor))
        wrong = [] if [r["placement"] for r in got] == ["off", "on", "force"] \
            else [str(got)]
        for row, why in zip(got[1:], (on, force)):
            wrong += differences(row, {"why": why, "on_memory": not why,
                                       "memmap_pages": pages})
        wrong += differences(got[2], {"wasted_pages": wasted,
                                      "usable_pages": usable})
        case(f"linux-7.2 {geometry} {block} {descriptor}", "\n".join(wrong))


# Linux 6.1, one memory block: why not, with on.
OLD_ARCH = "Linux 6.1 has memmap_on_memory on x86-64 and arm64 only"
OLD = [
    ("x86_64", "128M", 64, None),
    ("x86_64", "128M", 56, PMD),
    ("x86_64-nohuge", "128M", 64, PAGEBLOCK),
    ("arm64-4k", "128M", 64, None),
    ("arm64-16k", "128M", 64, PMD),
    ("arm64-64k", "512M", 64, PMD),
    ("s390x", "128M", 64, OLD_ARCH),
    ("ppc64-4k", "256M", 64, OLD_ARCH),
    ("ppc64-64k", "256M", 64, OLD_ARCH),
    ("loongarch64", "512M", 64, ARCH),
]


def test_linux_6_1():
    for geometry, block, descriptor, why in OLD:
        got = rows("--profile", "linux-6.1", "--geometry", geometry, "--block",
                   block, "--size", block, "--descriptor", str(descriptor))
        wrong = differences(got[0], {"placement": "off", "why": None,
                                     "becomes": "existing"})
        wrong += differences(got[1], {"placement": "on", "why": why,
                                      "on_memory": not why,
                                      "becomes": "existing" if why
                                      else "block"})
        case(f"linux-6.1 {geometry} {block} {descriptor}",
             "" if not wrong and len(got) == 2 else "\n".join(wrong) or got)
    got = [r for r in rows("--profile", "linux-6.1", "--geometry", "all")
           if r["refused"]]
    case("linux-6.1 plugs no memory on riscv64",
         "" if got and {(r["geometry"], r["why"]) for r in got} ==
         {("riscv64", "Linux 6.1 has no memory hotplug on RISC-V")} else got)


def test_native():
    """What Linux gives up, or wastes, is possible natively."""
    for geometry, block, descriptor, _, force, pages, wasted, _ in LINUX:
        got = rows("--geometry", geometry, "--block", block, "--size", block,
                   "--descriptor", str(descriptor))
        row = [r for r in got if r["placement"] == "block"][0]
        wrong = differences(row, {"why": None, "on_memory": True,
                                  "wasted_pages": 0})
        # The allocator's state takes a page or so that Linux does not need.
        if row["hosted_pages"] > pages + wasted + 1:
            wrong.append(f"{row['hosted_pages']} pages")
        case(f"native {geometry} {block} {descriptor}"
             f"{': Linux gives up' if force else ''}", "\n".join(wrong))


# The table in the README: what Linux does by force, and what it costs in
# existing memory, wasted pages and gigantic pages; the same with one memmap.
BETTER = [
    ("arm64-16k", "1T", PMD, (4 << 30, 0, 16), (512 << 10, 0, 15)),
    ("arm64-64k", "8T", REST, (8 << 30, 0, 2), (1 << 20, 0, 1)),
    ("ppc64-64k", "1T", None, (0, (7 << 30) >> 16, 0), (256 << 10, 0, 1022)),
]


def test_better():
    """What Linux gives up works with one memmap for all; its padding goes."""
    for geometry, size, why, force, one in BETTER:
        args = ["--geometry", geometry, "--size", size, "--descriptor", "64"]
        linux = [r for r in rows("--profile", "linux-7.2", *args)
                 if r["placement"] == "force"][0]
        native = [r for r in rows(*args) if r["placement"] == "range"][0]
        wrong = differences(linux, {"why": why})
        wrong += differences(native, {"why": None, "becomes": "range"})
        for row, want in (linux, force), (native, one):
            wrong += differences(row, dict(zip(
                ("existing_bytes", "wasted_pages", "gigantic_pages"), want)))
        case(f"better than linux-7.2 {geometry} {size}", "\n".join(wrong))


def test_range():
    """One memmap for all: gigantic pages form where blocks leave none."""
    for geometry, size, gigantic in [("x86_64", "1T", 1019),
                                     ("arm64-16k", "1T", 15),
                                     ("arm64-64k", "8T", 1),
                                     ("ppc64-64k", "1T", 1023)]:
        got = {r["placement"]: r for r in rows("--geometry", geometry,
                                               "--size", size)}
        wrong = differences(got["range"], {"becomes": "range", "why": None,
                                           "gigantic_pages": gigantic})
        wrong += differences(got["block"], {"becomes": "block", "why": None,
                                            "gigantic_pages": 0})
        wrong += differences(got["auto"], {"becomes": "range", "why": None})
        case(f"range {geometry}", "\n".join(wrong))
    got = rows("--size", "128M")
    case("a range of one block carries its own memmap",
         "" if [r["becomes"] for r in got] ==
         ["existing", "block", "block", "block"] and got[2]["why"] and
         not got[3]["why"] else got)


# -- What an operator asks: 12 GiB for a guest of 256 MiB.

OPERATOR = ["--size", "12G", "--boot", "256M"]


def test_operator():
    off, on, force = rows("--profile", "linux-6.12", *OPERATOR)
    for row in off, on, force:
        case(f"operator: {row['placement']}", "\n".join(differences(row, {
            "block_bytes": 128 * MIB, "descriptor_bytes": 64, "why": None,
            "existing_bytes": 192 * MIB if row is off else 0,
            "gigantic_pages": 12 if row is off else 0,
            "boot_left_bytes": 252 * MIB, "boot_has_it": True,
            "auto_movable_ratio": 301, "movable_bytes": 768 * MIB,
            "kernel_bytes": 12 * GIB - 768 * MIB, "movable_group_bytes": 0})))
    got = plan("--profile", "linux-6.12", "--size", "12G", "--boot", "192M")
    case("operator: not enough", "" if "too much" in got.stdout
         else got.stdout)
    off = rows("--profile", "linux-6.12", "--size", "12G", "--boot", "4G")[0]
    case("operator: a DIMM that may go to ZONE_MOVABLE whole",
         "\n".join(differences(off, {"movable_group_bytes": 12 * GIB,
                                     "kernel_bytes": 0})))
    one = rows("--profile", "linux-6.1", "--size", "12G")
    case("operator: Linux 6.1 has no force, and wants one block",
         "" if [(r["placement"], r["why"]) for r in one] ==
         [("off", None), ("on", "Linux 6.1 wants a range of one block")]
         else str(one))


# -- The memory blocks of Linux on x86_64: size, profile, boot memory, the rest.
# Boot memory ends a GiB further up than it is large.

LINUX_BLOCKS = [
    (128 * MIB, "linux-6.12", "256M"),
    (128 * MIB, "linux-6.12", "62G"),
    (2 * GIB, "linux-6.12", "63G"),
    (2 * GIB, "linux-6.1", "64G"),
    (2 * GIB, "linux-7.2", "64G"),
    (2 * GIB, "linux-7.2", "64896M"),
    (128 * MIB, "linux-6.12", "64G", "--block", "128M"),
    (128 * MIB, "linux-6.12", "62G", "--hypervisor"),
    (2 * GIB, "linux-6.12", "63G", "--hypervisor"),
    (1 * GIB, "linux-6.12", "64G", "--hypervisor"),
    # The kernels themselves say so: docs/CONFORMANCE.md, block-size.
    (1 * GIB, "linux-6.1", "66G", "--hypervisor"),
    (1 * GIB, "linux-6.12", "66G", "--hypervisor"),
    (512 * MIB, "linux-6.1", "66048M", "--hypervisor"),
    (128 * MIB, "linux-6.12", "65664M", "--hypervisor"),
    (128 * MIB, "linux-6.12", "65600M", "--hypervisor"),
    (256 * MIB, "linux-7.2", "63G", "--advice", "256M"),
    (2 * GIB, "linux-7.2", "63G", "--advice", "64G"),
    (128 * MIB, "linux-7.2", "63G", "--advice", "2M"),
    (256 * MIB, "linux-7.2", "64768M", "--advice", "1G"),
    (128 * MIB, "linux-7.2", "8G", "--advice", "1G"),
    (256 * MIB, "linux-7.2", "63G", "--advice", "256M", "--hypervisor"),
    (128 * MIB, "native", "64G"),
    (256 * MIB, "linux-7.2", "64G", "--geometry", "ppc64-4k"),
]


def test_linux_blocks():
    for block, profile, boot, *more in LINUX_BLOCKS:
        got = rows("--profile", profile, "--boot", boot, *more)[0]
        case(f"memory blocks of {profile} {boot} {' '.join(more)}",
             "\n".join(differences(got, {"block_bytes": block})))


def test_blocks():
    """A size that a kernel never has is refused, and is not among all."""
    for profile, geometry, block, why in [
            ("linux-6.12", "arm64-4k", "256M", "sections"),
            ("linux-7.2", "riscv64", "1G", "sections"),
            ("linux-6.1", "arm64-64k", "1G", "sections"),
            ("linux-7.2", "loongarch64", "1G", "sections"),
            ("linux-7.2", "x86_64", "128G", "at most 64G"),
            ("linux-7.2", "x86_64", "64G", None),
            ("linux-7.2", "s390x", "1G", None),
            ("linux-7.2", "ppc64-64k", "1G", None),
            ("native", "arm64-4k", "256M", None),
            ("native", "arm64-64k", "256M", "a section, 512M"),
            ("native", "ppc64-4k", "8M", "a section, 16M")]:
        got = plan("--profile", profile, "--geometry", geometry, "--block",
                   block, "--size", "1T")
        case(f"{profile} {geometry} with blocks of {block}",
             "" if got.returncode == (2 if why else 0) and
             (why or "") in got.stderr else got)
    got = rows("--profile", "linux-7.2", "--geometry", "all", "--block", "all")
    blocks = {r["geometry"]: set() for r in got}
    for row in got:
        blocks[row["geometry"]].add(row["block_bytes"])
    case("all blocks are those that there are",
         "" if not any(r["refused"] for r in got) and
         {g for g in blocks if len(blocks[g]) == 1} ==
         {"arm64-4k", "arm64-16k", "arm64-64k", "riscv64", "loongarch64"}
         else blocks)


def test_addr():
    """Where the plug is says how many gigantic pages there are."""
    for addr, bytes_, gigantic in [(None, 4 * GIB, [12, 0, 11, 11]),
                                   ("4G", 4 * GIB, [12, 0, 11, 11]),
                                   ("0x108000000", 4224 * MIB, [11, 0, 11, 11]),
                                   ("5G", 5 * GIB, [12, 0, 11, 11])]:
        args = ["--addr", addr] if addr else []
        got = rows("--size", "12G", *args)
        case(f"address {addr}",
             "" if [r["gigantic_pages"] for r in got] == gigantic and
             {r["addr_bytes"] for r in got} == {bytes_} else got)
    got = rows("--boot", "100G", "--size", "1G")[0]
    case("the plug is behind boot memory",
         "\n".join(differences(got, {"addr_bytes": 101 * GIB})))
    got = rows("--addr", "128M", "--geometry", "all", "--size", "1G")
    case("an address that is not a memory block's is refused row by row",
         "" if {r["geometry"] for r in got if r["refused"]} ==
         {"arm64-64k", "ppc64-4k", "ppc64-64k", "loongarch64"} and
         {r["why"] for r in got if r["refused"]} ==
         {"the address is not that of a memory block"} else got)


def test_kernel():
    """What only our allocator would have to find room for is not Linux's."""
    for profile in "linux-6.12", "linux-7.2":
        got = rows("--profile", profile, "--geometry", "ppc64-64k", "--block",
                   "2G", "--size", "2G")[1]
        case(f"state of our allocator, {profile}",
             "\n".join(differences(got, {
                 "why": None, "becomes": "block", "memmap_pages": 32,
                 "existing_state_bytes": 0, "existing_record_bytes": 0})))


# -- All of everything.

DESCRIPTORS = [8, 16, 32, 56, 64, 80, 96]


def consistent(row):
    """What is wrong with the numbers of a row by themselves."""
    if row["refused"]:
        return "" if row["why"] else "refused without a reason"
    pages = row["size_bytes"] // row["page_bytes"]
    if row["hosted_pages"] + row["usable_pages"] != pages:
        return "pages are lost"
    if bool(row["hosted_pages"]) != row["on_memory"]:
        return "on the memory without pages, or the reverse"
    if row["on_memory"] == bool(row["existing_memmap_bytes"]):
        return "the memmap is in both places, or in none"
    if row["gigantic_pages"] * row["gigantic_bytes"] > row["size_bytes"]:
        return "more gigantic pages than memory"
    return ""


def test_all():
    for profile in "native", "linux-6.1", "linux-6.12", "linux-7.2":
        got = rows("--profile", profile, "--geometry", "all", "--block", "all",
                   "--descriptor", "all", "--size", "1T", "--boot", "1G")
        wrong = [f"{consistent(r)}: {r}" for r in got if consistent(r)]
        case(f"everything, {profile}: {len(got)} rows", "\n".join(wrong[:3]))
        asked = {(r["geometry"], r["descriptor_bytes"]) for r in got}
        names = {r["geometry"] for r in got}
        case(f"everything, {profile}: nothing is left out",
             "" if len(names) == 10 and
             asked == set(itertools.product(names, DESCRIPTORS)) else asked)
        blocks = {r["block_bytes"] for r in got if r["geometry"] == "x86_64"}
        case(f"everything, {profile}: x86_64 blocks of 128 MiB to 64 GiB",
             "" if blocks == {128 * MIB << i for i in range(10)} else blocks)
    got = rows("--geometry", "all", "--size", "384M")
    case("a size that is not whole blocks is refused row by row",
         "" if any(r["refused"] and r["usable_pages"] is None for r in got) and
         any(not r["refused"] for r in got) else got)


# -- Tables for people.

TABLES = {
    "operator": ["--profile", "linux-6.12", *OPERATOR],
    "native": OPERATOR,
    "addr": ["--addr", "4224M", "--size", "12G"],
    "hypervisor": ["--profile", "linux-7.2", "--boot", "100G", "--hypervisor"],
    "advice": ["--profile", "linux-7.2", "--boot", "100G", "--advice", "256M"],
    "linux-7.2": ["--profile", "linux-7.2", "--geometry", "all"],
    "all": ["--geometry", "all", "--boot", "1G"],
    "blocks": ["--profile", "linux-6.12", "--block", "all", "--boot", "64G"],
    "descriptors": ["--descriptor", "all", "--size", "384M", "--geometry",
                    "all"],
}


def table_path(name):
    return os.path.join(HERE, "plan", name + ".txt")


def test_tables():
    for name, args in TABLES.items():
        got = plan(*args)
        with open(table_path(name), encoding="utf-8") as f:
            want = f.read()
        case(f"table {name}", "" if got.returncode == 0 and not got.stderr and
             got.stdout == want else got.stdout + got.stderr)
    with open(os.path.join(HERE, "..", "README.md"), encoding="utf-8") as f:
        readme = f.read()
    with open(table_path("operator"), encoding="utf-8") as f:
        shown = "".join("    " + line if line.strip() else line for line in f)
    case("the README shows what an operator is told",
         "" if shown in readme else shown)


def update():
    for name, args in TABLES.items():
        with open(table_path(name), "w", encoding="utf-8") as f:
            f.write(plan(*args).stdout)


# -- What is wrong must be said: what, and what would be right.

WRONG = [
    (["x"], "'x' is too much"),
    (["--frob"], "--frob is unknown"),
    (["--size"], "--size lacks its value"),
    (["--size", "0"], "--size cannot be '0'", "K, M, G or T", "not 0"),
    (["--size", "12Q"], "--size cannot be '12Q'", "K, M, G or T"),
    (["--boot", "-1"], "--boot cannot be '-1'", "K, M, G or T"),
    (["--geometry", "vax"], "unknown geometry 'vax'", "x86_64, ", "or all"),
    (["--profile", "linux-2.4"], "unknown profile", "linux-7.2"),
    (["--block", "100M"], "--block cannot be '100M'", "power of two"),
    (["--block", "0"], "--block cannot be '0'", "power of two"),
    (["--descriptor", "12"], "--descriptor cannot be '12'", "multiple of 8"),
    (["--descriptor", "104"], "--descriptor cannot be '104'", "8 to 96"),
    (["--ratio", "x"], "--ratio cannot be 'x'", "percentage"),
    (["--geometry", "riscv64", "--profile", "linux-6.1"], "RISC-V"),
    (["--addr", "-1"], "--addr cannot be '-1'", "0x100000000"),
    (["--addr", "4097M"], "4097M", "not that of a memory block"),
    (["--addr", "1G", "--boot", "4G"], "1G", "boot memory"),
    (["--addr", "16777216T"], "--addr cannot be"),
    (["--addr", "8192T"], "physical addresses"),
    (["--advice", "3G"], "--advice cannot be '3G'", "power of two"),
    (["--advice", "1G", "--profile", "linux-6.12"], "the profile linux-7.2"),
    (["--advice", "1G", "--profile", "linux-7.2"], "needs --boot"),
    (["--hypervisor"], "a profile linux-6.1"),
    (["--hypervisor", "--profile", "linux-6.1"], "needs --boot"),
    (["--size", "100M", "--geometry", "all"], "100M", "not whole memory"),
    (["--size", "300M", "--block", "all", "--json"], "300M", "not whole"),
    (["--size", "100M"], "100M", "128M", "not whole memory blocks"),
    (["--block", "64M"], "64M", "section"),
    (["--size", "8192T", "--block", "64G"], "physical addresses"),
]


def test_wrong():
    for args, *words in WRONG:
        got = plan(*args)
        missing = [word for word in words if word not in got.stderr]
        case(f"wrong: {' '.join(args)}",
             "" if got.returncode == 2 and not missing and not got.stdout and
             len(got.stderr.splitlines()) == 1 else got)
    with open("/dev/full", "w", encoding="utf-8") as full:
        got = subprocess.run([MHP, "plan"], stdout=full, text=True,
                             stderr=subprocess.PIPE, check=False)
    case("output that cannot be written gives 1",
         "" if got.returncode == 1 and "cannot write" in got.stderr else got)
    got = plan("--help")
    case("help", "" if got.returncode == 0 and "usage: mhp plan" in got.stdout
         else got)


def main():
    if "--update" in sys.argv:
        update()
        return 0
    test_linux()
    test_linux_6_1()
    test_native()
    test_better()
    test_range()
    test_operator()
    test_linux_blocks()
    test_blocks()
    test_addr()
    test_kernel()
    test_all()
    test_tables()
    test_wrong()
    return done()


if __name__ == "__main__":
    sys.exit(main())
