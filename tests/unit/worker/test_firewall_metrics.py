"""Scraped over HTTP, as Prometheus does."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.db.firewall_checks import Watched
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.firewall.counts import Count, Counters, ListenerCount
from sriov_provider.metrics import Served, serve
from sriov_provider.worker.firewall_metrics import Counts, FirewallMetrics, state
from sriov_provider.worker.series import Detail
from tests.fakes import errors

# Half an hour, and some minutes for the tests.
SEEN = utcnow() - datetime.timedelta(seconds=1800)
A = Watched("amp-a", "lb", "192.0.2.1", "digest", checked_at=SEEN, drifts=2, repairs=1)
B = Watched("amp-b", "lb", "192.0.2.2", "digest", checked_at=SEEN, failures=3)
COUNTERS = Counters({"drop_new": Count(4, 40)}, {"l": ListenerCount(Count(9, 90), Count(1, 10))})
Samples = dict[tuple[str, tuple[str, ...]], float]
LABELS = (
    "load_balancer_id", "amphora_id", "listener_id", "verdict", "reason", "what", "outcome", "state"
)  # fmt: skip


def values(labels: dict[str, str]) -> tuple[str, ...]:
    """In the order of ``LABELS``."""
    assert set(labels) <= set(LABELS)
    return tuple(labels[name] for name in LABELS if name in labels)


def told(endpoint: Endpoint) -> FirewallState:
    if endpoint.amphora_id == "amp-b":
        raise errors.unreachable()
    return FirewallState("digest", COUNTERS)


class Scrapes:
    """Metrics that are served, and scraped."""

    def __init__(self) -> None:
        self.running: list[Served] = []

    def start(
        self,
        watched: Callable[[], tuple[Watched, ...]] = lambda: (A, B),
        read: Callable[[Endpoint], FirewallState] = told,
        detail: Detail = Detail.LISTENER,
        interval: float = 60.0,
    ) -> None:
        metrics = FirewallMetrics(watched, read, detail, interval)
        self.running.append(serve(metrics, "127.0.0.1:0"))

    def scrape(self) -> Samples:
        url = f"http://127.0.0.1:{self.running[-1].port}/metrics"
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = answer.read().decode()
        return {
            (s.name.removeprefix("octavia_sriov_firewall_"), values(s.labels)): s.value
            for family in text_string_to_metric_families(text)
            for s in family.samples
        }


@pytest.fixture
def scrapes() -> Iterator[Scrapes]:
    made = Scrapes()
    yield made
    for served in made.running:
        served.close()


def test_everything_that_is_known(scrapes: Scrapes) -> None:
    scrapes.start()
    found = scrapes.scrape()
    age = found.pop(("counters_age_seconds", ()))
    assert 0 <= age < 10
    for amphora in ("amp-a", "amp-b"):
        assert 1800 <= found.pop(("check_age_seconds", ("lb", amphora))) < 3600
    assert found == {
        ("amphorae", ("in_force",)): 1,
        ("amphorae", ("unreachable",)): 1,
        ("amphorae", ("unknown",)): 0,
        ("amphorae", ("unchecked",)): 0,
        ("listener_packets_total", ("lb", "amp-a", "l", "accepted")): 9,
        ("listener_packets_total", ("lb", "amp-a", "l", "refused")): 1,
        ("listener_bytes_total", ("lb", "amp-a", "l", "accepted")): 90,
        ("listener_bytes_total", ("lb", "amp-a", "l", "refused")): 10,
        ("dropped_packets_total", ("lb", "amp-a", "new")): 4,
        ("dropped_bytes_total", ("lb", "amp-a", "new")): 40,
        ("drifts_total", ("lb", "amp-a", "rules")): 2,
        ("drifts_total", ("lb", "amp-a", "interface")): 0,
        ("drifts_total", ("lb", "amp-b", "rules")): 0,
        ("drifts_total", ("lb", "amp-b", "interface")): 0,
        ("repairs_total", ("lb", "amp-a", "done")): 1,
        ("repairs_total", ("lb", "amp-a", "failed")): 0,
        ("repairs_total", ("lb", "amp-b", "done")): 0,
        ("repairs_total", ("lb", "amp-b", "failed")): 0,
    }


def test_summed(scrapes: Scrapes) -> None:
    watched = [A]
    scrapes.start(lambda: tuple(watched), detail=Detail.TOTAL)
    found = scrapes.scrape()
    assert found["listener_packets_total", ("accepted",)] == 0
    assert found["drifts_total", ("rules",)] == 0
    assert 1800 <= found["check_age_seconds", ()] < 3600
    watched[0] = dataclasses.replace(A, drifts=5)
    assert scrapes.scrape()["drifts_total", ("rules",)] == 3
    watched.clear()
    assert scrapes.scrape()["drifts_total", ("rules",)] == 3


def test_agents_are_not_asked_when_nobody_wants_their_counters(scrapes: Scrapes) -> None:
    asked: list[Endpoint] = []

    def read(endpoint: Endpoint) -> FirewallState:
        asked.append(endpoint)
        return told(endpoint)

    scrapes.start(read=read, detail=Detail.NONE)
    found = scrapes.scrape()
    assert asked == []
    assert found["amphorae", ("in_force",)] == 1
    assert not [name for name, _ in found if name.startswith(("listener", "dropped", "counters"))]
    scrapes.start(read=read)
    scrapes.scrape()
    scrapes.scrape()
    assert len(asked) == 2  # once each


def test_an_agent_that_hangs_does_not_hang_a_scrape(scrapes: Scrapes) -> None:
    release = threading.Event()

    def hang(endpoint: Endpoint) -> FirewallState:
        release.wait(30)
        return told(endpoint)

    scrapes.start(read=hang)
    began = time.monotonic()
    found = scrapes.scrape()
    assert time.monotonic() - began < 3
    assert found["counters_age_seconds", ()] == float("inf")
    assert found["amphorae", ("unreachable",)] == 1
    release.set()
    deadline = time.monotonic() + 10
    while ("dropped_packets_total", ("lb", "amp-a", "new")) not in scrapes.scrape():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_database_that_is_away_tells_nothing(scrapes: Scrapes) -> None:
    def away() -> tuple[Watched, ...]:
        raise ProviderError(Code.DATABASE, "down", "refused", retriable=True)

    scrapes.start(away)
    assert scrapes.scrape() == {}


def test_what_an_agent_told_stands_until_its_amphora_goes() -> None:
    watched, answers = [A], iter([COUNTERS])

    def read(_endpoint: Endpoint) -> FirewallState:
        for counters in answers:
            return FirewallState("digest", counters)
        raise errors.unreachable()

    counts = Counts(lambda: tuple(watched), read)
    assert counts.ask() == {"amp-a": COUNTERS}
    assert counts.ask() == {"amp-a": COUNTERS}
    watched.clear()
    assert counts.ask() == {}


@pytest.mark.parametrize(
    ("watched", "expected"),
    [
        (A, "in_force"),
        (B, "unreachable"),
        (dataclasses.replace(B, digest=None), "unknown"),
        (dataclasses.replace(A, checked_at=None), "unchecked"),
    ],
)
def test_what_is_known_of_an_amphora(watched: Watched, expected: str) -> None:
    assert state(watched) == expected
