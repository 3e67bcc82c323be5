# SPDX-License-Identifier: MIT
"""tap.py: what tests in Python say of their cases, in TAP (see
scripts/count-tests.py)."""

cases = []


def case(name, wrong):
    """One case; wrong is empty, or says what is wrong, in lines or in a list
    of them."""
    lines = wrong if isinstance(wrong, list) else str(wrong or "").splitlines()
    cases.append(not wrong)
    print(f"{'not ok' if wrong else 'ok'} {len(cases)} - {name}")
    for line in lines:
        print(f"#   {line}")


def done():
    """After the last case. Return: the exit status."""
    print(f"1..{len(cases)}")
    return 0 if all(cases) else 1
