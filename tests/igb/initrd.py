"""The guest's first file system: a shell, the modules on the way to the disks, a script."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

ALIVE = "the guest is alive"
# Disks: vda the image, vdb what a run brings along.
INIT = f"""\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
echo {ALIVE} >/dev/ttyS0
$b grep -q igb.probe /proc/cmdline && $b poweroff -f
$b mount -t sysfs sys /sys
for module in /modules/*; do $b insmod $module; done
tries=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
    tries=$((tries + 1))
    [ $tries -gt 200 ] && $b poweroff -f
    $b usleep 50000
done
$b mount -t ext4 -o noatime /dev/vda /root
$b mount -t ext4 -o noatime /dev/vdb /root/mnt
for each in dev proc sys; do $b mount -o move /$each /root/$each; done
exec $b switch_root /root /bin/sh /mnt/init
"""


def archive(busybox: bytes, modules: Iterable[tuple[str, bytes]]) -> bytes:
    """The whole file system.

    :param modules: name and content, in the order in which they are to be loaded
    """
    files = {"bin/busybox": (0o755, busybox), "init": (0o755, INIT.encode())}
    for number, (name, content) in enumerate(modules):
        files[f"modules/{number:03}-{name}"] = (0o644, content)
    return cpio(("bin", "modules", "proc", "sys", "dev", "root"), files)


def cpio(directories: Iterable[str], files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """An archive in the format ``newc`` (the kernel's initramfs buffer format)."""
    made = [_entry(name, stat.S_IFDIR | 0o755, b"") for name in directories]
    made += [_entry(name, stat.S_IFREG | mode, body) for name, (mode, body) in files.items()]
    return b"".join([*made, _entry("TRAILER!!!", 0, b"")])


def _entry(name: str, mode: int, body: bytes) -> bytes:
    path = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, four device numbers, length of name, checksum
    numbers = (0, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + "".join(f"{number:08X}" for number in numbers).encode() + path
    return _padded(header) + _padded(body)


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)


def load_order(wanted: Iterable[str], dependencies: Path) -> list[str]:
    """Modules to load for the *wanted* ones, dependencies first.

    :param dependencies: ``modules.dep``; paths in it are relative to its directory
    """
    lines = (line.split(":", 1) for line in dependencies.read_text().splitlines())
    needs = {path: rest.split() for path, rest in lines}
    by_name = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    order: list[str] = []
    for name in wanted:
        path = by_name[name]
        # The file has them in the order in which they are taken away.
        order += [need for need in (*reversed(needs[path]), path) if need not in order]
    return order
