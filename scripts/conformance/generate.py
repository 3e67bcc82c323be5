#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""generate.py [--groups N] [--each N] [--seed N] DIRECTORY

Writes random scenarios to DIRECTORY, one file for each group; a group is
scenarios for one machine. The same seed makes the same files. A small model of
the machine keeps away from what no two runs of Linux answer alike: memory of a
kernel's zone goes offline only in scenarios that say so, and data always has
room elsewhere.
"""

import argparse
import os
import random

MIB = 1 << 20
GIB = 1 << 30
BLOCK = 128 * MIB
UNIT = 2 * MIB
PARAMETERS = "/sys/module/memory_hotplug/parameters/"

STATE_WORDS = ("online", "online_kernel", "online_movable", "offline")
NO_STATE_WORDS = ("", "Online", "on", "off", "0", "online_", "onlin",
                  "offlin", "offline_", "online_both", "going-offline")
TRUE_WORDS = ("1", "y", "Y", "on", "1x", "oN")
FALSE_WORDS = ("0", "n", "N", "off", "no", "oF")
NO_BOOL_WORDS = ("", "2", "o", "maybe", "-1", "online", "x1")
BLOCK_FILES = ("state", "valid_zones", "removable", "phys_index", "online",
               "phys_device")
SIZES = (128,) * 8 + (256,) * 6 + (384,) * 4 + (512,) * 4 + (640, 768, 1024)
ODD_SIZES = (2, 64, 126, 130, 200, 254, 300)
RATIOS = (0, 1, 37, 50, 75, 100, 150, 301, 1000)


def pick(rng, weighted):
    """One of {thing: weight}."""
    return rng.choices(list(weighted), list(weighted.values()))[0]


class Options:
    """A machine line."""

    def __init__(self, rng):
        self.boot = pick(rng, {256: 1, 512: 8, 768: 1, 1024: 2, 2048: 1,
                               3072: 1, 4096: 2, 5120: 1})
        self.nodes = pick(rng, {1: 4, 2: 4, 3: 1, 4: 1})
        self.memmap = pick(rng, {"off": 3, "on": 5, "force": 1})
        self.auto_online = pick(rng, {"offline": 4, "online": 3,
                                      "online_kernel": 1,
                                      "online_movable": 3})
        self.policy = pick(rng, {"contig-zones": 3, "auto-movable": 2})
        self.ratio = rng.choice(RATIOS)
        self.movable_node = pick(rng, {0: 3, 1: 1})

    def line(self):
        words = [f"machine boot={self.boot}M"]
        if self.nodes > 1:
            words.append(f"nodes={self.nodes}")
        words.append(f"memmap_on_memory={self.memmap}")
        words.append(f"auto_online={self.auto_online}")
        if self.policy != "contig-zones":
            words.append(f"online_policy={self.policy}")
            words.append(f"auto_movable_ratio={self.ratio}")
        if self.movable_node:
            words.append("movable_node=1")
        return " ".join(words)


class Dimm:
    def __init__(self, name, start, size, node):
        self.name = name
        self.start = start
        self.size = size
        self.node = node
        self.blocks = []
        if start % BLOCK == 0 and size % BLOCK == 0:
            self.blocks = list(range(start // BLOCK,
                                     (start + size) // BLOCK))


class Model:
    """What is plugged, and in which zone each block is: N(ormal), M(ovable),
    "" offline, ? when that depends on counts that this does not follow."""

    def __init__(self, options):
        boot = options.boot * MIB
        self.options = options
        self.window = 4 * GIB
        self.boot_normal = []
        if boot > 3 * GIB:
            self.boot_normal = range(32, (boot + GIB) // BLOCK)
            self.window = (boot + GIB + GIB - 1) // GIB * GIB
        self.first_block = self.window // BLOCK
        self.last_boot = min(boot, 3 * GIB) // BLOCK - 1
        self.auto_online = options.auto_online
        self.policy = options.policy
        self.dimms = []
        self.zones = {}  # block: zone
        self.nodes = {}  # block: node
        self.fills = {}  # name: MiB
        self.room = 2 * GIB if boot < 512 * MIB else 5 * GIB
        self.fill_room = 16 if boot < 512 * MIB else 96

    # -- Addresses.

    def taken(self, start, size):
        return any(start < d.start + d.size and d.start < start + size
                   for d in self.dimms)

    def first_fit(self, size):
        start = self.window
        for d in sorted(self.dimms, key=lambda d: d.start):
            if start + size <= d.start:
                break
            start = d.start + d.size
        return start

    def plugged_bytes(self):
        return sum(d.size for d in self.dimms)

    # -- Zones.

    def span_has(self, zone, node, block):
        """Whether the zone's span covers the block, None: unknown."""
        inside = [b for b, z in self.zones.items()
                  if z == zone and self.nodes[b] == node]
        if zone == "N" and node == 0:
            inside += self.boot_normal
        if inside and min(inside) <= block <= max(inside):
            return True
        if any(z == "?" and self.nodes[b] == node
               for b, z in self.zones.items()):
            return None
        return False

    def policy_zone(self, block):
        if self.policy != "contig-zones":
            return "?"
        node = self.nodes[block]
        kernel = self.span_has("N", node, block)
        movable = self.span_has("M", node, block)
        if kernel is None or movable is None:
            return "?"
        if kernel != movable:
            return "N" if kernel else "M"
        return "M" if self.options.movable_node else "N"

    def online(self, block, word):
        if self.zones[block]:
            return
        zones = {"online": None, "online_kernel": "N", "online_movable": "M"}
        self.zones[block] = zones[word] or self.policy_zone(block)

    def plug(self, dimm):
        self.dimms.append(dimm)
        for block in dimm.blocks:
            self.zones[block] = ""
            self.nodes[block] = dimm.node
        if self.auto_online != "offline":
            for block in dimm.blocks:
                self.online(block, self.auto_online)

    def unplug(self, dimm):
        self.dimms.remove(dimm)
        for block in dimm.blocks:
            del self.zones[block]
            del self.nodes[block]


