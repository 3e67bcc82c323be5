#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""performance-table.py [--write DOCUMENT] [RUN]

Makes Markdown tables of a run of `mhp bench --json` (a file, or standard
input). Without --write it prints a table of each benchmark of the run, and one
of its targets. With it, it writes those that DOCUMENT has a place for,

    <!-- table: WHAT BENCH -->
    ...
    <!-- end of table -->

where WHAT is "machine" (a sentence), "targets", or "figures"; of benchmarks
that are not in the run what is there stays.
"""

import json
import re
import sys

PLACE = re.compile(r"(<!-- table: (\w+) (\w+) -->\n).*?"
                   r"(<!-- end of table -->)", re.S)


def number(value):
    """With as many digits as mean something."""
    if value is None:
        return ""
    for limit, places in ((10, 2), (100, 1)):
        if value < limit:
            return f"{value:.{places}f}"
    return f"{value:,.0f}"


def table(head, rows):
    """Lines of a table; head: (title, right) of each column. Columns in which
    no row says anything are left out."""
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = ["| " + " | ".join(head[i][0] for i in used) + " |",
             "|" + "|".join("--:" if head[i][1] else "---" for i in used)
             + "|"]
    lines += ["| " + " | ".join(row[i] for i in used) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def place_of(row):
    return " ".join(row[key] for key in ("port", "placement")
                    if row.get(key) and row[key] != "none")


def title(row):
    """The case, and what else tells it from others."""
    words = [f"`{row['case']}`", place_of(row)]
    if row["threads"] > 1:
        words.append(f"{row['threads']} threads")
    return ", ".join(word for word in words if word)


def figures(rows):
    head = (("case", False), ("on", False), ("threads", True), ("unit", False),
            ("floor", True), ("median", True), ("least", True),
            ("most", True), ("ratio", True))
    return table(head, [
        (f"`{r['case']}`", place_of(r),
         str(r["threads"]), r["unit"], number(r["floor"]), number(r["median"]),
         number(r["min"]), number(r["max"]), number(r["ratio"]))
        for r in rows])


def limit(row):
    """The target, and the figure that is compared with it."""
    unit = {"ratio": "of the floor", "one-thread": "of one thread",
            "median": row["unit"]}[row["target_of"]]
    least = " at least" if row["target_least"] else ""
    return f"{row['target']:g} {unit}{least}", number(row["target_figure"])


def targets(rows):
    head = (("what", False), ("target", True), ("measured", True),
            ("met", False))
    verdict = {True: "yes", False: "**no**", None: "?"}
    return table(head, [(title(r), *limit(r), verdict[r["met"]])
                        for r in rows if r["target"] is not None])


def machine(first):
    m, b = first["machine"], first["build"]
    release = m["release"].split("-")[0]
    return (f"{m['processor']}, {m['processors']} processors ({m['arch']}), "
            f"{m['system']} {release};\n{b['compiler']} "
            f"{b['compiler_version']}, {b['options']},\n"
            f"debug level {b['debug']}, section {b['section']}; "
            f"{first['repeat']} repetitions;\n"
            f"1 L is {m['locked_ns']:.2f} ns.\n")


def read(file):
    """The first line, and the rows of each benchmark."""
    lines = [json.loads(line) for line in file if line.strip()]
    rows = {}
    for row in lines[1:]:
        rows.setdefault(row["bench"], []).append(row)
    return lines[0], rows


def make(what, first, rows):
    if what == "machine":
        return machine(first)
    return figures(rows) if what == "figures" else targets(rows)


def write(document, first, rows):
    """Fill in the places. Return: how many."""
    done = []

    def fill(m):
        what, bench = m.group(2), m.group(3)
        if what not in ("machine", "figures", "targets"):
            sys.exit(f"{document}: there is no table of {what}")
        if bench not in rows:
            return m.group(0)
        done.append(bench)
        return f"{m.group(1)}\n{make(what, first, rows[bench])}\n{m.group(4)}"

    with open(document, encoding="utf-8") as f:
        text = PLACE.sub(fill, f.read())
    with open(document, "w", encoding="utf-8") as f:
        f.write(text)
    return len(done)


def main():
    args = sys.argv[1:]
    document = None
    if args[:1] == ["--write"] and len(args) > 1:
        document, args = args[1], args[2:]
    if len(args) > 1 or (args and args[0].startswith("-")):
        sys.exit(__doc__)
    if args:
        with open(args[0], encoding="utf-8") as f:
            first, rows = read(f)
    else:
        first, rows = read(sys.stdin)
    if document:
        print(f"{write(document, first, rows)} tables written")
        return
    print(machine(first))
    for bench, of_bench in rows.items():
        print(f"{bench}\n\n{figures(of_bench)}")
        if any(row["target"] is not None for row in of_bench):
            print(targets(of_bench))


main()
