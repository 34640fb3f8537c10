"""Threads inside of network namespaces."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pyroute2 import netns

from sriov_provider.portdriver.base import Namespace
from sriov_provider.portdriver.kernel import NamespaceGoneError

T = TypeVar("T")
RUN = Path("/run/netns")
_OWN = Path("/proc/thread-self/ns/net")
_LOOK = os.O_PATH | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ESRCH, errno.ENOTDIR, errno.ELOOP})


def path(namespace: Namespace) -> Path:
    """Where the kernel shows it."""
    if isinstance(namespace, int):
        return Path(f"/proc/{namespace}/ns/net")
    return RUN / namespace  # an absolute path stays what it is


@contextlib.contextmanager
def opened(namespace: Namespace | None) -> Iterator[int]:
    """A file descriptor of the namespace; None: the one the calling thread is in.

    :raises NamespaceGoneError: when there is none
    """
    with _seen(namespace) as seen:
        handle = os.open(_again(seen), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _seen(namespace: Namespace | None) -> Iterator[int]:
    """The namespace's file, looked at and not opened: it may be anything."""
    where = _OWN if namespace is None else path(namespace)
    try:
        with _held(where) as handle:
            # All namespaces are files of one filesystem, which nobody can put others into.
            if os.fstat(handle).st_dev != _OWN.stat().st_dev:
                raise NamespaceGoneError(str(namespace))
            yield handle
    except OSError as error:
        if error.errno not in _GONE:
            raise
        raise NamespaceGoneError(str(namespace)) from error


@contextlib.contextmanager
def _held(where: Path) -> Iterator[int]:
    """A descriptor that tells what is there.

    Below the root of a process no link is followed: it would lead to what the host has.
    """
    steps: tuple[str, ...] = ()
    if where.parts[1:2] == ("proc",) and where.parts[3:4] == ("root",):
        where, steps = Path(*where.parts[:4]), where.parts[4:]
    with contextlib.ExitStack() as stack:
        handle = os.open(where, _LOOK)
        stack.callback(os.close, handle)
        for step in steps:
            handle = os.open(step, _LOOK | os.O_NOFOLLOW, dir_fd=handle)
            stack.callback(os.close, handle)
        yield handle


def _again(handle: int) -> Path:
    """What a descriptor is of, to be opened."""
    return Path(f"/proc/self/fd/{handle}")


def identity(namespace: Namespace | None) -> str | None:
    """Tells a namespace from another of the same name; None when it is gone.

    :param namespace: None: the one the calling thread is in
    """
    try:
        with _seen(namespace) as handle:
            seen = os.fstat(handle)
    except NamespaceGoneError:
        return None
    return f"{seen.st_dev}:{seen.st_ino}"


def found() -> tuple[Namespace, ...]:
    """All namespaces that have a name or a process, each once, without the one we are in."""
    seen: dict[str, Namespace] = {}
    own = identity(None)
    for one in _candidates():
        try:
            who = identity(one)
        except OSError:
            # Not ours to look into, so nothing of ours is in it.
            continue
        if who is not None and who != own:
            seen.setdefault(who, one)
    return tuple(seen.values())


def _candidates() -> Iterator[Namespace]:
    """Named ones of the host, those of processes, and named ones only some processes see."""
    yield from (str(path) for path in _listed(RUN))
    views: set[int] = set()
    for process in _listed(Path("/proc")):
        if not process.name.isdigit():
            continue
        yield int(process.name)
        view = _inode(process / "ns/mnt")
        if view is not None and view not in views:
            views.add(view)
            yield from (str(path) for path in _listed(process / "root" / RUN.relative_to("/")))


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _listed(directory: Path) -> list[Path]:
    try:
        with _held(directory) as handle:
            return sorted(directory / seen.name for seen in _again(handle).iterdir())
    except OSError:
        return []


def inside(namespace: Namespace | None, work: Callable[[], T]) -> T:
    """Call ``work`` in the namespace: in a thread of its own, which ends with it.

    :raises NamespaceGoneError: when there is none
    """
    if namespace is None:
        return work()
    with opened(namespace) as handle, ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(_entered, namespace, handle, work).result()


def _entered(namespace: Namespace, handle: int, work: Callable[[], T]) -> T:
    try:
        netns.setns(handle)
    except OSError as error:
        if error.errno == errno.EINVAL:
            # A namespace of another kind.
            raise NamespaceGoneError(str(namespace)) from error
        raise
    return work()
