"""What amphorae's firewalls have counted, as time series that only go up. Pure but for the sums'
memory."""

from __future__ import annotations

import dataclasses
import enum
import threading
from collections.abc import Iterable, Iterator, Mapping

from sriov_provider.db.firewall_checks import Watched
from sriov_provider.firewall.counts import Count, Counters, meaning

_AMPHORA = ("amphora_id",)
# Agents are not trusted to invent time series.
_OTHER = "other_reason"

Labels = tuple[tuple[str, str], ...]


class Detail(str, enum.Enum):
    """Values of ``metrics_firewall``."""

    LISTENER = "listener"
    LOAD_BALANCER = "load_balancer"
    TOTAL = "total"
    NONE = "none"


_SUMMED = {
    Detail.LISTENER: frozenset[str](),
    Detail.LOAD_BALANCER: frozenset({"amphora_id", "listener_id"}),
    Detail.TOTAL: frozenset({"amphora_id", "listener_id", "load_balancer_id"}),
    Detail.NONE: frozenset({"amphora_id", "listener_id", "load_balancer_id"}),
}


@dataclasses.dataclass(frozen=True)
class Sample:
    """:ivar name: of the metric, without prefix and ``_total``
    :ivar labels: name and value of each
    """

    name: str
    labels: Labels
    value: int


def of_counters(watched: Watched, counters: Counters) -> Iterator[Sample]:
    """What one agent has counted."""
    base = _base(watched)
    for listener, found in sorted(counters.listeners.items()):
        for verdict, count in (("accepted", found.accepted), ("refused", found.refused)):
            if count is not None:
                labels = (*base, ("listener_id", listener), ("verdict", verdict))
                yield from _both("firewall_listener", labels, count)
    for reason, count in sorted(_drops(counters).items()):
        yield from _both("firewall_dropped", (*base, ("reason", reason)), count)


def _drops(counters: Counters) -> dict[str, Count]:
    drops: dict[str, Count] = {}
    for reason, count in counters.drops().items():
        known = reason if meaning(reason) else _OTHER
        before = drops.get(known, Count())
        drops[known] = Count(before.packets + count.packets, before.bytes + count.bytes)
    return drops


def of_looks(watched: Watched) -> Iterator[Sample]:
    """What looks at an amphora's firewall, and repairs, came to."""
    for name, label, values in (
        ("firewall_drifts", "what", {"rules": watched.drifts, "interface": watched.vanished}),
        (
            "firewall_repairs",
            "outcome",
            {"done": watched.repairs, "failed": watched.repairs_failed},
        ),
    ):
        for value, number in values.items():
            yield Sample(name, (*_base(watched), (label, value)), number)


class Sums:
    """Sums over amphorae that do not go down when an amphora goes, or counts anew.

    What an amphora had counted before it was first seen is not part of them, as with any counter
    of a process that has just started.
    """

    def __init__(self, detail: Detail) -> None:
        self._detail = detail
        self._lock = threading.Lock()
        self._last: dict[tuple[str, Labels], int] = {}
        self._sums: dict[tuple[str, Labels], int] = {}

    def add(self, samples: Iterable[Sample]) -> list[Sample]:
        """Take what is counted now.

        :param samples: everything there is of every amphora that was ever seen and still exists
        :returns: the sums; the samples themselves where nothing is to be summed
        """
        new = list(samples)
        summed = _SUMMED[self._detail]
        if not summed:
            return new
        with self._lock:
            self._add({(s.name, s.labels): s.value for s in new}, summed)
            return [Sample(*key, value) for key, value in sorted(self._sums.items())]

    def _add(self, now: Mapping[tuple[str, Labels], int], summed: frozenset[str]) -> None:
        known = {(name, _owner(labels)) for name, labels in self._last}
        sums: dict[tuple[str, Labels], int] = {}
        for (name, labels), value in now.items():
            key = name, tuple(pair for pair in labels if pair[0] not in summed)
            # A listener that is new on a known amphora began at zero.
            unseen = 0 if (name, _owner(labels)) in known else value
            before = self._last.get((name, labels), unseen)
            grown = value - before if value >= before else value
            sums[key] = sums.get(key, self._sums.get(key, 0)) + grown
        # Sums over everything outlive what was summed; those of load balancers go with them.
        if self._detail is not Detail.LOAD_BALANCER:
            sums = self._sums | sums
        self._last, self._sums = dict(now), sums


def _owner(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] in _AMPHORA)


def _base(watched: Watched) -> Labels:
    return (("load_balancer_id", watched.load_balancer_id), ("amphora_id", watched.amphora_id))


def _both(name: str, labels: Labels, count: Count) -> Iterator[Sample]:
    yield Sample(f"{name}_packets", labels, count.packets)
    yield Sample(f"{name}_bytes", labels, count.bytes)
