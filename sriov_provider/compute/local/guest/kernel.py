"""System calls Python has no function for, in all releases we run on."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

_MNT_DETACH = 2
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "ppc64le": 203, "s390x": 217, "riscv64": 41}

_LIBC = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags: int) -> None:
    _check(_LIBC.unshare(flags), "unshare")


def enter_network(namespace: Path) -> None:
    """:param namespace: its file"""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_LIBC.setns(descriptor, CLONE_NEWNET), str(namespace))
    finally:
        os.close(descriptor)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    _check(
        _LIBC.mount(
            source.encode(),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        ),
        f"mount {source or kind} on {target}",
    )


def pivot_root(root: Path) -> None:
    """``root``, a mount, becomes /; nothing of the old one can be reached."""
    os.chdir(root)
    here = b"."
    _check(_LIBC.syscall(_SYS_PIVOT_ROOT[os.uname().machine], here, here), f"pivot_root {root}")
    _check(_LIBC.umount2(here, _MNT_DETACH), "umount")
    os.chdir("/")


def drop_capabilities(kept: frozenset[int]) -> None:
    """What is executed from here on has no others; this process keeps what it has."""
    number = 0
    while _LIBC.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0:
        if number not in kept:
            _check(_LIBC.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), f"drop capability {number}")
        number += 1
