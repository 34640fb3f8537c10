"""The worker process: polls, runs, delivers, stops."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from octavia.amphorae.backends.health_daemon import status_message

from sriov_provider import config
from sriov_provider.amphora import octavia_config
from sriov_provider.db.models import Outbox as Batch
from sriov_provider.db.types import utcnow
from sriov_provider.rpc import server
from sriov_provider.worker import service
from sriov_provider.worker.run import Services
from tests.unit.health import beats
from tests.unit.worker.harness import SETTINGS, World

# Seconds between two looks at a firewall.
LOOKS = 0.5


class Listener:
    """Stands in for the message server: no broker in a unit test."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def wait(self) -> None: ...


class Agent:
    """The harness's driver-agent, as the worker calls it."""

    def __init__(self, world: World) -> None:
        self.get_tree = world.agent.get_loadbalancer
        self.update_status = world.agent.update_loadbalancer_status
        self.statistics: list[Any] = []

    def update_statistics(self, statistics: dict[str, Any]) -> None:
        self.statistics += statistics["listeners"]

    def exists(self, *_: object) -> bool:
        return True


@pytest.fixture
def worker(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[service.Worker]:
    monkeypatch.undo()  # real time
    file = tmp_path / "octavia.conf"
    file.write_text(
        "[sriov_provider]\n"
        f"database_connection = sqlite:///{tmp_path / 'provider.sqlite'}\n"
        "poll_interval = 0.1\noutbox_interval = 0.1\nworker_threads = 2\n"
        f"firewall_check_interval = {LOOKS}\n"
        "lease_seconds = 20\nheartbeat_bind = 127.0.0.1:0\n[health_manager]\nheartbeat_key = key\n"
    )
    settings = dataclasses.replace(SETTINGS, firewall_check_interval=LOOKS)
    fakes = Services(world.cloud, world.cloud, world.amphora, world.amphora, settings)
    monkeypatch.setattr(service, "services", lambda *_: fakes)
    monkeypatch.setattr(service, "AgentClient", lambda *_: Agent(world))
    monkeypatch.setattr(server, "build", lambda *_: Listener())
    yield service.Worker(config.parse([str(file)]))


def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Running:
    """A worker in a thread."""

    def __init__(self, worker: service.Worker) -> None:
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(worker,))

    def _run(self, worker: service.Worker) -> None:
        try:
            worker.run(self.stop)
        except BaseException as error:
            self.error = error

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def test_a_job_nobody_was_woken_for_is_found_and_its_status_delivered(
    world: World, worker: service.Worker
) -> None:
    with Running(worker) as running:
        lb = world.create_load_balancer()
        until(lambda: world.agent.provisioning(lb) == "ACTIVE")
    assert running.error is None


