# SPDX-License-Identifier: MIT
"""Scenarios, as far as the comparison with Linux needs to understand them.

Several may stand in one file, each after a line "#= NAME". A line
"#! kernel-zone-offline" says that memory of a kernel zone is taken offline:
Linux may refuse that for pages of its own, and then nothing from there on is
compared. "#! new-boot" says that what the scenario does to a kernel cannot be
undone.
"""

import glob
import hashlib
import os
import re

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
DIRECTIVES = {"kernel-zone-offline", "new-boot"}


def size_bytes(text):
    """The value of a size such as 128M or 0x8000000."""
    number, unit = re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)([KMGT]?)",
                                text).groups()
    return int(number, 0) * UNITS[unit]


class Command:
    """A line: number, text without comment, verb, words, options."""

    def __init__(self, number, text):
        self.number = number
        self.text = text
        words = text.split()
        self.verb = words[0]
        self.words = [w for w in words[1:] if "=" not in w]
        self.options = dict(w.split("=", 1) for w in words[1:] if "=" in w)


class Scenario:
    """A name, directives and commands, of which the first is machine."""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.commands = []
        self.directives = set()
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("#!"):
                self.directives.add(line[2:].strip())
            line = line.split("#")[0].strip()
            if line:
                self.commands.append(Command(number, line))
        if not self.commands or self.commands[0].verb != "machine":
            raise ValueError(f"{name}: machine must come first")
        if self.directives - DIRECTIVES:
            raise ValueError(f"{name}: {self.directives - DIRECTIVES}")

    def machine(self):
        """The options of the machine, one text for equal machines."""
        return " ".join(f"{k}={v}" for k, v in
                        sorted(self.commands[0].options.items()))

    def digest(self):
        """Changes when a command does."""
        text = "\n".join(c.text for c in self.commands)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def about(self):
        """What the first comment says, in one line."""
        words = []
        for line in self.text.splitlines():
            if not line.startswith("# "):
                break
            words.append(line[2:].strip())
        return " ".join(words)


def read(path):
    """The scenarios of a file, by default named as the file."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    parts = re.split(r"^#= (\S+)\n", text, flags=re.M)
    if len(parts) == 1:
        name = os.path.splitext(os.path.basename(path))[0]
        return [Scenario(name, text)]
    return [Scenario(name, body)
            for name, body in zip(parts[1::2], parts[2::2])]


def read_all(directory):
    """Groups of scenarios: {group: [Scenario]}. The files of written/ are one
    group, each file of generated/ is one."""
    groups = {"written": []}
    for path in sorted(glob.glob(os.path.join(directory, "written/*.mhp"))):
        groups["written"] += read(path)
    for path in sorted(glob.glob(os.path.join(directory, "generated/*.mhp"))):
        group = os.path.splitext(os.path.basename(path))[0]
        groups[group] = read(path)
    return groups