class Generator:
    """One scenario."""

    def __init__(self, rng, options):
        self.rng = rng
        self.model = Model(options)
        self.kernel_zone = rng.random() < 0.1
        self.lines = []
        self.nr_names = 0

    def name(self, letter):
        self.nr_names += 1
        return f"{letter}{self.nr_names}"

    def say(self, text):
        self.lines.append(text.rstrip())

    def text(self):
        rng = self.rng
        makers = {self.plug: 5, self.unplug: 3, self.state: 12,
                  self.online_file: 3, self.cat: 5, self.auto_online: 1,
                  self.parameter: 1.5, self.fill: 2, self.data: 3,
                  self.snapshot: 3, self.boot_block: 0.5}
        self.say(self.model.options.line())
        self.plug()
        for _ in range(rng.randint(8, 32)):
            pick(rng, makers)()
        self.snapshot()
        self.say("check")
        head = ["#! kernel-zone-offline"] if self.kernel_zone else []
        return "\n".join(head + self.lines) + "\n"

    # -- DIMMs.

    def plug(self):
        m, rng = self.model, self.rng
        size = rng.choice(ODD_SIZES if rng.random() < 0.07 else SIZES) * MIB
        if m.plugged_bytes() + size > m.room or len(m.dimms) > 30:
            return
        node = rng.randrange(m.options.nodes)
        line = f"plug {self.name('d')} size={size // MIB}M"
        if m.options.nodes > 1:
            line += f" node={node}"
        start = m.first_fit(size)
        if rng.random() < 0.15:
            start = m.window + rng.randrange(48) * BLOCK
            if rng.random() < 0.15:
                start += rng.randrange(64) * UNIT
            line += f" addr={start:#x}"
        self.say(line)
        if not m.taken(start, size):
            m.plug(Dimm(f"d{self.nr_names}", start, size, node))

    def may_offline(self, block):
        return self.kernel_zone or self.model.zones[block] in ("", "M")

    def unplug(self):
        m, rng = self.model, self.rng
        if rng.random() < 0.03:
            self.say("unplug nothing")
            return
        leaving = [d for d in m.dimms
                   if all(map(self.may_offline, d.blocks))]
        if leaving:
            dimm = rng.choice(leaving)
            self.say(f"unplug {dimm.name}")
            m.unplug(dimm)

    # -- Blocks.

    def block(self):
        """A block, mostly one that is there."""
        m, rng = self.model, self.rng
        if not m.zones or rng.random() < 0.04:
            return m.first_block + rng.randrange(60)
        return rng.choice(sorted(m.zones))

    def state(self):
        m, rng = self.model, self.rng
        block = self.block()
        if rng.random() < 0.08:
            word = rng.choice(NO_STATE_WORDS)
        else:
            word = rng.choice(STATE_WORDS)
        if word == "offline" and block in m.zones and \
                not self.may_offline(block):
            word = "online_kernel"
        self.say(f"write memory{block}/state {word}")
        if block in m.zones and word in STATE_WORDS:
            if word == "offline":
                m.zones[block] = ""
            else:
                m.online(block, word)

    def online_file(self):
        m, rng = self.model, self.rng
        block = self.block()
        words = pick(rng, {TRUE_WORDS: 4, FALSE_WORDS: 4, NO_BOOL_WORDS: 1})
        if words is FALSE_WORDS and block in m.zones and \
                not self.may_offline(block):
            words = TRUE_WORDS
        self.say(f"write memory{block}/online {rng.choice(words)}")
        if block in m.zones and words is TRUE_WORDS:
            m.online(block, "online")
        elif block in m.zones and words is FALSE_WORDS:
            m.zones[block] = ""

    def boot_block(self):
        """The blocks of boot memory that have holes stay online."""
        block = self.rng.choice((0, self.model.last_boot))
        self.say(self.rng.choice((f"write memory{block}/state offline",
                                  f"write memory{block}/online 0",
                                  f"write memory{block}/state online",
                                  f"cat memory{block}/valid_zones",
                                  f"cat memory{block}/state")))

    def cat(self):
        rng = self.rng
        if rng.random() < 0.1:
            self.say("cat " + rng.choice((
                "auto_online_blocks", "block_size_bytes",
                PARAMETERS + "online_policy",
                PARAMETERS + "auto_movable_ratio",
                "/sys/devices/system/node/online",
                "/sys/devices/system/node/has_memory")))
        else:
            self.say(f"cat memory{self.block()}/{rng.choice(BLOCK_FILES)}")

    # -- Policy.

    def auto_online(self):
        word = self.rng.choice(STATE_WORDS + ("movable", ""))
        self.say(f"write auto_online_blocks {word}")
        if word in STATE_WORDS:
            self.model.auto_online = word

    def parameter(self):
        m, rng = self.model, self.rng
        name = rng.choice(("online_policy", "auto_movable_ratio",
                           "auto_movable_numa_aware"))
        values = {"online_policy": ("contig-zones", "auto-movable", "auto"),
                  "auto_movable_ratio": RATIOS + (-1, "x"),
                  "auto_movable_numa_aware": ("0", "1", "N", "y", "z")}
        value = rng.choice(values[name])
        self.say(f"write {PARAMETERS}{name} {value}")
        if name == "online_policy" and value != "auto":
            m.policy = value

    # -- Data.

    def fill(self):
        m, rng = self.model, self.rng
        size = rng.choice((1, 4, 16, 32, 48))
        if sum(m.fills.values()) + size > m.fill_room:
            return
        name = self.name("f")
        self.say(f"fill {name} size={size}M")
        m.fills[name] = size

    def data(self):
        m, rng = self.model, self.rng
        if not m.fills:
            return
        name = rng.choice(sorted(m.fills))
        if rng.random() < 0.3:
            self.say(f"drop {name}")
            del m.fills[name]
        else:
            self.say(f"verify {name}")

    def snapshot(self):
        if self.lines[-1] != "snapshot":
            self.say("snapshot")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--groups", type=int, default=30)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("directory")
    args = parser.parse_args()
    os.makedirs(args.directory, exist_ok=True)
    for g in range(args.groups):
        options = Options(random.Random(f"{args.seed} machine {g}"))
        path = os.path.join(args.directory, f"g{g:02}.mhp")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"# made by generate.py --seed {args.seed}\n")
            for i in range(args.each):
                rng = random.Random(f"{args.seed} scenario {g} {i}")
                f.write(f"#= g{g:02}-{i}\n")
                f.write(Generator(rng, options).text())


if __name__ == "__main__":
    main()
