#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every exported function is documented where it is declared.

For each MHP_API function in include/mhp the comment in front must be

    /**
     * name() - what it does
     ...
     * @param: (only parameters that exist)
     ...
     * Context: locks, sleeping, who may call
     * Return: what, and the state after failure (not for void)
     */
"""

import glob
import os
import re
import sys

DECLARATION = re.compile(
    r"(?P<before>[^;{}]*?)\bMHP_API\s+(?P<type>[\w\s*]+?)"
    r"\b(?P<name>\w+)\s*\((?P<params>[^;]*)\)\s*;", re.S)
COMMENT = re.compile(r"/\*\*(?P<text>.*?)\*/\s*(?:MHP_MUST_CHECK\s+)?$", re.S)


def params(text):
    """Names of the parameters of a declaration."""
    return {m.group(1) for m in re.finditer(r"(\w+)\s*(?:\[[^]]*\]\s*)?(?:,|$)",
                                            text.strip())}


def complaints(name, result, parameters, comment):
    """What is wrong with the comment of one function."""
    if comment is None:
        return ["has no /** comment right before it"]
    lines = [re.sub(r"^\s*\*? ?", "", l) for l in comment.strip().split("\n")]
    wrong = []
    if not re.match(re.escape(name) + r"\(\) - \S", lines[0]):
        wrong.append(f"comment must begin with '{name}() - '")
    if not any(l.startswith("Context: ") for l in lines):
        wrong.append("comment has no 'Context:'")
    has_return = any(l.startswith("Return: ") for l in lines)
    if result == "void" and has_return:
        wrong.append("comment has 'Return:' but the function returns nothing")
    if result != "void" and not has_return:
        wrong.append("comment has no 'Return:'")
    for line in lines:
        m = re.match(r"@(\w+):", line)
        if m and m.group(1) not in parameters:
            wrong.append(f"comment describes @{m.group(1)}, no parameter")
    return wrong


def check(path):
    """Complaints about one header, and how many functions it exports."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    count = 0
    found = []
    for m in DECLARATION.finditer(text):
        if "#define" in m.group("before").rsplit("\n", 1)[-1]:
            continue
        count += 1
        before = text[:m.start("before")] + m.group("before")
        comment = COMMENT.search(before[before.rfind("/**"):]) \
            if "/**" in before else None
        line = text.count("\n", 0, m.start("name")) + 1
        for wrong in complaints(m.group("name"), m.group("type").strip(),
                                params(m.group("params")),
                                comment and comment.group("text")):
            found.append(f"{path}:{line}: {m.group('name')}: {wrong}")
    if text.count("MHP_API ") - text.count("#define MHP_API ") != count:
        found.append(f"{path}: an MHP_API declaration that this script "
                     "cannot read")
    return found, count


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    total = 0
    found = []
    for path in sorted(glob.glob("include/mhp/*.h")):
        wrong, count = check(path)
        found += wrong
        total += count
    print("\n".join(found + [f"{total} exported functions, "
                             f"{len(found)} complaints"]))
    return 1 if found or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
