"""Milliseconds that an apply takes, from the document in the agent's hands to the kernel.

Ours by :class:`amphora_agent_ext.apply.Firewall`: it keeps the document on disk and reads back
what is in force. Stock by its writer and its ``nft -o -f``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from amphora_agent_ext.apply import Firewall
from tests.bench.firewall import stock
from tests.bench.firewall.cases import MAC, Shape, Situation
from tests.functional.netns import Namespace, namespace

SIZES = (10, 1_000, 10_000, 100_000)
GOALS = {10_000: 80, 100_000: 1_000}
_ROUNDS, _BOOTS = 20, 3
SECONDS = 20.0
# Where networks begin that have nothing in common with those at the usual place.
ELSEWHERE = 1 << 30


@dataclasses.dataclass(frozen=True)
class Times:
    """Of all rounds; milliseconds.

    :ivar least: of the quickest round
    :ivar processor: median of the processor time, of all processes and the kernel
    """

    median: float
    least: float
    processor: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One size.

    :ivar boot: first document of an amphora
    :ivar rebuild: every (port, CIDR) pair is another one than before
    :ivar delta: one pair comes or goes
    :ivar same: the document that is in force already
    :ivar stock_boot: as ``boot``, base rules and then the real ones
    :ivar stock: any change
    """

    shape: Shape
    elements: int
    boot: Times
    rebuild: Times
    delta: Times
    same: Times
    stock_boot: Times
    stock: Times

    @property
    def goal(self) -> int | None:
        """Milliseconds a rebuild shall take at most."""
        return GOALS.get(self.elements)


class Clock:
    """Takes the time of calls, until there was enough of them."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._wall: dict[str, list[float]] = {}
        self._processor: dict[str, list[float]] = {}

    @property
    def late(self) -> bool:
        return time.monotonic() > self._end

    def time(self, what: str, call: Callable[[], object]) -> None:
        begin, before = time.perf_counter(), _processor()
        call()
        self._wall.setdefault(what, []).append((time.perf_counter() - begin) * 1000)
        self._processor.setdefault(what, []).append((_processor() - before) * 1000)

    def times(self) -> dict[str, Times]:
        return {
            what: Times(statistics.median(runs), min(runs), statistics.median(processor))
            for (what, runs), processor in zip(
                self._wall.items(), self._processor.values(), strict=True
            )
        }


def _processor() -> float:
    """Seconds of processor time of this process and of those it has waited for."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def row(shape: Shape, elements: int, seconds: float = SECONDS) -> Row:
    """Ours and stock in turns, for about so long."""
    here = Situation(elements, shape)
    there = Situation(elements, shape, skip=ELSEWHERE)
    for situation in (here, there):
        assert situation.document  # parsed now, and not while the clock runs
    clock = Clock(seconds)
    for _ in range(_BOOTS):
        _boot(clock, here)
        if clock.late:
            break
    _changes(clock, here, there)
    return Row(shape, elements, **clock.times())


def _boot(clock: Clock, situation: Situation) -> None:
    rules = stock.rules(situation.load_balancer)
    with _subjects() as (ours, theirs):
        clock.time("boot", lambda: ours.apply(situation.document))

        def steps() -> None:
            theirs.boot()
            theirs.apply(rules)

        clock.time("stock_boot", steps)


def _changes(clock: Clock, here: Situation, there: Situation) -> None:
    more = {s: dataclasses.replace(s, extra=True).document for s in (here, there)}
    rules = {s: stock.rules(s.load_balancer) for s in (here, there)}
    with _subjects() as (ours, theirs):
        ours.apply(here.document)
        theirs.boot()
        theirs.apply(rules[here])
        for now in [there, here] * (_ROUNDS // 2):
            clock.time("rebuild", lambda s=now: ours.apply(s.document))  # type: ignore[misc]
            clock.time("stock", lambda s=now: theirs.apply(rules[s]))  # type: ignore[misc]
            clock.time("delta", lambda s=now: ours.apply(more[s]))  # type: ignore[misc]
            clock.time("same", lambda s=now: ours.apply(more[s]))  # type: ignore[misc]
            clock.time("delta", lambda s=now: ours.apply(s.document))  # type: ignore[misc]
            if clock.late:
                break


@contextlib.contextmanager
def _subjects() -> Iterator[tuple[Firewall, stock.Firewall]]:
    """An amphora for each, with an interface to filter."""
    with (
        namespace("ours") as ours,
        namespace("stock") as theirs,
        tempfile.TemporaryDirectory() as name,
    ):
        directory = Path(name)
        yield firewall(ours, directory), stock.Firewall(theirs.name, directory)


def firewall(space: Namespace, directory: Path) -> Firewall:
    """Ours, in a namespace which gets the interface that the documents speak of."""
    space.ip("link", "add", "eth1", "address", MAC, "type", "veth", "peer", "wire")
    return Firewall(space.name, directory / "ours.json", directory / "plugged")
