# SPDX-License-Identifier: MIT
"""A Linux kernel in QEMU, and what is asked of it.

A Guest is one boot: DIMMs come and go over QMP, everything else is done by the
agent (agent.c), which is the guest's init, over a serial port. Nothing here
knows of scenarios.
"""

import errno
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time

import srat

HERE = os.path.dirname(os.path.abspath(__file__))
OST_INSERT, OST_EJECT = 1, 3
GIB = 1 << 30
LOW_BYTES = 3 * GIB


def window_start(memory):
    """Where DIMMs begin."""
    if memory <= LOW_BYTES:
        return 4 * GIB
    return (memory + GIB + GIB - 1) // GIB * GIB


def boot_ranges(memory):
    """Boot memory as (start, size)."""
    low = min(memory, LOW_BYTES)
    return [(0, low)] + ([(4 * GIB, memory - low)] if memory > low else [])


class Lost(Exception):
    """The guest or QEMU does not answer any more."""


def archive(root, names):
    """An archive of files below root, as a kernel takes it for its root."""
    made = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root,
                          input="\n".join(names).encode() + b"\n",
                          stdout=subprocess.PIPE, check=True).stdout
    return made + bytes(-len(made) % 512)


def make_agent(cache):
    """An archive whose only program is the agent. Return: its path."""
    source = os.path.join(HERE, "agent.c")
    target = os.path.join(cache, "initrd")
    if os.path.exists(target) and \
            os.path.getmtime(target) > os.path.getmtime(source):
        return target
    with tempfile.TemporaryDirectory(dir=cache) as root:
        os.makedirs(os.path.join(root, "dev"))
        subprocess.run(["gcc", "-O2", "-static", "-s", "-o",
                        os.path.join(root, "init"), source], check=True)
        new = os.path.join(root, "initrd")
        with open(new, "wb") as f:
            f.write(archive(root, ["dev", "init"]))
        os.rename(new, target)
    return target


def make_initrd(cache, directory, files):
    """The agent with files {path: content} before it."""
    agent = make_agent(cache)
    if not files:
        return agent
    root = os.path.join(directory, "files")
    names = []
    for path, content in files.items():
        parts = path.split("/")
        names += ["/".join(parts[:i + 1]) for i in range(len(parts))]
        os.makedirs(os.path.join(root, *parts[:-1]), exist_ok=True)
        with open(os.path.join(root, path), "wb") as f:
            f.write(content)
    target = os.path.join(directory, "initrd")
    with open(agent, "rb") as old, open(target, "wb") as new:
        new.write(archive(root, list(dict.fromkeys(names))) + old.read())
    return target


