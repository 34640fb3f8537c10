"""The file system of an amphora: the host's programs, read-only, and files of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from sriov_provider.compute.local.guest import kernel
from sriov_provider.compute.local.guest.spec import Spec

# Of the host's /etc: what programs need and nobody has to hide.
_ETC = (
    "alternatives",
    "crypto-policies",
    "group",
    "iproute2",
    "ld.so.cache",
    "localtime",
    "nsswitch.conf",
    "passwd",
    "pki/tls",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
)
# Package databases: the agent tells versions.
_VAR = ("lib/dpkg", "lib/rpm")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_RUN = ("home", "lock", "netns", "rsyslog/octavia", "units")
# Of the kernel's knobs only those of network namespaces are the amphora's.
_FROZEN = ("sys", "irq", "bus", "fs", "sysrq-trigger")
_KEPT = {"nodev": kernel.MS_NODEV, "noexec": kernel.MS_NOEXEC}
_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV


def build(spec: Spec) -> Path:
    """Everything below ``spec.root``, in the calling process's mount namespace."""
    kernel.mount("", Path("/"), flags=kernel.MS_REC | kernel.MS_PRIVATE)
    root, files = Path(spec.root), Path(spec.files)
    _tmpfs(root, "mode=755,size=16m")
    # First: Python may be installed below it.
    _tmpfs(root / "run", "mode=755")
    _tmpfs(root / "tmp", "mode=1777")
    for name in _RUN:
        (root / "run" / name).mkdir(parents=True)
    _programs(root)
    _own(root, files)
    for path in spec.shared:
        _bind(Path(path), root, read_only=True)
    _devices(root)
    _kernel(root, spec.memory)
    return root


def _programs(root: Path) -> None:
    _bind(Path("/usr"), root, read_only=True)
    for entry in sorted(Path("/").iterdir()):
        if entry.name in ("bin", "sbin") or entry.name.startswith("lib"):
            if entry.is_symlink():
                (root / entry.name).symlink_to(entry.readlink())
            else:
                _bind(entry, root, read_only=True)


def _own(root: Path, files: Path) -> None:
    for name in ("etc", "var"):
        _bind(files / name, root, target=root / name)
    for top, names in (("etc", _ETC), ("var", _VAR)):
        for name in names:
            source = Path("/", top, name)
            if source.exists():
                _bind(source.resolve(), root, target=root / top / name, read_only=True)
    _bind(files / "units", root, target=root / "usr/lib/systemd/system")
    commands = root / "usr/local/bin"
    layers = f"lowerdir={files / 'bin'}:/usr/local/bin"
    kernel.mount("overlay", commands, "overlay", kernel.MS_RDONLY, layers)


def _devices(root: Path) -> None:
    dev = root / "dev"
    _tmpfs(dev, "mode=755,size=64k")
    for name in _DEVICES:
        _bind(Path("/dev", name), root)
    _tmpfs(dev / "shm", "mode=1777")
    links = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in {**links, "log": "/run/rsyslog/octavia/log"}.items():
        (dev / name).symlink_to(target)


def _kernel(root: Path, memory: int) -> None:
    """/proc of the pid namespace, /sys of the network namespace."""
    proc, sys = root / "proc", root / "sys"
    for place in (proc, sys):
        place.mkdir()
    kernel.mount("proc", proc, "proc", _QUIET | kernel.MS_NOEXEC)
    kernel.mount("sysfs", sys, "sysfs", _QUIET | kernel.MS_NOEXEC)
    if (sys / "bus/pci").is_dir():
        # The agent has the bus scanned again when it misses an interface: the host's, here.
        kernel.mount("tmpfs", sys / "bus/pci", "tmpfs", kernel.MS_RDONLY)
    told = root / "run/meminfo"
    told.write_text(meminfo(memory))
    kernel.mount(str(told), proc / "meminfo", flags=kernel.MS_BIND)
    for name in _FROZEN:
        if (proc / name).exists():
            _freeze(proc / name)


def _freeze(place: Path) -> None:
    kernel.mount(str(place), place, flags=kernel.MS_BIND)
    net = place / "net"
    if net.is_dir():
        # A mount of its own stays writable.
        kernel.mount(str(net), net, flags=kernel.MS_BIND)
    kernel.mount("", place, flags=kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | _QUIET)


def meminfo(memory: int) -> str:
    """What /proc/meminfo says: by it, Octavia sizes haproxy's cache of TLS sessions.

    :param memory: bytes
    """
    kib = memory // 1024
    half = kib // 2
    sizes = {"MemTotal": kib, "MemFree": half, "MemAvailable": half}
    absent = ("Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree", "Shmem", "Slab")
    return "".join(f"{k}: {v} kB\n" for k, v in {**sizes, **dict.fromkeys(absent, 0)}.items())


def _tmpfs(place: Path, options: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    kernel.mount("tmpfs", place, "tmpfs", kernel.MS_NOSUID, options)


def _bind(source: Path, root: Path, *, target: Path | None = None, read_only: bool = False) -> None:
    """By default at the same place below ``root``."""
    target = target or root / source.relative_to("/")
    _mount_point(target, source)
    kernel.mount(str(source), target, flags=kernel.MS_BIND | kernel.MS_REC)
    if read_only:
        _read_only(target)


def _read_only(place: Path) -> None:
    """With all that is mounted below: the kernel remounts one at a time."""
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID
    for point, kept in mounts(place, Path("/proc/self/mountinfo").read_text()):
        try:
            kernel.mount("", point, flags=flags | kept)
        except OSError:
            # Another mount covers one below: nobody gets there.
            if point == place:
                raise


def mounts(place: Path, told: str) -> Iterator[tuple[Path, int]]:
    """What is mounted at and below a place, and with which flags that are worth keeping. Pure.

    :param told: /proc/self/mountinfo
    """
    for line in told.splitlines():
        words = line.split(" ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), words[4]))
        if point.is_relative_to(place):
            options = words[5].split(",")
            yield point, sum(flag for name, flag in _KEPT.items() if name in options)


def _mount_point(target: Path, source: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(target):
            target.touch()
