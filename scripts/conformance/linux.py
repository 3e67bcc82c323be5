# SPDX-License-Identifier: MIT
"""Scenarios on a Linux kernel in QEMU.

A boot serves scenarios with equal machines one after the other, as long as
each can be undone: everything unplugged, the policy as it was, the zones as
they were. Otherwise the next one gets a new boot.
"""

import errno

from answers import snapshot
from guest import Guest, Lost, window_start
from scenario import size_bytes

MEMORY = "/sys/devices/system/memory/"
PARAMETERS = "/sys/module/memory_hotplug/parameters/"
ROOM = 64 << 30
BLOCK = 128 << 20

# Files that hold the policy, and so are restored.
POLICY = (MEMORY + "auto_online_blocks", PARAMETERS + "online_policy",
          PARAMETERS + "auto_movable_ratio",
          PARAMETERS + "auto_movable_numa_aware")

# Files whose writers change what no write can undo.
LASTING = ("hard_offline_page", "soft_offline_page")

ARGUMENTS = {
    "memmap_on_memory": "memory_hotplug.memmap_on_memory={}",
    "auto_online": "memhp_default_state={}",
    "online_policy": "memory_hotplug.online_policy={}",
    "auto_movable_ratio": "memory_hotplug.auto_movable_ratio={}",
}
DEFAULTS = {"memmap_on_memory": "off", "auto_online": "offline"}


class Cut(Exception):
    """From here on the kernel's answers cannot be compared."""


class Machine:
    """A boot of the kernel for a machine line."""

    def __init__(self, kernel, cache, options):
        options = {**DEFAULTS, **options}
        boot = size_bytes(options.pop("boot", "512M"))
        nodes = int(options.pop("nodes", "1"))
        arguments = []
        if options.pop("movable_node", "0") == "1":
            arguments.append("movable_node")
        for name, value in options.items():
            arguments.append(ARGUMENTS[name].format(value))
        self.guest = Guest(kernel, cache, boot, ROOM, nodes, arguments)
        self.first_block = window_start(boot) // BLOCK
        self.first = self.guest.state(self.first_block)
        self.policy = {path: self.guest.read(path)[1] for path in POLICY}
        self.nodes = self.guest.read("/sys/devices/system/node/online")
        self.dimms = []
        self.fills = {}

    def close(self):
        self.guest.close()

    # -- Commands, each returns its answer.

    def do_machine(self, _command):
        return 0

    def do_plug(self, command):
        name = command.words[0]
        address = command.options.get("addr")
        before = {b[0] for b in self.guest.state(self.first_block)[0]}
        rc = self.guest.plug(
            name, size_bytes(command.options["size"]),
            int(command.options.get("node", "0")),
            None if address is None else size_bytes(address))
        if isinstance(rc, str):
            return "refused"
        self.dimms.append(name)
        # The firmware may call it a success all the same.
        after = {b[0] for b in self.guest.state(self.first_block)[0]}
        return 0 if after - before and not rc else "refused"

    def do_unplug(self, command):
        name = command.words[0]
        rc = self.guest.unplug(name, 30)
        if isinstance(rc, str):
            return "refused"
        if not rc:
            self.dimms.remove(name)
        return rc

    @staticmethod
    def path(command):
        path = command.words[0]
        return path if path.startswith("/") else MEMORY + path

    def do_write(self, command):
        value = " ".join(command.text.split()[2:])
        return self.guest.write(self.path(command), value + "\n")

    def do_cat(self, command):
        rc, text = self.guest.read(self.path(command))
        if rc:
            return rc
        return [0, text[:-1] if text.endswith("\n") else text]

    def do_fill(self, command):
        name = command.words[0]
        rc = self.guest.fill(name, size_bytes(command.options["size"]),
                             int(command.options.get("node", "-1")))
        if rc == -errno.ENOMEM:
            raise Cut
        if not rc:
            self.fills[name] = size_bytes(command.options["size"])
        return rc if not rc else "refused"

    def do_verify(self, command):
        return self.guest.verify(command.words[0])

    def do_drop(self, command):
        rc = self.guest.drop(command.words[0])
        if not rc:
            del self.fills[command.words[0]]
        return rc

    # Linux knows no pin that an offline gives up on: it tries without end. What
    # it refuses is memory of its own, so as much of that is taken, and it is
    # in the block meant only if that is the only one of the kernel's zone.

    def do_pin(self, command):
        return self.guest.pin(self.fills[command.words[0]])

    def do_unpin(self, _command):
        return self.guest.unpin()

    def do_check(self, _command):
        return None

    def do_snapshot(self, _command):
        blocks, zones, total = self.guest.state(self.first_block)
        return snapshot(blocks, zones, total - self.first[2], self.first[1])

    # -- Scenarios.

    def answer(self, scenario, command):
        answer = getattr(self, "do_" + command.verb)(command)
        if answer == -errno.EINTR:
            raise Cut
        if "kernel-zone-offline" in scenario.directives and \
                answer == -errno.EBUSY:
            raise Cut
        return answer

    def run(self, scenario):
        """Return: the answers, as in answers.py."""
        answers = []
        try:
            for command in scenario.commands:
                answers.append(self.answer(scenario, command))
        except Cut:
            pass
        return answers

    def undo(self, scenario):
        """Back to how it was at boot. Return: whether it is so."""
        if "new-boot" in scenario.directives or \
                any(word.endswith(LASTING) for command in scenario.commands
                    for word in command.words):
            return False
        for name in list(self.fills):
            self.guest.drop(name)
        self.fills = {}
        self.guest.unpin()
        for name in list(self.dimms):
            if self.guest.unplug(name, 10) != 0:
                return False
        self.dimms = []
        for path, value in self.policy.items():
            self.guest.write(path, value)
            if self.guest.read(path)[1] != value:
                return False
        return self.guest.state(self.first_block) == self.first and \
            self.guest.read("/sys/devices/system/node/online") == self.nodes


class Runner:
    """Scenarios on one kernel, with as few boots as can be."""

    def __init__(self, kernel, cache):
        self.kernel = kernel
        self.cache = cache
        self.machine = None
        self.options = None
        self.nr_boots = 0

    def close(self):
        if self.machine:
            self.machine.close()
        self.machine = None

    def machine_for(self, scenario):
        if self.machine and self.options != scenario.machine():
            self.close()
        if not self.machine:
            self.options = scenario.machine()
            self.machine = Machine(self.kernel, self.cache,
                                   scenario.commands[0].options)
            self.nr_boots += 1
        return self.machine

    def run(self, scenario):
        """The kernel's answers. A guest that is lost gets a second try."""
        for last in (False, True):
            try:
                machine = self.machine_for(scenario)
                answers = machine.run(scenario)
                if not machine.undo(scenario):
                    self.close()
                return answers
            except Lost:
                self.close()
                if last:
                    raise
        return None
