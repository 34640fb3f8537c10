"""Scraped over HTTP, as Prometheus does."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sriov_provider.capacity import totals
from sriov_provider.capacity.model import Inside, Outside
from sriov_provider.errors import Code, ProviderError
from sriov_provider.metrics import Latest, Metrics, Served, serve
from sriov_provider.records import PortRole, PortState
from tests.unit.capacity.parts import holding, outside

Samples = dict[tuple[str, tuple[str, ...]], float]
INSIDE = Inside(
    (
        holding(1),
        holding(2, role=PortRole.MEMBER),
        holding(3, role=PortRole.MEMBER, state=PortState.LEAKED, load_balancer_id="gone"),
        holding(4, load_balancer_id="lb2", network_id="net2", host="compute2"),
    ),
    jobs={"pending": 2, "running": 1, "done": 7, "failed": 0},
    undelivered=3,
)
OUTSIDE = outside(("theirs", "compute2", "physnet1"), hosts_down={"compute1": "it is disabled"})
TOTALS = totals.parse(["physnet1:8"])
LABELS = ("physnet", "host", "role", "state", "failover")
Start = Callable[..., Served]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Served] = []

    def start(
        inside: Callable[[], Inside] = lambda: INSIDE,
        cloud: Callable[[Inside], Outside] = lambda _inside: OUTSIDE,
        interval: float = 60.0,
        patience: float = 5.0,
    ) -> Served:
        running.append(serve(Metrics(inside, cloud, TOTALS, interval, patience), "127.0.0.1:0"))
        return running[-1]

    yield start
    for served in running:
        served.close()


def values(labels: Mapping[str, str]) -> tuple[str, ...]:
    """In the order of ``LABELS``."""
    assert set(labels) <= set(LABELS)
    return tuple(labels[name] for name in LABELS if name in labels)


def scrape(served: Served) -> Samples:
    """Value by name, without prefix, and label values."""
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {
        (sample.name.removeprefix("octavia_sriov_"), values(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    return {labels: value for (n, labels), value in samples.items() if n == name}


def test_everything_that_is_known(start: Start) -> None:
    samples = scrape(start())
    assert of(samples, "vfs_held") == {
        ("physnet1", "compute1", "vip", "attached"): 1,
        ("physnet1", "compute1", "member", "attached"): 1,
        ("physnet1", "compute1", "member", "leaked"): 1,
        ("physnet2", "compute2", "vip", "attached"): 1,
    }
    assert of(samples, "vfs_total") == {("physnet1", "compute1"): 8, ("physnet1", "compute2"): 8}
    assert of(samples, "vfs_free") == {("physnet1", "compute1"): 5, ("physnet1", "compute2"): 7}
    assert of(samples, "vfs_others")["physnet1", "compute2"] == 1
    assert of(samples, "host_usable")["physnet1", "compute1"] == 0
    assert of(samples, "host_usable")["physnet1", "compute2"] == 1
    assert of(samples, "failovers_possible") == {("physnet1",): 1, ("physnet2",): 0}
    assert of(samples, "failovers_impossible") == {("physnet1",): 0, ("physnet2",): 0}
    assert of(samples, "failovers_unknown") == {("physnet1",): 0, ("physnet2",): 1}
    verdicts = {("possible",): 1, ("impossible",): 0, ("unknown",): 1}
    assert of(samples, "load_balancers") == verdicts
    states = {("pending",): 2, ("running",): 1, ("done",): 7, ("failed",): 0}
    assert of(samples, "jobs") == states
    assert (samples["outbox_depth", ()], samples["database_up", ()]) == (3, 1)
    assert samples["sources_unknown", ()] == 0
    assert 0 <= samples["cloud_age_seconds", ()] < 5


def test_a_cloud_that_is_away_is_absent_and_counted(start: Start) -> None:
    away = Outside(unknown=("Neutron: no answer", "Nova: no answer"))
    samples = scrape(start(cloud=lambda _inside: away))
    assert samples["sources_unknown", ()] == 2
    assert (of(samples, "vfs_free"), of(samples, "vfs_total")) == ({}, {})
    assert of(samples, "vfs_held")["", "compute1", "vip", "attached"] == 1
    assert of(samples, "load_balancers")["unknown",] == 2


def test_a_cloud_that_hangs_does_not_hang_a_scrape(start: Start) -> None:
    release = threading.Event()

    def hang(_inside: Inside) -> Outside:
        release.wait(30)
        return OUTSIDE

    served = start(cloud=hang, patience=0.2)
    began = time.monotonic()
    samples = scrape(served)
    assert time.monotonic() - began < 5
    assert samples["sources_unknown", ()] == 1
    assert samples["cloud_age_seconds", ()] == float("inf")
    assert of(samples, "vfs_free") == {}
    release.set()
    deadline = time.monotonic() + 10
    while not of(scrape(served), "vfs_free"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_cloud_is_not_asked_at_every_scrape(start: Start) -> None:
    asked: list[Inside] = []

    def cloud(inside: Inside) -> Outside:
        asked.append(inside)
        return OUTSIDE

    served = start(cloud=cloud)
    first, second = scrape(served), scrape(served)
    assert second.pop(("cloud_age_seconds", ())) > first.pop(("cloud_age_seconds", ()))
    assert first == second
    assert asked == [INSIDE]


def test_a_database_that_is_away_leaves_one_gauge(start: Start) -> None:
    def away() -> Inside:
        raise ProviderError(Code.DATABASE, "down", "refused", retriable=True)

    assert scrape(start(inside=away)) == {("database_up", ()): 0}


def test_a_database_that_hangs_leaves_one_gauge(start: Start) -> None:
    release = threading.Event()

    def hang() -> Inside:
        release.wait(30)
        return INSIDE

    assert scrape(start(inside=hang, patience=0.1)) == {("database_up", ()): 0}
    release.set()


def test_old_results_are_given_for_a_while_only() -> None:
    answers = iter([1])

    def once() -> int:
        for answer in answers:
            return answer
        raise ProviderError(Code.CLOUD_ERROR, "down", "no answer")

    latest = Latest(once, max_age=0.0, expires=0.2)
    assert latest.get(5) == 1
    assert latest.get(5) == 1
    time.sleep(0.25)
    assert latest.get(5) is None


def test_two_scrapes_at_once_read_once() -> None:
    release, reads = threading.Event(), []

    def read() -> int:
        reads.append(1)
        release.wait(10)
        return 7

    latest = Latest(read, max_age=60.0, expires=60.0)
    found: list[int | None] = []
    threads = [threading.Thread(target=lambda: found.append(latest.get(10))) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    release.set()
    for thread in threads:
        thread.join()
    assert (found, reads) == ([7, 7, 7], [1])


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:http", "192.0.2.1:0"])
def test_an_address_that_cannot_be_served_is_refused(address: str) -> None:
    with pytest.raises((OSError, ValueError)):
        serve(Metrics(Inside, lambda _: Outside(), TOTALS, 60.0), address)


def test_ipv6() -> None:
    served = serve(Metrics(Inside, lambda _: Outside(), TOTALS, 60.0), "[::1]:0")
    try:
        with urllib.request.urlopen(f"http://[::1]:{served.port}/metrics", timeout=20) as answer:
            assert b"octavia_sriov_database_up 1.0" in answer.read()
    finally:
        served.close()
