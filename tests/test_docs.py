#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_docs.py [EXAMPLE]

The documents say what is so: the program in the README is docs/example.c, and
if it is given compiled, prints what the README says.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

cases = []


def case(name, wrong):
    """One case of TAP; wrong is a list of complaints."""
    cases.append(not wrong)
    print(f"{'not ok' if wrong else 'ok'} {len(cases)} - {name}")
    for line in wrong:
        print(f"#   {line}")


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


def main():
    case("the README shows the example", check_example())
    if len(sys.argv) > 1:
        case("the example does what the README says", check_run(sys.argv[1]))
    print(f"1..{len(cases)}")
    return 0 if all(cases) else 1


if __name__ == "__main__":
    sys.exit(main())