def test_statuses_of_a_worker_that_dies_wait_no_longer_than_its_jobs(
    world: World, worker: service.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def left(_statuses: object) -> None:
        row = world.sessions.read(lambda session: session.scalars(sa.select(Batch)).one())
        seen.append((row.lease_expires - utcnow()).total_seconds())

    monkeypatch.setattr(worker._outbox, "_send", left)
    with Running(worker):
        world.create_load_balancer()
        until(lambda: bool(seen))
    assert 0 < seen[0] <= 20


def test_a_wake_up_runs_the_job_it_names(world: World, worker: service.Worker) -> None:
    lb = world.create_load_balancer()
    job = world.sessions.read(lambda s: service.jobs.unfinished(s, lb))[0]
    worker.wake(job.id)
    until(lambda: world.agent.provisioning(lb) == "ACTIVE")


def test_one_job_at_a_time_takes_few_threads(world: World, worker: service.Worker) -> None:
    """A create has more than ten tasks, and never more than a few at once."""
    with Running(worker):
        lb = world.create_load_balancer()
        until(lambda: world.agent.provisioning(lb) == "ACTIVE")
        names = [thread.name for thread in threading.enumerate()]
    assert 1 <= len([name for name in names if name.startswith("task")]) <= 4


def test_a_firewall_that_drifted_is_repaired_without_being_asked(
    world: World, worker: service.Worker
) -> None:
    with Running(worker) as running:
        lb = world.create_load_balancer()
        until(lambda: world.agent.provisioning(lb) == "ACTIVE")
        inside, heard = world.inside(lb), len(world.agent.updates)
        for _ in range(3):
            inside.meddled = "of somebody else"
            until(lambda: inside.meddled is None)
    assert running.error is None
    assert len(world.agent.updates) == heard


def _beat(worker: service.Worker, amphora_id: str, sequence: int, **said: Any) -> None:
    assert worker._health is not None
    datagram = status_message.wrap_envelope(beats.said(amphora_id, sequence, **said), "key")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(datagram, worker._health.receiver.names[0])


def test_heartbeats_are_heard_and_octavia_is_told(world: World, worker: service.Worker) -> None:
    with Running(worker) as running:
        lb = world.create_load_balancer()
        until(lambda: world.agent.provisioning(lb) == "ACTIVE")
        listener = world.add_listener(lb)
        until(lambda: world.agent.provisioning(listener) == "ACTIVE")
        amphora = world.only_amphora(lb)
        full = {"status": "FULL", "stats": beats.stats(rx=5)}
        _beat(worker, amphora.id, 1, listeners={listener: full}, pools={})
        until(lambda: world.agent.operating(lb) == "DEGRADED")
        assert world.agent.operating(listener) == "DEGRADED"
        until(lambda: worker._agent.statistics)  # type: ignore[attr-defined]
        # The job has said which listeners there shall be.
        _beat(worker, amphora.id, 2, listeners={}, pools={})
        until(lambda: world.agent.operating(listener) == "ERROR")
        # The next job leaves it at that; the next heartbeat may know better.
        world.update(listener, name="new")
        until(lambda: world.agent.provisioning(listener) == "ACTIVE")
        assert world.agent.operating(listener) == "ERROR"
        _beat(worker, amphora.id, 3, listeners={listener: full}, pools={})
        until(lambda: world.agent.operating(listener) == "DEGRADED")
    assert running.error is None
    told = worker._agent.statistics[0]  # type: ignore[attr-defined]
    assert (told["id"], told["bytes_in"]) == (listener, 5)


@pytest.mark.parametrize("wish", [{"bind": ()}, {"in_worker": False}], ids=str)
def test_nobody_listens_if_so_wished(worker: service.Worker, wish: dict[str, Any]) -> None:
    health = dataclasses.replace(worker.settings.health, **wish)
    worker.settings = dataclasses.replace(worker.settings, health=health)
    assert worker._health_manager(service.Counts()) is None


def test_nobody_looks_if_so_wished(
    world: World, worker: service.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = dataclasses.replace(worker.settings, firewall_check_interval=0.0)
    monkeypatch.setattr(worker, "settings", never)
    with Running(worker):
        until(lambda: any(t.name == "outbox" for t in threading.enumerate()))
        assert not [t.name for t in threading.enumerate() if t.name == "firewall"]


def test_a_worker_that_ends_leaves_a_repair_to_the_others(worker: service.Worker) -> None:
    worker._jobs.shutdown()
    worker._hint("job")
    with pytest.raises(RuntimeError):
        worker.wake("job")


def test_stopping_finishes_the_job_at_hand(
    world: World, worker: service.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()
    boot = world.cloud.create_server

    def slowly(spec: Any) -> Any:
        begun.set()
        time.sleep(0.5)
        return boot(spec)

    monkeypatch.setattr(world.cloud, "create_server", slowly)
    with Running(worker):
        lb = world.create_load_balancer()
        assert begun.wait(30)
    assert world.agent.provisioning(lb) == "ACTIVE"


def test_stopping_leaves_what_is_not_begun_to_others(
    world: World, worker: service.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun = threading.Event(), threading.Semaphore(0)
    boot = world.cloud.create_server

    def slowly(spec: Any) -> Any:
        begun.release()
        assert go.wait(30)
        return boot(spec)

    monkeypatch.setattr(world.cloud, "create_server", slowly)
    balancers = [world.create_load_balancer() for _ in range(4)]
    with Running(worker) as running:
        assert begun.acquire(timeout=30) and begun.acquire(timeout=30)
        running.stop.set()
        until(worker.leaving.is_set)
        go.set()
    states = sorted(world.agent.provisioning(lb) for lb in balancers)
    assert states == ["ACTIVE", "ACTIVE", "PENDING_CREATE", "PENDING_CREATE"]


def test_a_worker_whose_thread_died_ends(
    worker: service.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_deliver", lambda: None)
    with Running(worker) as running:
        until(lambda: not running.thread.is_alive())
    assert "outbox" in str(running.error)


def test_a_defect_in_a_run_is_logged(
    worker: service.Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_job_id: str | None) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(worker, "_drain", broken)
    with caplog.at_level(logging.ERROR):
        worker.wake("job")
        until(lambda: "a defect" in caplog.text)


def test_sigterm_stops_a_provider_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[bool] = []

    def run(files: tuple[str, ...], stop: service.Event) -> None:
        seen.append(stop.is_set())
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append(stop.wait(0.1))

    monkeypatch.setattr(service, "run", run)
    monkeypatch.setattr(config, "files_in_use", lambda _conf: ())
    try:
        service.provider_agent(threading.Event())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [False, True]


def test_octavia_reads_its_settings_before_the_worker_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    class Built:
        def __init__(self, conf: object, counts: object) -> None:
            order.append("worker")

        def run(self, stop: object) -> None:
            order.append("run")

    monkeypatch.setattr(octavia_config, "init", lambda files: order.append("octavia"))
    monkeypatch.setattr(service, "Worker", Built)
    service.run((), threading.Event())
    assert order == ["octavia", "worker", "run"]
