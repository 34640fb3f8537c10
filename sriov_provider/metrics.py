"""Metrics for Prometheus, over HTTP. Imported only by a worker that is told to serve them.

A scrape is answered within seconds whatever the database and the cloud do: both are read by
threads of their own, and what they have not told in time, or not for long, is left out. A gauge
says that it is.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import prometheus_client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sriov_provider.capacity import report, rows
from sriov_provider.capacity.model import Inside, Outside, Report, Verdict
from sriov_provider.capacity.totals import Totals
from sriov_provider.errors import ProviderError

LOG = logging.getLogger(__name__)
T = TypeVar("T")

PREFIX = "octavia_sriov_"
# Seconds a scrape waits for the database and for the cloud; Prometheus itself gives up after ten.
_PATIENCE = 4.0
# How many times its interval an answer of the cloud may be old when no new one comes.
EXPIRES = 5


class Latest(Generic[T]):
    """The newest result of something that may take long, hang or fail."""

    def __init__(self, read: Callable[[], T], max_age: float, expires: float) -> None:
        """:param max_age: seconds after which it is read again
        :param expires: seconds after which an old result is not given any more
        """
        self._read, self._max_age, self._expires = read, max_age, expires
        self._lock = threading.Lock()
        self._done: threading.Event | None = None
        self._value: T | None = None
        self._read_at = float("-inf")

    def get(self, patience: float) -> T | None:
        """:param patience: seconds to wait for a new one
        :returns: None when there is none that is not too old
        """
        with self._lock:
            if time.monotonic() - self._read_at <= self._max_age:
                return self._value
            done = self._done or self._start()
        done.wait(patience)
        with self._lock:
            young = time.monotonic() - self._read_at <= max(self._expires, self._max_age)
            return self._value if young else None

    def age(self) -> float:
        """Seconds since the newest result; infinite when there is none."""
        with self._lock:
            return time.monotonic() - self._read_at

    def _start(self) -> threading.Event:
        self._done = done = threading.Event()
        threading.Thread(target=self._run, args=(done,), name="metrics", daemon=True).start()
        return done

    def _run(self, done: threading.Event) -> None:
        try:
            value = self._read()
            with self._lock:
                self._value, self._read_at = value, time.monotonic()
        except ProviderError as error:
            LOG.warning("Metrics are incomplete: %s", error.reason)
        finally:
            with self._lock:
                self._done = None
            done.set()


class Metrics(Collector):
    """Reads when it is scraped."""

    def __init__(
        self,
        inside: Callable[[], Inside],
        outside: Callable[[Inside], Outside],
        totals: Totals,
        interval: float,
        patience: float = _PATIENCE,
    ) -> None:
        """:param inside: reads our tables
        :param outside: asks the cloud
        :param interval: seconds between two questions to the cloud
        :param patience: seconds a scrape waits for each of the two
        """
        self._inside = Latest(inside, max_age=0.0, expires=patience)
        self._outside = Latest(lambda: outside(self._seen), interval, interval * EXPIRES)
        self._seen = Inside()
        self._totals = totals
        self._patience = patience

    def describe(self) -> list[Any]:
        """Nothing, so that registering asks nobody."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        inside = self._inside.get(self._patience)
        yield _gauge("database_up", "Whether the provider's database answers.", inside is not None)
        if inside is None:
            return
        self._seen = inside
        silent = Outside(unknown=("no service of the cloud answers in time",))
        outside = self._outside.get(self._patience) or silent
        yield _gauge(
            "sources_unknown",
            "Services of the cloud that did not tell what they are asked.",
            len(outside.unknown),
        )
        yield _gauge(
            "cloud_age_seconds", "Since the cloud has told what is shown.", self._outside.age()
        )
        yield _gauge("outbox_depth", "Batches of statuses not delivered.", inside.undelivered)
        yield family(
            "jobs", "Jobs by state.", ("state",), {(s,): n for s, n in inside.jobs.items()}
        )
        yield _held(inside, outside)
        yield from _capacity(report.make(inside, outside, self._totals))


def _held(inside: Inside, outside: Outside) -> GaugeMetricFamily:
    where = rows.places(inside, outside)
    counts = collections.Counter(
        (where[h.id][0] or "", where[h.id][1] or "", h.role.value, h.state.value)
        for h in inside.holdings
    )
    labels = ("physnet", "host", "role", "state")
    return family("vfs_held", "VFs of this provider's ports.", labels, counts)


def _capacity(found: Report) -> Iterator[GaugeMetricFamily]:
    for name, text in (
        ("total", "VFs of a host, for whomever."),
        ("free", "VFs that nobody holds."),
        ("others", "VFs of ports that are not this provider's."),
    ):
        values = {(r.physnet or "", r.host or ""): getattr(r, name) for r in found.rows}
        known = {place: value for place, value in values.items() if value is not None}
        yield family(f"vfs_{name}", text, ("physnet", "host"), known)
    usable = {(r.physnet, r.host): not r.troubles for r in found.rows if r.physnet and r.host}
    text = "Whether nothing is known against new amphorae on a host."
    yield family("host_usable", text, ("physnet", "host"), usable)
    physnets = {p for f in found.failovers for need in f.needs for p in need.vfs}
    counts = {physnet: report.count(found, physnet) for physnet in physnets if physnet}
    for verdict in Verdict:
        of_verdict = {(physnet,): count[verdict] for physnet, count in counts.items()}
        text = f"Load balancers with VFs there whose failover is {verdict.value}."
        yield family(f"failovers_{verdict.value}", text, ("physnet",), of_verdict)
    totals = {(verdict.value,): n for verdict, n in report.count(found).items()}
    text = "Load balancers with VFs by whether they can be failed over."
    yield family("load_balancers", text, ("failover",), totals)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, value=float(value))


def family(name: str, text: str, labels: tuple[str, ...], values: Any) -> GaugeMetricFamily:
    """:param values: number by the labels' values"""
    made = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for where, value in sorted(values.items()):
        made.add_metric(where, float(value))
    return made


@dataclasses.dataclass(frozen=True)
class Served:
    """An HTTP server that runs.

    :ivar port: where, also when it was left to the system (port 0)
    """

    port: int
    server: Any
    thread: threading.Thread

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def serve(metrics: Collector, address: str, *more: Collector) -> Served:
    """:param more: what else is told at each scrape
    :param address: ``ADDRESS:PORT``, an IPv6 address in brackets
    :raises OSError: it cannot be listened on
    :raises ValueError: it is none
    """
    host, _, port = address.rpartition(":")
    registry = prometheus_client.CollectorRegistry()
    for collector in (metrics, *more):
        registry.register(collector)
    name = host.strip("[]") or "127.0.0.1"
    server, thread = prometheus_client.start_http_server(int(port), name, registry)
    return Served(server.server_port, server, thread)
