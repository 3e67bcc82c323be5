#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_docs.py [EXAMPLE]

The documents say what is so. With EXAMPLE, docs/example.c compiled: it prints
what the README says. Without: the README shows that program, links lead
somewhere, tests and scenarios that are named exist, the rules of placement are
as they are said, the numbers of invariants are those of the checker, and the
table of errors has every public call with the errors of its header.
"""

import os
import re
import subprocess
import sys

from tap import case, done

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def readme_example():
    """The program in the README and what it says the program prints."""
    m = re.search(r"^```c\n(.*?)^```\n\n    (.*?\n)", text_of("README.md"),
                  re.M | re.S)
    return m.groups() if m else ("", "")


def check_example():
    if readme_example()[0] != text_of("docs/example.c"):
        return ["the README does not show docs/example.c"]
    return []


def check_run(example):
    done = subprocess.run([example], capture_output=True, text=True,
                          check=False, timeout=60)
    if done.returncode or done.stdout != readme_example()[1]:
        return [f"status {done.returncode}", done.stdout, done.stderr]
    return []


def documents():
    names = [os.path.join("docs", f)
             for f in sorted(os.listdir(os.path.join(ROOT, "docs")))]
    return ["README.md", "CONTRIBUTING.md"] + \
        [n for n in names if n.endswith(".md")]


def check_links(path):
    found = []
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text_of(path)):
        if "://" in target:
            continue
        where = os.path.join(ROOT, os.path.dirname(path), target)
        if not os.path.exists(where):
            found.append(f"{path}: {target} is nowhere")
    return found


def check_files(path):
    """Tests and scenarios that are named are there."""
    text = text_of(path)
    names = {f"tests/test_{test}.{end or 'c'}" for test, end in re.findall(
        r"tests/test_(\w+)(?:\.(c|py|h)\b)?", text)}
    names |= {f"scenarios/{name}" for name in re.findall(
        r"([a-z-]+\.mhp)\b", text)}
    return [f"{path}: there is no {name}" for name in sorted(names)
            if not os.path.exists(os.path.join(ROOT, name))]


def check_rules():
    """Why a memmap cannot be where it was asked for, as it is said."""
    text = " ".join(text_of("docs/SPEC.md").replace("*", "").split())
    found = []
    for path in "src/profile.c", "src/placement.c":
        code = re.sub(r'"\s+"', "", text_of(path))
        found += [f"{path}: '{rule}' is not in SPEC.md"
                  for rule in re.findall(r'[^e] "([^"\n]+ [^"\n]+)"', code)
                  if " mode " not in rule and not rule.startswith("no such")
                  and rule not in text]
    return found


def check_invariants():
    listed = set(re.findall(r"^\| INV-(\d\d) \|", text_of("docs/SPEC.md"),
                            re.M))
    used = set()
    for folder in ("src", "src/driver"):
        for name in os.listdir(os.path.join(ROOT, folder)):
            if name.endswith((".c", ".h")):
                used |= set(re.findall(r"INV-(\d\d)",
                                       text_of(os.path.join(folder, name))))
    check = text_of("src/check.c") + text_of("src/check_pageblock.c")
    for rule in re.findall(r"check_broken\(\s*report,\s*(\d+)", check) + \
            re.findall(r"\{(\d+),\s*check_", check):
        used.add(f"{int(rule):02}")
    return [f"INV-{n} is not in SPEC.md" for n in sorted(used - listed)] + \
        [f"INV-{n} is nowhere in src/" for n in sorted(listed - used)]


def header_errors():
    """Public calls that can fail, each with the errors its header names."""
    calls = {}
    for name in ("acpi_dimm", "balloon", "dax_kmem", "device", "dimm_bus",
                 "extent", "frame", "lmb", "mhp", "notify", "offline", "owner",
                 "plan", "poison", "policy", "standby", "view", "virtio_mem",
                 "withhold"):
        text = text_of(f"include/mhp/{name}.h")
        for comment in re.findall(r"^/\*\*\n \* (mhp_\w+\(\) - .*?)\*/", text,
                                  re.M | re.S):
            call = comment.split("(")[0]
            ends = comment.split("Return:", 1)
            if len(ends) == 2 and re.search(r"MHP_ERR_\w+|\bas mhp_", ends[1]):
                calls[call] = set(re.findall(r"MHP_ERR_(\w+)", ends[1]))
    return calls


def check_errors():
    rows = {}
    for names, errors in re.findall(r"^\| (`mhp_[^|]+`) \| ([^|]*)\|",
                                    text_of("docs/SPEC.md"), re.M):
        for name in re.findall(r"mhp_\w+", names):
            rows[name] = errors
    found = []
    for call, errors in sorted(header_errors().items()):
        if call not in rows:
            found.append(f"{call} is not in SPEC.md")
            continue
        if "as `" in rows[call]:
            continue
        missing = [e for e in sorted(errors - {"DEADLK"})
                   if not re.search(rf"\b{e}\b", rows[call])]
        if missing:
            found.append(f"{call}: {', '.join(missing)} not in SPEC.md")
    return found


def check_documents():
    case("the README shows the example", check_example())
    for path in documents():
        case(f"links of {path}", check_links(path))
        case(f"files that {path} names", check_files(path))
    case("rules of placement are as they are said", check_rules())
    case("invariants have one list", check_invariants())
    case("errors are those of the headers", check_errors())


def main():
    if len(sys.argv) > 1:
        case("the example does what the README says", check_run(sys.argv[1]))
    else:
        check_documents()
    return done()


if __name__ == "__main__":
    sys.exit(main())
