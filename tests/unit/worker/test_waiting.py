"""A cloud that takes its time, or never gets there."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from sriov_provider.errors import ProviderError
from sriov_provider.worker import run
from tests.fakes import errors
from tests.unit.worker.clock import Clock
from tests.unit.worker.harness import World
from tests.unit.worker.scenes import clean, working


def test_slow_boot_and_slow_delete(world: World) -> None:
    world.cloud.boot_reads, world.cloud.delete_reads = 5, 3
    lb = world.create_load_balancer()
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert 0.5 < world.clock.now < 5
    calls = world.cloud.count("get_server")
    assert calls >= 5
    clean(world, lb)
    assert world.cloud.count("has_server") >= 3
    assert world.cloud.count("get_server") == calls


def test_looks_become_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(), []
    monkeypatch.setattr(run, "time", clock)
    with pytest.raises(ProviderError):
        run.wait_for(lambda: looks.append(clock.now), 60.0, 1.0, errors.timeout())
    pauses = [round(b - a, 6) for a, b in itertools.pairwise(looks)]
    assert pauses[0] == pytest.approx(0.1)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(1.0)
    assert 60 <= len(looks) <= 70


def test_what_takes_its_time_is_not_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(), []
    monkeypatch.setattr(run, "time", clock)
    with pytest.raises(ProviderError):
        run.wait_for(lambda: looks.append(clock.now), 3.0, 1.0, errors.timeout(), first=0.5)
    assert looks[:5] == [0.0, 0.5, 1.0, 1.5, 2.0]
    looks.clear()
    with pytest.raises(ProviderError):  # an interval that is set shorter is kept
        run.wait_for(lambda: looks.append(clock.now), 1.0, 0.25, errors.timeout(), first=0.5)
    assert [b - a for a, b in itertools.pairwise(looks)] == pytest.approx([0.25] * 4)


def test_server_that_never_comes_up(world: World) -> None:
    world.cloud.boot_reads = 10_000
    lb = world.create_load_balancer()
    assert len(world.run_all()) == 3
    assert world.codes(lb, lb) == ["timeout"]
    assert world.agent.provisioning(lb) == "ERROR"
    assert world.clock.now >= 3 * 300
    assert world.cloud.left_over() == ()


def test_server_that_is_never_gone(world: World) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    world.cloud.delete_reads = 10_000
    world.delete_load_balancer(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    assert world.codes(lb, lb) == ["timeout"]
    world.cloud.delete_reads = 0
    clean(world, lb)


def test_no_host_for_the_server(world: World) -> None:
    world.cloud.hosts.clear()
    lb = world.create_load_balancer()
    assert len(world.run_all()) == 3
    assert world.codes(lb, lb) == ["boot-failed"]
    (reason,) = world.reasons(lb)
    assert "No valid host" in reason.operator
    assert "host" not in reason.user
    assert world.cloud.left_over() == ()


def test_port_that_is_never_bound(world: World) -> None:
    bind = world.cloud._bind

    def unbound(port_id: str, server: Any) -> None:
        bind(port_id, server)
        world.cloud._put_port(port_id, vif_type="unbound")

    world.cloud._bind = unbound  # type: ignore[method-assign]
    lb = world.create_load_balancer()
    world.run_all()
    assert world.codes(lb, lb) == ["not-bound"]
    assert world.agent.provisioning(lb) == "ERROR"


def test_port_that_nova_never_lets_go(world: World) -> None:
    """The member cannot be deleted; everything else goes on."""
    scene = working(world)
    world.cloud._unbind = lambda port_id: None  # type: ignore[method-assign]
    world.delete(scene.direct)
    assert len(world.run_all()) == 3
    assert world.agent.provisioning(scene.direct) == "ERROR"
    assert world.codes(scene.direct, scene.lb) == ["port-busy"]
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.clock.now >= 3 * 300
    del world.cloud._unbind
    world.delete(scene.direct)
    world.run_all()
    assert world.agent.provisioning(scene.direct) == "DELETED"
    clean(world, scene.lb)


def test_management_address_that_comes_late(world: World) -> None:
    reads = iter([None, None, "192.0.2.77"])
    world.cloud.management_ip = lambda *_: next(reads)  # type: ignore[method-assign]
    lb = world.create_load_balancer()
    world.run_all()
    assert world.only_amphora(lb).management_ip == "192.0.2.77"


def test_defect_in_the_cleaning_up_does_not_keep_the_job(world: World) -> None:
    world.cloud.fail("attach_port", errors.quota())
    world.cloud.fail("delete_server", ZeroDivisionError("oops"), times=2)
    lb = world.create_load_balancer()
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(lb) == "ERROR"
    clean(world, lb)
