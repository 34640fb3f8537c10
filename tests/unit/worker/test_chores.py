"""Housekeeping that one of all workers does."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sriov_provider import config
from sriov_provider.cloud import Cloud
from sriov_provider.db import chores as db
from sriov_provider.sweep.cloud import Belongings
from sriov_provider.sweep.sweeper import Sweeper
from sriov_provider.worker import chores, housekeeping
from sriov_provider.worker.chores import Chore, Chores
from sriov_provider.worker.sweeps import Sweeps
from tests.fakes import errors
from tests.fakes.services import Services
from tests.unit.sweep import world as cloud
from tests.unit.sweep.world import LIVING, group, port
from tests.unit.worker.harness import World

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)


def after(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


class Work:
    def __init__(self, *failures: Exception) -> None:
        self.times, self.failures = 0, list(failures)

    def __call__(self) -> Mapping[str, Any]:
        self.times += 1
        if self.failures:
            raise self.failures.pop()
        return {"times": self.times}


def found(world: World) -> Mapping[str, Any] | None:
    result = world.sessions.read(db.results).get("tidy")
    return result and result.found


def test_once_in_an_interval_by_whichever_worker(world: World) -> None:
    work = Work()
    chore = Chore("tidy", 60.0, work)
    one, other = (Chores(world.sessions, [chore]) for _ in range(2))
    assert one.look(chore, NOW)
    assert not other.look(chore, after(59))
    assert other.look(chore, after(60))
    assert not one.look(chore, after(61))
    assert (work.times, found(world)) == (2, {"times": 2})


def test_nobody_else_does_it_meanwhile_and_a_dead_worker_is_followed(world: World) -> None:
    work = Work()
    chore = Chore("tidy", 60.0, work)
    other = Chores(world.sessions, [chore])

    def dies() -> Mapping[str, Any]:
        assert not other.look(chore, after(3599))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Chores(world.sessions, []).look(Chore("tidy", 60.0, dies), NOW)
    assert found(world) is None
    assert not other.look(chore, after(3599))
    assert other.look(chore, after(3600))


def test_what_fails_is_done_at_the_next_time(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    chore = Chore("tidy", 60.0, Work(errors.timeout()))
    chores_ = Chores(world.sessions, [chore])
    assert chores_.look(chore, NOW)
    assert "Housekeeping of tidy was not done" in caplog.text
    assert found(world) is None
    assert not chores_.look(chore, after(59))
    assert chores_.look(chore, after(60))
    assert found(world) == {"times": 2}


def test_a_database_that_is_away(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise errors.timeout()

    monkeypatch.setattr(db, "take", away)
    chore = Chore("tidy", 60.0, Work())
    assert not Chores(world.sessions, [chore]).look(chore, NOW)
    assert "Housekeeping of tidy has to wait" in caplog.text


def test_the_thread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "_TICK", 0.01)
    stop, never = threading.Event(), Work()
    done = threading.Event()

    def work() -> Mapping[str, Any]:
        done.set()
        return {}

    made = Chores(world.sessions, [Chore("tidy", 60.0, work), Chore("never", 0.0, never)])
    thread = threading.Thread(target=made.keep, args=(stop,))
    thread.start()
    assert done.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert never.times == 0


def test_nothing_to_do(world: World) -> None:
    assert not Chores(world.sessions, [Chore("never", 0.0, Work())])
    assert Chores(world.sessions, [Chore("tidy", 1.0, Work())])


class TestSweeps:
    """The sweep against services over HTTP."""

    @pytest.fixture
    def sweeper(self, tmp_path: Path, world: World) -> Any:
        world.sessions.run(cloud.fill)
        strays = {"ports": (port("stray"),), "groups": (group("stray-group"),)}
        with Services() as services:
            cloud.answer(services, **{**LIVING, **{k: LIVING[k] + v for k, v in strays.items()}})
            services.answer_first("DELETE", f"{cloud.NEUTRON}/security-groups/stray-group", {}, 409)
            made = Sweeper(world.sessions, Belongings(Cloud(services.conf(tmp_path))), 3600)
            yield services, made

    def test_what_is_left_behind_is_deleted(
        self, sweeper: tuple[Services, Sweeper], caplog: pytest.LogCaptureFixture
    ) -> None:
        services, made = sweeper
        assert Sweeps(made, dry_run=False)() == {
            "leaked": {"port": 1, "security-group": 1},
            "deleted": {"port": 1},
            "missing": {},
        }
        assert len(services.calls(method="DELETE")) == 2
        assert f"port stray (octavia-lb-vrrp-{cloud.STRAY}) of load balancer" in caplog.text

    def test_or_only_told_and_once(
        self, sweeper: tuple[Services, Sweeper], caplog: pytest.LogCaptureFixture
    ) -> None:
        services, made = sweeper
        sweeps = Sweeps(made, dry_run=True)
        for _ in range(2):
            assert sweeps()["leaked"] == {"port": 1, "security-group": 1}
        assert sweeps()["deleted"] == {}
        assert services.calls(method="DELETE") == []
        assert len([m for m in caplog.messages if "is left behind" in m]) == 2

    def test_what_is_missing(
        self, sweeper: tuple[Services, Sweeper], caplog: pytest.LogCaptureFixture
    ) -> None:
        services, made = sweeper
        services.answer_first("GET", f"{cloud.NOVA}/servers/detail", {"servers": []}, 200)
        services.answer_first("GET", f"{cloud.NOVA}/servers/live-server", {}, 404)
        assert Sweeps(made, dry_run=True)()["missing"] == {"server": 1}
        assert "server live-server of load balancer" in caplog.text


@pytest.mark.parametrize(
    ("driver", "names"), [("nova", {"servers": 60.0, "sweep": 0.0}), ("local", {})]
)
def test_chores_of_the_settings(
    tmp_path: Path, world: World, driver: str, names: dict[str, float]
) -> None:
    file = tmp_path / "octavia.conf"
    file.write_text(f"[sriov_provider]\ncompute_driver = {driver}\nserver_check_interval = 60\n")
    conf = config.parse([str(file)])
    settings = config.settings(conf)
    made = housekeeping.chores(conf, settings, world.sessions, lambda _: None)
    assert {chore.name: chore.interval for chore in made} == names
