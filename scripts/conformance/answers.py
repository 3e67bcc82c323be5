# SPDX-License-Identifier: MIT
"""Answers to scenarios: their compact form, how two are compared, the record.

The answers to a scenario are a list with one entry a command:

  0 or a negative errno     most commands
  [rc, value]               cat
  "refused"                 refused, with a number that says nothing
  {"blocks", "zones", "total"}  snapshot; zones that had memory at boot as
                            differences to how they were then
  null                      nothing to compare

Fewer entries than commands: the rest cannot be compared, because the kernel
could not do what was asked for reasons of its own.
"""

import errno
import json
import os
import subprocess

# Verbs whose errors are the machine's own or depend on its firmware.
RC_SAYS_LITTLE = ("plug", "fill")


def snapshot(blocks, zones, total, first):
    """blocks: [(id, state, zones)]; zones: {(node, name): (spanned, present,
    managed)}; total: KiB; first: zones at boot."""
    told = {}
    for key, counts in sorted(zones.items()):
        at_boot = first.get(key, (0, 0, 0))
        if key[1] in ("Normal", "Movable") and \
                (counts[0] or at_boot[0]) and counts != at_boot:
            told[f"{key[0]} {key[1]}"] = [
                c - b for c, b in zip(counts, at_boot)]
    return {"blocks": [list(b) for b in blocks], "zones": told,
            "total": total}


# -- Of the tool.

def with_first_snapshot(scenario):
    """The scenario's text, with a snapshot before anything else."""
    lines = [c.text for c in scenario.commands]
    return "\n".join(lines[:1] + ["snapshot"] + lines[1:]) + "\n"


def zones_of_tool(reply):
    return {(z["node"], z["zone"]):
            (z["spanned"], z["present"], z["managed"])
            for z in reply["zones"]}


def of_tool(tool, scenario, profile):
    """What the tool answers, and what is wrong with that in itself."""
    done = subprocess.run(
        [tool, "run", "--json", "--profile", profile, "-"],
        input=with_first_snapshot(scenario), capture_output=True, text=True,
        check=False, timeout=60)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = ""
    if done.returncode or len(replies) != len(scenario.commands) + 1:
        wrong = f"exit status {done.returncode}, {len(replies)} answers: " + \
            done.stderr.strip()
    if len(replies) < 2 or "zones" not in replies[1]:
        return [r["rc"] for r in replies[:1]], wrong
    first = zones_of_tool(replies.pop(1))
    answers = []
    for command, reply in zip(scenario.commands, replies):
        rc = reply["rc"]
        if command.verb == "snapshot" and not rc:
            answers.append(snapshot(
                [(b["id"], b["state"], b["zones"]) for b in reply["blocks"]],
                zones_of_tool(reply), reply["memtotal_delta_kb"], first))
        elif command.verb == "cat" and not rc:
            answers.append([rc, reply["value"]])
        elif command.verb in RC_SAYS_LITTLE and rc:
            answers.append("refused")
        elif command.verb == "check":
            answers.append(None)
            if rc:
                wrong = wrong or f"line {command.number}: check: {reply}"
        else:
            answers.append(rc)
    return answers, wrong


# -- Comparison.

def equal(a, b):
    """Whether two answers to one command agree."""
    if a is None or b is None:
        return True
    if "refused" in (a, b):
        return a != 0 and b != 0
    return a == b


def show(answer):
    return json.dumps(answer)


def compare(scenario, ours, theirs, names=("have", "want")):
    """Empty, or the first difference; a kernel's may be shorter. Where memory of
    a kernel's zone goes offline, a refusal of either ends the comparison:
    it depends on where each keeps data of its own."""
    for command, a, b in zip(scenario.commands, ours, theirs):
        if "kernel-zone-offline" in scenario.directives and \
                -errno.EBUSY in (a, b):
            return ""
        if not equal(a, b):
            return (f"line {command.number}: {command.text}\n"
                    f"  {names[0]} {show(a)}\n  {names[1]} {show(b)}")
    return ""


# -- The record.

class Record:
    """What kernels of one profile answered, by group of scenarios."""

    def __init__(self, directory, profile):
        self.directory = os.path.join(directory, profile)
        self.groups = {}

    def path(self, group):
        return os.path.join(self.directory, group + ".jsonl")

    def group(self, name):
        """{scenario: {"kernel", "digest", "answers"}}"""
        if name not in self.groups:
            entries = {}
            try:
                with open(self.path(name), encoding="utf-8") as f:
                    for line in f:
                        entry = json.loads(line)
                        entries[entry.pop("scenario")] = entry
            except FileNotFoundError:
                pass
            self.groups[name] = entries
        return self.groups[name]

    def get(self, group, scenario):
        """The answers on record and the kernel's version, or None if there
        are none to the scenario as it is now."""
        entry = self.group(group).get(scenario.name)
        if not entry or entry["digest"] != scenario.digest():
            return None
        return entry["answers"], entry["kernel"]

    def put(self, group, scenario, answers, kernel):
        self.group(group)[scenario.name] = {
            "kernel": kernel, "digest": scenario.digest(),
            "answers": answers}

    def save(self, group, names):
        """Writes the entries for names, in that order."""
        if not self.group(group):
            return
        os.makedirs(self.directory, exist_ok=True)
        with open(self.path(group), "w", encoding="utf-8") as f:
            for name in names:
                entry = self.group(group).get(name)
                if entry:
                    f.write(json.dumps({"scenario": name, **entry},
                                       separators=(",", ":")) + "\n")
