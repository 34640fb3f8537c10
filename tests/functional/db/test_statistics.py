"""Listener statistics from heartbeats to Octavia, on every supported database."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
from typing import Any

import pytest
from octavia_lib.api.drivers.exceptions import UpdateStatisticsError

from sriov_provider.db import children, inventory, models, statistics
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.health import message
from sriov_provider.health.message import Counted
from sriov_provider.health.writer import Writer
from sriov_provider.status.statistics import LEASE_SECONDS, Statistics
from tests.functional.db.amphorae import fill, rows
from tests.unit.health.beats import beat, stats


class Octavia:
    """:ivar heard: each call's statistics
    :ivar deaf: what calls fail with
    """

    def __init__(self) -> None:
        self.heard: list[list[dict[str, Any]]] = []
        self.deaf: Exception | None = None

    def send(self, told: dict[str, Any]) -> None:
        if self.deaf:
            raise self.deaf
        self.heard.append(told["listeners"])


@pytest.fixture
def octavia() -> Octavia:
    return Octavia()


def total(**values: int) -> dict[str, Any]:
    zero = dict.fromkeys(
        ("bytes_in", "bytes_out", "total_connections", "request_errors", "active_connections"), 0
    )
    return {"id": "listener", **zero, **values}


def test_what_amphorae_add_octavia_hears_as_totals(sessions: Sessions, octavia: Octavia) -> None:
    fill(sessions, amphorae=("a", "b"))
    writer, sender = Writer(sessions, 60), Statistics(sessions, octavia.send)
    moved = stats(rx=1, tx=2, totconns=3, ereq=4, conns=5)
    writer.write([beat("a", 0, stats=moved), beat("b", 0, stats=moved)])
    assert sender.deliver_pending() == 1
    writer.write([beat("a", 1, 1, stats=moved), beat("b", 1, 1)])
    assert sender.deliver_pending() == 1
    assert sender.deliver_pending() == 0
    first = total(
        bytes_in=2, bytes_out=4, total_connections=6, request_errors=8, active_connections=10
    )
    second = total(
        bytes_in=3, bytes_out=6, total_connections=9, request_errors=12, active_connections=5
    )
    assert octavia.heard == [[first], [second]]


def test_nonsense_does_not_keep_others_from_being_written(
    sessions: Sessions, octavia: Octavia
) -> None:
    """Who has the key can tell any number."""
    fill(sessions)
    most, writer = 2**62 - 1, Writer(sessions, 60)
    for n in range(5):
        told = beat(sequence=n, seconds=n, stats=stats(rx=most, conns=most))
        more = message.Counted(received=100 * most)
        written = writer.write([dataclasses.replace(told, counted={"other": more, **told.counted})])
        assert written.accepted == 1
    Statistics(sessions, octavia.send).deliver_pending()
    assert 0 < octavia.heard[0][0]["bytes_in"] < 2**63


def test_listeners_at_rest_are_not_told_of(sessions: Sessions, octavia: Octavia) -> None:
    fill(sessions)
    writer, sender = Writer(sessions, 60), Statistics(sessions, octavia.send)
    for n in range(3):
        writer.write([beat(sequence=n, seconds=n)])
        assert sender.deliver_pending() == 0
    assert rows(sessions, models.ListenerStatistics) == []


def test_any_number_of_listeners_may_be_at_rest(sessions: Sessions) -> None:
    """More than a statement takes parameters, two for each."""
    fill(sessions)
    number = 33_000

    def at_rest(counted: Counted, names: list[str]) -> None:
        some = [statistics.Told(name, "amp", "lb", counted) for name in names]
        sessions.run(lambda s: statistics.add(s, some))

    at_rest(Counted(active=1), ["l0", f"l{number - 1}"])
    at_rest(Counted(), [f"l{n}" for n in range(number)])
    assert [r.active_connections for r in rows(sessions, models.ListenerStatistics)] == [0, 0]


def test_totals_outlive_amphorae_but_their_connections_do_not(
    sessions: Sessions, octavia: Octavia
) -> None:
    fill(sessions, amphorae=("a", "b"))
    writer, sender = Writer(sessions, 60), Statistics(sessions, octavia.send)
    writer.write([beat("a", stats=stats(rx=100, conns=7)), beat("b", stats=stats(rx=1, conns=2))])
    sessions.run(lambda s: inventory.delete_amphora(s, "a"))
    sender.deliver_pending()
    assert octavia.heard == [[total(bytes_in=101, active_connections=2)]]


@pytest.mark.parametrize(
    "fault",
    [
        UpdateStatisticsError(fault_string="no"),
        ProviderError(Code.CLOUD_ERROR, "u", "no driver-agent", retriable=True),
    ],
    ids=["refused", "away"],
)
def test_what_octavia_did_not_take_it_hears_later(
    sessions: Sessions, octavia: Octavia, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    fill(sessions)
    writer, sender = Writer(sessions, 60), Statistics(sessions, octavia.send)
    writer.write([beat(stats=stats(rx=1))])
    octavia.deaf = fault
    assert [sender.deliver_pending() for _ in range(3)] == [0, 0, 0]
    assert caplog.text.count("has not taken statistics") == 1
    octavia.deaf = None
    assert sender.deliver_pending() == 1
    assert octavia.heard == [[total(bytes_in=1)]]


def test_what_is_counted_while_octavia_is_told_is_told_next(
    sessions: Sessions, octavia: Octavia
) -> None:
    fill(sessions)
    writer = Writer(sessions, 60)
    writer.write([beat(stats=stats(rx=1))])

    def send(told: dict[str, Any]) -> None:
        if not octavia.heard:
            writer.write([beat(sequence=1, seconds=1, stats=stats(rx=1))])
        octavia.send(told)

    assert Statistics(sessions, send).deliver_pending() == 2
    assert [heard[0]["bytes_in"] for heard in octavia.heard] == [1, 2]


@pytest.mark.parametrize(("ago", "told"), [(LEASE_SECONDS - 30, 0), (LEASE_SECONDS + 30, 1)])
def test_what_a_process_took_and_never_told_others_tell(
    sessions: Sessions, octavia: Octavia, ago: float, told: int
) -> None:
    fill(sessions)
    Writer(sessions, 60).write([beat(stats=stats(rx=1))])
    taken = utcnow() - datetime.timedelta(seconds=ago)
    mine = sessions.run(lambda s: statistics.claim(s, "dead", taken, LEASE_SECONDS, 10))
    assert mine == ("listener",)
    assert Statistics(sessions, octavia.send).deliver_pending() == told


def test_processes_share_the_listeners(sessions: Sessions, url: str, octavia: Octavia) -> None:
    told = [
        statistics.Told(f"l{n:04}", "amp", "lb", Counted(received=1, active=n)) for n in range(500)
    ]
    fill(sessions)
    sessions.run(lambda s: statistics.add(s, told))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        senders = [Statistics(Sessions(url), octavia.send) for _ in range(3)]
        assert sum(pool.map(lambda s: s.deliver_pending(), senders)) >= 500
    # None of them is a listener of this load balancer: nothing is told, nothing waits.
    assert octavia.heard == []
    assert not sessions.read(lambda s: statistics.waiting(s, utcnow(), LEASE_SECONDS))


def test_a_listener_that_goes_is_forgotten(sessions: Sessions) -> None:
    fill(sessions)
    Writer(sessions, 60).write([beat(stats=stats(rx=1))])
    sessions.run(lambda s: children.forget(s, ["member"]))
    assert len(rows(sessions, models.ListenerStatistics)) == 1
    sessions.run(lambda s: children.forget(s, ["listener"]))
    assert rows(sessions, models.ListenerStatistics) == []
