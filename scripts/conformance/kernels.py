# SPDX-License-Identifier: MIT
"""The kernels that are asked: Debian's packages, fetched and unpacked.

Nothing is installed. The package manager runs on directories of its own below
the cache, with the mirror that the system's own sources name (or the one in
MHP_DEBIAN_MIRROR); only the suite is exchanged. What is there already is used
as it is, unless fresh is asked for.
"""

import fcntl
import glob
import os
import re
import subprocess

# profile: (suite, what its kernel's version begins with)
SUITES = {
    "linux-6.1": ("bookworm", "6.1."),
    "linux-6.12": ("trixie", "6.12."),
}
# The only modules that are kept: questions.py asks for errors with them.
MODULES = "notifier-error-inject.ko"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unavailable(Exception):
    """A kernel cannot be had; the text says why and what would help."""


class Kernel:
    """An unpacked kernel: its version as packaged, its image, its modules."""

    def __init__(self, profile, directory, version):
        self.profile = profile
        self.version = version
        images = glob.glob(os.path.join(directory, "boot", "vmlinuz-*"))
        if len(images) != 1:
            raise Unavailable(f"{directory} has {len(images)} kernel images")
        self.image = images[0]
        self.modules = glob.glob(os.path.join(
            directory, "**", f"*{MODULES}*"), recursive=True)


def version_key(version):
    """Debian's kernel versions in their order: numbers compare as such."""
    return [int(n) for n in re.findall(r"\d+", version)]


def system_mirror():
    """The mirror of the system's own sources that has its main archive."""
    chosen = os.environ.get("MHP_DEBIAN_MIRROR")
    if chosen:
        return chosen
    paths = glob.glob("/etc/apt/sources.list.d/*.sources")
    for path in paths:
        with open(path, encoding="utf-8") as f:
            stanzas = re.split(r"\n\s*\n", f.read())
        for stanza in stanzas:
            field = dict(re.findall(r"^(\w+):[ \t]*(.*)$", stanza, re.M))
            if archive(field.get("URIs", ""), field.get("Suites", "")):
                return field["URIs"].split()[0]
    for path in ["/etc/apt/sources.list"] + \
            glob.glob("/etc/apt/sources.list.d/*.list"):
        try:
            with open(path, encoding="utf-8") as f:
                lines = f.read()
        except FileNotFoundError:
            continue
        for uri, suite in re.findall(
                r"^deb[ \t]+(?:\[[^]]*\][ \t]+)?(\S+)[ \t]+(\S+)",
                lines, re.M):
            if archive(uri, suite):
                return uri
    raise Unavailable("the system's package sources name no Debian mirror; "
                      "say which in MHP_DEBIAN_MIRROR")


def archive(uri, suites):
    """Whether that is Debian's main archive, not its security archive."""
    return uri.split() and \
        uri.split()[0].rstrip("/").endswith("/debian") and \
        any(re.fullmatch(r"[a-z]+", s) for s in suites.split())


class Packages:
    """The package manager on directories of its own."""

    def __init__(self, root, suite):
        self.root = root
        self.suite = suite
        for part in ("state/lists/partial", "cache/archives/partial", "etc"):
            os.makedirs(os.path.join(root, part), exist_ok=True)
        self.write("etc/status", "")
        self.write("etc/sources.list",
                   f"deb [signed-by={KEYRING}] {system_mirror()} "
                   f"{suite} main\n")

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, program, *args):
        def place(name):
            return os.path.join(self.root, name)
        done = subprocess.run(
            [program, "-q",
             "-o", "Dir::Etc::SourceList=" + place("etc/sources.list"),
             "-o", "Dir::Etc::SourceParts=/dev/null",
             "-o", "Dir::Etc::Preferences=/dev/null",
             "-o", "Dir::Etc::PreferencesParts=/dev/null",
             "-o", "Dir::State=" + place("state"),
             "-o", "Dir::State::Status=" + place("etc/status"),
             "-o", "Dir::Cache=" + place("cache"),
             "-o", "APT::Architecture=amd64",
             "-o", "APT::Architectures=amd64",
             "-o", "APT::Sandbox::User=root",
             "-o", "APT::Update::Error-Mode=any",
             "-o", "Acquire::Languages=none", *args],
            cwd=self.root, text=True, capture_output=True, check=False,
            env={**os.environ, "LC_ALL": "C"})
        if done.returncode:
            raise Unavailable(
                f"the kernel of Debian's {self.suite} cannot be fetched:\n"
                f"{program} {' '.join(args)}: "
                f"{(done.stderr or done.stdout).strip()}")
        return done.stdout

    def newest(self, prefix):
        """Name and version of the newest kernel that the suite has."""
        self.run("apt-get", "update")
        meta = self.run("apt-cache", "show", "--no-all-versions",
                        "linux-image-amd64")
        depends = re.search(r"^Depends: (linux-image-\S+)", meta, re.M)
        if not depends:
            raise Unavailable(f"{self.suite}: no kernel for amd64")
        name = depends.group(1)
        version = re.search(r"^Version: (\S+)", self.run(
            "apt-cache", "show", "--no-all-versions", name), re.M).group(1)
        if not version.startswith(prefix):
            raise Unavailable(f"{self.suite}: {name} is {version}, "
                              f"not {prefix}x")
        return name, version


def unpacked(profile, root):
    """The kernel that is in the cache, or None."""
    try:
        with open(os.path.join(root, "version"), encoding="utf-8") as f:
            version = f.read().strip()
    except FileNotFoundError:
        return None
    return Kernel(profile, os.path.join(root, "kernel"), version)


def kernel(profile, cache, fresh=False):
    """The kernel of a profile, fetched if it is not there (or fresh)."""
    root = os.path.join(os.path.abspath(cache), profile)
    os.makedirs(root, exist_ok=True)
    with open(os.path.join(root, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return locked_kernel(profile, root, fresh)


def locked_kernel(profile, root, fresh):
    have = unpacked(profile, root)
    if have and not fresh:
        return have
    suite, prefix = SUITES[profile]
    packages = Packages(os.path.join(root, "packages"), suite)
    name, version = packages.newest(prefix)
    if have and have.version == version:
        return have
    packages.run("apt-get", "download", name)
    debs = glob.glob(os.path.join(packages.root, name + "_*.deb"))
    target = os.path.join(root, "kernel")
    subprocess.run(["rm", "-rf", target], check=True)
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", debs[-1]],
                              stdout=subprocess.PIPE)
    os.makedirs(target)
    subprocess.run(["tar", "-x", "-C", target, "--wildcards",
                    "./boot/vmlinuz*", f"*{MODULES}*"],
                   stdin=unpack.stdout, check=True)
    if unpack.wait():
        raise Unavailable(f"{debs[-1]} cannot be unpacked")
    for deb in debs:
        os.remove(deb)
    with open(os.path.join(root, "version"), "w", encoding="utf-8") as f:
        f.write(version + "\n")
    return unpacked(profile, root)
