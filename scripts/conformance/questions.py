#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""questions.py [QUESTION...]

Experiments on the kernels about what no scenario can ask, because it takes an
error that is made, or shows in other files. The answers are in
docs/CONFORMANCE.md.

  half-added   what is left of memory that could not be added as a whole
  veto         an online or an offline that a notifier refuses
  memmap-pages whether the count of memmap pages has those that memory hosts
  block-size   whether force freezes the size of blocks
"""

import lzma
import os
import re
import sys

import kernels
from guest import GIB, Guest
from linux import MEMORY, ROOM

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
CACHE = os.path.join(ROOT, ".conformance")
MIB = 1 << 20
FIRST = 32
ACTIONS = "/sys/kernel/debug/notifier-error-inject/memory/actions/"


def boot(kernel, arguments, memory=512 * MIB, **more):
    return Guest(kernel, CACHE, memory, more.pop("room", ROOM), 1,
                 ["memhp_default_state=offline", *arguments], **more)


def say(text, *values):
    print(f"    {text:52}", *values, flush=True)


def zones(guest):
    return {f"{node} {name}": counts
            for (node, name), counts in guest.state(FIRST)[1].items()
            if name in ("Normal", "Movable") and counts[0]}


def free_kib(guest):
    return int(re.search(r"MemFree:\s+(\d+)",
                         guest.read("/proc/meminfo")[1]).group(1))


def state(guest, block, word):
    return guest.write(f"{MEMORY}memory{block}/state", word + "\n")


def half_added(kernel):
    guest = boot(kernel, [])
    # Without this nothing would be left for the agent.
    guest.fill("spare", 128 * MIB)
    before = free_kib(guest)
    guest.plug("large", 32 * GIB)
    guest.drop("spare")
    say("32 GiB with 512 MiB of memory: blocks",
        len(guest.state(FIRST)[0]))
    say("memory that this takes, KiB",
        before + (128 << 10) - free_kib(guest))
    say("unplug", guest.unplug("large"))
    say("memory that is missing then, KiB",
        before + (128 << 10) - free_kib(guest))
    guest.plug("small", 128 * MIB)
    say("128 MiB at the same address: blocks",
        [b[0] for b in guest.state(FIRST)[0]])
    guest.plug("behind", 128 * MIB, 0, 4 * GIB + 31 * GIB)
    say("128 MiB further behind: blocks",
        [b[0] for b in guest.state(FIRST)[0]])
    print("".join(f"      {line}\n" for line in
                  guest.console().splitlines()[-6:]), end="")
    guest.close()


def modules(kernel):
    """What makes notifiers fail, as files for the guest."""
    files = {}
    for path in kernel.modules:
        with open(path, "rb") as f:
            content = f.read()
        if path.endswith(".xz"):
            content = lzma.decompress(content)
        files[os.path.basename(path).split(".")[0] + ".ko"] = content
    return files


def veto_online(guest, name, keep, refused):
    """Blocks keep are in MOVABLE; to bring refused online is vetoed."""
    for block in keep:
        state(guest, block, "online_movable")
    before = zones(guest)
    guest.write(ACTIONS + "MEM_GOING_ONLINE/error", "-12\n")
    rc = state(guest, refused, "online_movable")
    guest.write(ACTIONS + "MEM_GOING_ONLINE/error", "0\n")
    say(name, rc, "spans as before" if zones(guest) == before
        else f"{before} became {zones(guest)}")
    say("  and then without veto", state(guest, refused, "online_movable"),
        zones(guest))
    for block in keep + [refused]:
        state(guest, block, "offline")


def veto(kernel):
    for hosted in "01":
        print(f"  memmap_on_memory={hosted}")
        guest = boot(kernel, ["memory_hotplug.memmap_on_memory=" + hosted],
                     files=modules(kernel))
        for name in ("notifier-error-inject", "memory-notifier-error-inject"):
            path = f"/{name}.ko"
            rc = guest.ask("m", path.encode().hex())[0]
            if rc:
                say("module " + name, rc)
        for name in "abc":
            guest.plug(name, 128 * MIB)
        veto_online(guest, "online, the zone is empty", [], 33)
        veto_online(guest, "online below the zone", [33, 34], 32)
        veto_online(guest, "online above the zone", [32, 33], 34)
        veto_online(guest, "online in a hole of the zone", [32, 34], 33)
        state(guest, 32, "online_movable")
        before = zones(guest)
        guest.write(ACTIONS + "MEM_GOING_OFFLINE/error", "-1\n")
        say("offline", state(guest, 32, "offline"),
            "as before" if zones(guest) == before else zones(guest))
        say("unplug", guest.unplug("a"), guest.state(FIRST)[0])
        guest.close()


def memmap_pages(kernel):
    for hosted in "01":
        guest = boot(kernel, ["memory_hotplug.memmap_on_memory=" + hosted])

        def count():
            return [int(n) for n in re.findall(
                r"^nr_memmap_(?:boot_)?pages (\d+)",
                guest.read("/proc/vmstat")[1], re.M)]
        told = [count()]
        guest.plug("a", 128 * MIB)
        told.append(count())
        state(guest, 32, "online_movable")
        told.append(count())
        say(f"memmap_on_memory={hosted}: at boot, plugged, online", *told)
        guest.close()


def block_size(kernel):
    for word in "1", "force":
        guest = boot(kernel, ["memory_hotplug.memmap_on_memory=" + word],
                     66 * GIB)
        say(f"66 GiB, memmap_on_memory={word}",
            guest.read(MEMORY + "block_size_bytes")[1].strip())
        guest.close()


QUESTIONS = {"half-added": half_added, "veto": veto,
             "memmap-pages": memmap_pages, "block-size": block_size}


def main():
    for name in sys.argv[1:] or QUESTIONS:
        for profile in kernels.SUITES:
            kernel = kernels.kernel(profile, CACHE)
            print(f"{name} on Linux {kernel.version}", flush=True)
            QUESTIONS[name](kernel)


if __name__ == "__main__":
    main()
