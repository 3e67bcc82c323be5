# SPDX-License-Identifier: MIT
"""A table of the machine's nodes (ACPI's SRAT) in place of QEMU's.

Of nodes without memory and processors QEMU's table names only the last, so
that Linux does not know the others. This one gives each node a part of the
window of DIMMs; where a DIMM belongs it says itself. Linux takes the table
from the head of the initrd if its revision is above the firmware's.
"""

import struct

PATH = "kernel/firmware/acpi/srat.aml"
ENABLED, HOTPLUGGABLE = 1, 2


def processor(node):
    return struct.pack("<BBBBIB3sI", 0, 16, node, 0, ENABLED, 0,
                       bytes(3), 0)


def memory(node, start, size, flags):
    return struct.pack("<BBIHQQIIQ", 1, 40, node, 0, start, size, 0, flags, 0)


def table(boot_ranges, window, nodes):
    """boot_ranges: [(start, size)], on node 0; window: (start, size)."""
    parts = processor(0)
    for start, size in boot_ranges:
        parts += memory(0, start, size, ENABLED)
    share = window[1] // nodes
    for node in range(nodes):
        parts += memory(node, window[0] + node * share, share,
                        ENABLED | HOTPLUGGABLE)
    body = struct.pack("<IQ", 1, 0) + parts
    head = struct.pack("<4sIBB6s8sI4sI", b"SRAT", 36 + len(body), 1, 0,
                       b"BOCHS ", b"BXPC    ", 2, b"MHP ", 1)
    whole = bytearray(head + body)
    whole[9] = -sum(whole) & 0xff
    return bytes(whole)