class Lines:
    """Lines from a socket, with a deadline."""

    def __init__(self, path, deadline):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise Lost(f"{path} cannot be reached") from None
                time.sleep(0.02)
        self.room = b""

    def send(self, text):
        try:
            self.socket.sendall(text.encode())
        except OSError as error:
            raise Lost(str(error)) from None

    def get(self, seconds):
        """The next line, or None when there is none in time."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.room:
            left = deadline - time.monotonic()
            if left < 0 or \
                    not select.select([self.socket], [], [], left)[0]:
                return None
            more = self.socket.recv(65536)
            if not more:
                raise Lost("the connection ended")
            self.room += more
        line, self.room = self.room.split(b"\n", 1)
        return line.decode(errors="replace").strip("\r\0")


class Guest:
    """A machine that runs a kernel; close() ends it.

    memory: bytes of boot memory; room: bytes that DIMMs may take;
    nodes: how many, boot memory and processors are on the first;
    arguments: of the kernel; files: {path: content} to have at boot.
    """

    def __init__(self, kernel, cache, memory, room, nodes, arguments,
                 files=()):
        self.directory = os.path.join(os.path.abspath(cache),
                                      f"guest-{os.getpid()}")
        os.makedirs(self.directory, exist_ok=True)
        self.events = []
        self.process = None
        for name in ("qmp", "serial"):
            path = self.place(name)
            if os.path.exists(path):
                os.remove(path)
        files = dict(files)
        if nodes > 2:
            files[srat.PATH] = srat.table(
                boot_ranges(memory), (window_start(memory), room), nodes)
        initrd = make_initrd(cache, self.directory, files)
        self.process = subprocess.Popen(
            self.command(kernel, initrd, memory, room, nodes, arguments),
            stdin=subprocess.DEVNULL)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def place(self, name):
        return os.path.join(self.directory, name)

    def command(self, kernel, initrd, memory, room, nodes, arguments):
        machine = "pc,max-ram-below-4g=3G"
        numa = ["-object", "memory-backend-ram,id=boot,reserve=off,"
                f"size={memory}"]
        if nodes == 1:
            machine += ",memory-backend=boot"
        else:
            numa += ["-numa", "node,nodeid=0,cpus=0,memdev=boot"]
            for node in range(1, nodes):
                numa += ["-numa", f"node,nodeid={node}"]
        return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64",
                "-M", machine,
                "-m", f"size={memory}B,slots=64,maxmem={memory + room}B",
                "-nodefaults", "-display", "none", "-no-reboot",
                "-kernel", kernel.image, "-initrd", initrd,
                "-append", " ".join(["console=ttyS0 loglevel=4 panic=-1",
                                     *arguments]), *numa,
                "-serial", f"file:{self.place('console')}",
                "-serial", f"unix:{self.place('serial')},server=on,wait=off",
                "-qmp", f"unix:{self.place('qmp')},server=on,wait=off"]

    def start(self):
        deadline = time.monotonic() + 20
        self.agent = Lines(self.place("serial"), deadline)
        self.monitor = Lines(self.place("qmp"), deadline)
        if self.monitor.get(10) is None:
            raise Lost("QEMU does not speak")
        self.qmp("qmp_capabilities")
        if self.agent.get(120) != "ready":
            raise Lost("the kernel did not start")

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def console(self):
        with open(self.place("console"), encoding="utf-8",
                  errors="replace") as f:
            return f.read()

    # -- QEMU.

    def qmp(self, command, **arguments):
        """Return: what it returns, or {"error": text}."""
        self.monitor.send(json.dumps(
            {"execute": command, "arguments": arguments}) + "\n")
        while True:
            line = self.monitor.get(20)
            if line is None:
                raise Lost(f"QEMU does not answer {command}")
            reply = json.loads(line)
            if "event" in reply:
                self.events.append(reply)
            elif "error" in reply:
                return {"error": reply["error"]["desc"]}
            else:
                return reply["return"]

    def event(self, wanted, seconds):
        """The first event for which wanted(name, data) is true, or None."""
        deadline = time.monotonic() + seconds
        while True:
            while self.events:
                event = self.events.pop(0)
                if wanted(event["event"], event.get("data", {})):
                    return event
            line = self.monitor.get(max(0, deadline - time.monotonic()))
            if line is None:
                return None
            reply = json.loads(line)
            if "event" in reply:
                self.events.append(reply)

    def plug(self, name, size, node=0, address=None):
        """Return: 0, -EINVAL when the kernel refused it, or a text from
        QEMU, which did not even plug it."""
        error = self.qmp("object-add", **{
            "qom-type": "memory-backend-ram", "id": "mem-" + name,
            "size": size, "reserve": False})
        if "error" in error:
            return error["error"]
        extra = {} if address is None else {"addr": address}
        error = self.qmp("device_add", driver="pc-dimm", id=name,
                         memdev="mem-" + name, node=node, **extra)
        if "error" in error:
            self.qmp("object-del", id="mem-" + name)
            return error["error"]
        event = self.event(
            lambda kind, data: kind == "ACPI_DEVICE_OST" and
            data["info"].get("device") == name and
            data["info"]["source"] in (0, OST_INSERT), 60)
        if event is None:
            raise Lost(f"no word about {name}")
        return -errno.EINVAL if event["data"]["info"]["status"] else 0

    def unplug(self, name, seconds=60):
        """Return: 0 when it is gone, -EBUSY when the kernel refused, -EINTR
        when it does not end, or a text from QEMU."""
        error = self.qmp("device_del", id=name)
        if "error" in error:
            return error["error"]

        def over(kind, data):
            if kind == "DEVICE_DELETED":
                return data.get("device") == name
            return kind == "ACPI_DEVICE_OST" and \
                data["info"].get("device") == name and \
                data["info"]["source"] == OST_EJECT and \
                data["info"]["status"] not in (0, 0x84, 0x85)
        event = self.event(over, seconds)
        if event is None:
            return -errno.EINTR
        if event["event"] != "DEVICE_DELETED":
            return -errno.EBUSY
        # Linux then looks whether the slot is empty: let it find it so.
        self.event(lambda kind, data: kind == "ACPI_DEVICE_OST" and
                   data["info"]["source"] == OST_EJECT, 5)
        self.qmp("object-del", id="mem-" + name)
        return 0

    # -- The agent.

    def ask(self, *words, seconds=60):
        """Return: rc and the text of the answer."""
        self.agent.send(" ".join(words) + "\n")
        reply = self.agent.get(seconds)
        if reply is None:
            raise Lost(f"the guest does not answer {words[0]}")
        rc, _, rest = reply.partition(" ")
        return int(rc), bytes.fromhex(rest).decode(errors="replace")

    def write(self, path, value):
        return self.ask("w", path.encode().hex(), value.encode().hex())[0]

    def read(self, path):
        return self.ask("r", path.encode().hex())

    def list(self, path):
        return self.ask("l", path.encode().hex())

    def fill(self, name, size, node=-1):
        return self.ask("f", name, str(size), str(node), seconds=200)[0]

    def verify(self, name):
        return self.ask("v", name, seconds=200)[0]

    def drop(self, name):
        return self.ask("d", name)[0]

    def pin(self, size):
        """Takes memory that cannot be moved, from the kernel's zones."""
        return self.ask("p", str(size))[0]

    def unpin(self):
        return self.ask("u", "all")[0]

    def state(self, first):
        """Blocks [(id, state, zones)] from first on, zones {(node, name):
        (spanned, present, managed)}, managed memory in KiB."""
        blocks, zones, total = [], {}, 0
        for row in self.ask("s", str(first))[1].splitlines():
            kind, _, rest = row.partition(" ")
            if kind == "block":
                number, state, valid = rest.split("\t")
                blocks.append((int(number), state, valid))
            elif kind == "zone":
                words = rest.split()
                zones[int(words[0]), words[1]] = tuple(map(int, words[2:]))
            elif kind == "total":
                total = int(rest)
        return sorted(blocks), zones, total
