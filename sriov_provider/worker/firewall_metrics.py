"""Metrics about amphorae's firewalls. Imported only by a worker that is told to serve metrics.

A scrape tells what agents said last: it never waits for them all. They are asked by threads that
live for one round, at most once in an interval, and only while somebody scrapes.
"""

from __future__ import annotations

import collections
import datetime
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.db.firewall_checks import Watched
from sriov_provider.db.types import utcnow
from sriov_provider.errors import ProviderError
from sriov_provider.firewall.counts import Counters
from sriov_provider.metrics import EXPIRES, PREFIX, Latest
from sriov_provider.worker import series
from sriov_provider.worker.series import Detail, Sample, Sums

LOG = logging.getLogger(__name__)

Read = Callable[[Endpoint], FirewallState]
Counted = Mapping[str, Counters]

_AT_ONCE = 4
# Seconds a scrape waits for the database, and for agents.
_PATIENCE = (1.0, 0.5)
_TEXTS = {
    "firewall_listener_packets": "Packets to a listener: accepted, or refused by allowed_cidrs.",
    "firewall_listener_bytes": "Bytes to a listener: accepted, or refused by allowed_cidrs.",
    "firewall_dropped_packets": "Packets that amphorae dropped, by reason.",
    "firewall_dropped_bytes": "Bytes that amphorae dropped, by reason.",
    "firewall_drifts": "Times an amphora had other rules than applied, or lost an interface.",
    "firewall_repairs": "Times the rules of an amphora were applied again after a drift.",
}


class Counts:
    """The counters of all amphorae that serve, each as its agent told it last."""

    def __init__(self, watched: Callable[[], tuple[Watched, ...]], read: Read) -> None:
        """:param read: asks an agent; raises ProviderError"""
        self._watched = watched
        self._read = read
        self._last: dict[str, Counters] = {}

    def ask(self) -> Counted:
        """Ask all agents, a few at a time. Not to be called twice at the same time.

        :raises ProviderError: DATABASE
        """
        watched = self._watched()
        new: Iterable[Counters | None] = ()
        if watched:
            with ThreadPoolExecutor(min(_AT_ONCE, len(watched)), "counters") as threads:
                new = list(threads.map(self._one, watched))
        # What an agent told before stands until it tells more.
        known = zip((w.amphora_id for w in watched), new, strict=True)
        told = {name: counters or self._last.get(name) for name, counters in known}
        self._last = {name: counters for name, counters in told.items() if counters}
        return self._last

    def _one(self, watched: Watched) -> Counters | None:
        try:
            return self._read(Endpoint(watched.amphora_id, watched.address)).counters
        except ProviderError as error:
            LOG.debug("Amphora %s tells no counters: %s", watched.amphora_id, error.reason)
            return None


class FirewallMetrics(Collector):
    """Reads when it is scraped."""

    def __init__(
        self,
        watched: Callable[[], tuple[Watched, ...]],
        read: Read,
        detail: Detail,
        interval: float,
    ) -> None:
        """:param watched: reads our tables
        :param read: asks an agent
        :param interval: seconds between two questions to the agents
        """
        self._watched = Latest(watched, max_age=0.0, expires=_PATIENCE[0])
        counts = Counts(watched, read)
        self._counted: Latest[Counted] = Latest(counts.ask, interval, interval * EXPIRES)
        self._detail = detail
        self._sums = Sums(detail)

    def describe(self) -> list[Any]:
        """Nothing, so that registering asks nobody."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        watched = self._watched.get(_PATIENCE[0])
        if watched is None:
            return
        yield _states(watched)
        yield self._ages(watched)
        if self._detail is Detail.NONE:
            samples = self._sums.add(self._samples(watched, {}))
        else:
            counted = self._counted.get(_PATIENCE[1]) or {}
            text = "Since amphorae were asked what their firewalls counted."
            age = self._counted.age()
            yield GaugeMetricFamily(f"{PREFIX}firewall_counters_age_seconds", text, value=age)
            samples = self._sums.add(self._samples(watched, counted))
        yield from _families(samples)

    def _samples(self, watched: tuple[Watched, ...], counted: Counted) -> Iterator[Sample]:
        for amphora in watched:
            yield from series.of_looks(amphora)
            if amphora.amphora_id in counted:
                yield from series.of_counters(amphora, counted[amphora.amphora_id])

    def _ages(self, watched: tuple[Watched, ...]) -> GaugeMetricFamily:
        """Of each amphora, or of the one that was not seen for longest."""
        text = "Since an amphora's agent has told which rules are in force."
        labels = {
            Detail.LISTENER: ("load_balancer_id", "amphora_id"),
            Detail.LOAD_BALANCER: ("load_balancer_id",),
        }.get(self._detail, ())
        family = GaugeMetricFamily(f"{PREFIX}firewall_check_age_seconds", text, labels=labels)
        now = utcnow()
        ages: dict[tuple[str, ...], float] = {}
        for amphora in watched:
            if amphora.checked_at is not None:
                key = tuple(getattr(amphora, name) for name in labels)
                ages[key] = max(ages.get(key, 0.0), _seconds(now - amphora.checked_at))
        for key, age in sorted(ages.items()):
            family.add_metric(key, age)
        return family


def _states(watched: Iterable[Watched]) -> GaugeMetricFamily:
    text = "Amphorae that serve by what is known of their rules."
    family = GaugeMetricFamily(f"{PREFIX}firewall_amphorae", text, labels=("state",))
    counts = collections.Counter(state(amphora) for amphora in watched)
    for name in ("in_force", "unreachable", "unknown", "unchecked"):
        family.add_metric((name,), counts[name])
    return family


def state(amphora: Watched) -> str:
    """``unknown``: rules were applied and nobody knows with what success; ``unreachable``: the
    last look got no answer; ``unchecked``: there was none yet; ``in_force``: all is well."""
    if amphora.digest is None:
        return "unknown"
    if amphora.failures:
        return "unreachable"
    return "in_force" if amphora.checked_at else "unchecked"


def _families(samples: Iterable[Sample]) -> Iterator[CounterMetricFamily]:
    families: dict[str, CounterMetricFamily] = {}
    for sample in samples:
        if sample.name not in families:
            names = tuple(name for name, _ in sample.labels)
            families[sample.name] = CounterMetricFamily(
                PREFIX + sample.name, _TEXTS[sample.name], labels=names
            )
        values = tuple(value for _, value in sample.labels)
        families[sample.name].add_metric(values, sample.value)
    yield from families.values()


def _seconds(age: datetime.timedelta) -> float:
    """Clocks of hosts may differ a little."""
    return max(0.0, age.total_seconds())
