"""A whole health manager: sockets, threads, database, and Octavia's own sender of heartbeats."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from octavia.amphorae.backends.health_daemon import health_sender, status_message
from octavia.common import config as octavia_config
from oslo_config import cfg
from oslo_config import fixture as oslo_fixture

from sriov_provider.config_health import Health
from sriov_provider.db import heartbeats, jobs, models
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.health.counts import Counts
from sriov_provider.health.manager import HealthManager
from sriov_provider.health.policy import Verdict
from sriov_provider.health.receiver import Receiver
from sriov_provider.health.refused import Why
from sriov_provider.records import ObjectType
from tests.functional.db.amphorae import fill, rows, told
from tests.unit.health.beats import said, stats

KEY = "a key of amphorae"
BOTH = ("127.0.0.1:0", "[::1]:0")


def until(seen: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextlib.contextmanager
def running(manager: HealthManager) -> Iterator[HealthManager]:
    manager.open()
    stop = threading.Event()
    threads = list(manager.threads(stop))
    for thread in threads:
        thread.start()
    try:
        yield manager
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        manager.close()


@pytest.fixture
def sender() -> Iterator[Callable[[HealthManager], health_sender.UDPStatusSender]]:
    """Octavia's own, sending to all addresses of a health manager in turn."""
    settings = oslo_fixture.Config(cfg.CONF)
    settings.setUp()
    assert octavia_config  # registers the options

    def made(manager: HealthManager) -> health_sender.UDPStatusSender:
        names = [(f"[{h}]" if ":" in h else h, p) for h, p in manager.receiver.names]
        settings.config(
            group="health_manager",
            heartbeat_key=KEY,
            controller_ip_port_list=[f"{host}:{port}" for host, port in names],
        )
        return health_sender.UDPStatusSender()

    yield made
    settings.cleanUp()


def test_heartbeats_over_both_families_end_in_the_database(
    sessions: Sessions, sender: Callable[[HealthManager], health_sender.UDPStatusSender]
) -> None:
    fill(sessions)
    counts = Counts()
    with running(HealthManager(sessions, Health(bind=BOTH, key=KEY), counts)) as manager:
        agent = sender(manager)
        for sequence in range(6):
            agent.dosend(said(sequence=sequence, stats=stats(rx=10)))
            time.sleep(0.1)  # of two sockets no one knows which one is read first
        until(lambda: rows(sessions, models.Heartbeat))
        agent.dosend(said(sequence=6))
        until(lambda: rows(sessions, models.Heartbeat)[0].sequence == 6)
    assert told(sessions) == [
        {"lb": "ONLINE", "listener": "ONLINE", "pool": "ONLINE", "member": "ONLINE"}
    ]
    assert [row.bytes_in for row in rows(sessions, models.ListenerStatistics)] == [60]
    assert sum(counts.refused.values()) == 0


def test_what_is_no_heartbeat_of_ours_is_counted_and_ignored(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    fill(sessions)
    counts = Counts()
    with running(HealthManager(sessions, Health(bind=BOTH, key=KEY), counts)) as manager:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with one:
            one.connect(manager.receiver.names[0])
            for wrapped in (
                b"",
                b"noise",
                status_message.wrap_envelope(said(), "another key"),
                status_message.wrap_envelope(["no heartbeat"], KEY),
                status_message.wrap_envelope(said(ver=2), KEY),
                status_message.wrap_envelope(said("stranger"), KEY),
                status_message.wrap_envelope(said(sequence=2), KEY),
                status_message.wrap_envelope(said(sequence=2), KEY),
                status_message.wrap_envelope(said(sequence=1), KEY),
            ):
                one.send(wrapped)
            until(lambda: counts.accepted)
            one.send(status_message.wrap_envelope(said(sequence=2), KEY))
            until(lambda: counts.refused[Why.REPLAY] == 3)
    assert {why: n for why, n in counts.refused.items() if n} == {
        Why.SIGNATURE: 3,
        Why.MALFORMED: 1,
        Why.VERSION: 1,
        Why.UNKNOWN: 1,
        Why.REPLAY: 3,
    }
    assert rows(sessions, models.Heartbeat)[0].sequence == 2
    assert KEY not in caplog.text
    # others may still be looking for their broker
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("sriov_provider")]
    assert not [text for text in ours if "refused" in text], "one line a minute, not one a packet"


def test_an_amphora_that_falls_silent_is_replaced(sessions: Sessions) -> None:
    fill(sessions, amphorae=("a", "b"))
    counts, woken = Counts(), []
    health = Health(bind=BOTH[:1], key=KEY, timeout=3.0, check_interval=0.2)
    with running(HealthManager(sessions, health, counts, woken.append)) as manager:
        silent, sequence = False, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(manager.receiver.names[0])
            while not woken:
                for name in ("a",) if silent else ("a", "b"):
                    one.send(status_message.wrap_envelope(said(name, sequence), KEY))
                silent, sequence = silent or sequence >= 4, sequence + 1
                assert sequence < 120
                time.sleep(0.25)
    (job,) = sessions.read(lambda s: jobs.unfinished(s, "lb"))
    assert (job.object_type, job.object_id) == (ObjectType.AMPHORA, "b")
    assert woken == [job.id]
    assert counts.failovers == 1
    assert set(counts.verdicts) == set(Verdict)


def test_two_processes_may_listen_on_the_same_port() -> None:
    first = Receiver(BOTH[:1], KEY, Counts())
    first.open()
    second = Receiver([f"127.0.0.1:{first.names[0][1]}"], KEY, Counts())
    second.open()
    assert first.names == second.names
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("bind", "key"),
    [
        (["127.0.0.1"], KEY),
        (["127.0.0.1:port"], KEY),
        (["name.example:5555"], KEY),
        (["192.0.2.77:5555"], KEY),
        (["127.0.0.1:0"], ""),
    ],
    ids=["no port", "no number", "a name", "not here", "no key"],
)
def test_where_nothing_can_be_heard_is_explained(bind: list[str], key: str) -> None:
    with pytest.raises(ProviderError) as raised:
        Receiver(bind, key, Counts()).open()
    assert raised.value.reason.code is Code.CONFIGURATION


def test_a_database_that_is_away_is_outlived(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    """What was heard meanwhile is lost, and silence says nothing for a while after."""
    fill(sessions)
    health = Health(bind=BOTH[:1], key=KEY, check_interval=0.2)
    manager = HealthManager(sessions, health, Counts())
    manager.receiver.hear(status_message.wrap_envelope(said(), KEY))
    before = manager._failovers._listening_since

    def rename(old: str, new: str) -> None:
        with sessions.engine.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("heartbeat", "elsewhere")
    manager.write()
    rename("elsewhere", "heartbeat")
    assert "1 heartbeats are lost" in caplog.text
    assert manager._failovers._listening_since > before
    manager.receiver.hear(status_message.wrap_envelope(said(sequence=1), KEY))
    manager.write()
    assert sessions.read(lambda s: heartbeats.known(s, ["amp"]))["amp"].sequence == 1
