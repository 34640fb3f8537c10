"""Memory of an apply: what the kernel keeps, and what processes need at their peak."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests.bench.firewall import applies, stock
from tests.bench.firewall.cases import Shape, Situation
from tests.functional.netns import namespace

_RUNS = 3
# Seconds between looks at the kernel, how many at most, and KiB that are no change.
_PAUSE, _LOOKS, _STILL = 0.3, 10, 100


@dataclasses.dataclass(frozen=True)
class Used:
    """:ivar kernel: what is in use afterwards and was not before, KiB; others' changes included
    :ivar peak: of the process that talks to the kernel, on top of what it had, KiB
    """

    kernel: float
    peak: float


@dataclasses.dataclass(frozen=True)
class Row:
    shape: Shape
    elements: int
    ours: Used
    stock: Used


def row(shape: Shape, elements: int) -> Row:
    """Medians of a few runs, each in a process of its own."""
    return Row(shape, elements, _median(_ours, shape, elements), _median(_stock, shape, elements))


def _median(work: Callable[[Situation], Used], shape: Shape, elements: int) -> Used:
    context = multiprocessing.get_context("spawn")
    used = []
    for _ in range(_RUNS):
        with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
            used.append(pool.submit(work, Situation(elements, shape)).result())
    return Used(statistics.median(u.kernel for u in used), statistics.median(u.peak for u in used))


def _ours(situation: Situation) -> Used:
    document = situation.document
    with namespace("ours") as space, tempfile.TemporaryDirectory() as name:
        firewall = applies.firewall(space, Path(name))
        before, had = _settled(), _status(os.getpid(), "VmRSS:")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        firewall.apply(document)
        peak = _status(os.getpid(), "VmHWM:") - had
        return Used(_settled() - before, peak)


def _stock(situation: Situation) -> Used:
    rules = stock.rules(situation.load_balancer)
    with namespace("stock") as space, tempfile.TemporaryDirectory() as name:
        firewall = stock.Firewall(space.name, Path(name))
        before = _settled()
        with _watched() as peaks:
            firewall.boot()
            firewall.apply(rules)
        return Used(_settled() - before, max(peaks))


@contextlib.contextmanager
def _watched() -> Iterator[list[int]]:
    """Peaks of the nft processes that this process starts meanwhile, looked at again and again."""
    peaks, started, end = [0], list[int](), threading.Event()

    class Started(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            started.append(self.pid)

    def watch() -> None:
        while not end.wait(0.002):
            with contextlib.suppress(OSError):  # it has ended
                peaks.extend(_status(pid, "VmHWM:") for pid in started[-1:])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        with mock.patch.object(subprocess, "Popen", Started):
            yield peaks
    finally:
        end.set()
        thread.join()


def _settled() -> int:
    """KiB in use, when it has come to rest: the last namespace goes in the background."""
    known = _kernel()
    for _ in range(_LOOKS):
        time.sleep(_PAUSE)
        last, known = known, _kernel()
        if abs(known - last) < _STILL:
            break
    return known


def _kernel() -> int:
    """KiB.

    Rules and sets are in objects of general use, in what is too large for these, in pages that
    are mapped together, and in memory of each processor. Slabs hold free objects too, which the
    next one may be given: so objects count. Caches of files are in none of these.
    """
    memory = Path("/proc/meminfo")
    used = sum(_field(memory, name) for name in ("Slab:", "VmallocUsed:", "Percpu:"))
    page = os.sysconf("SC_PAGE_SIZE") // 1024
    for cache in map(Cache.read, Path("/proc/slabinfo").read_text().splitlines()[2:]):
        used -= cache.pages * page
        if cache.name.startswith("kmalloc"):
            used += cache.bytes // 1024
    return used


@dataclasses.dataclass(frozen=True)
class Cache:
    """One line of ``/proc/slabinfo``.

    :ivar bytes: of objects in use
    :ivar pages: of all its slabs
    """

    name: str
    bytes: int
    pages: int

    @classmethod
    def read(cls, line: str) -> Cache:
        words = line.split()
        active, size, pages, slabs = (int(words[n]) for n in (1, 3, 5, 14))
        return cls(words[0], active * size, slabs * pages)


def _status(pid: int, name: str) -> int:
    """KiB."""
    return _field(Path(f"/proc/{pid}/status"), name)


def _field(path: Path, name: str) -> int:
    lines = (line.split() for line in path.read_text().splitlines())
    return next((int(words[1]) for words in lines if words[0] == name), 0)
