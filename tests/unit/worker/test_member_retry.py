"""Members that cannot be had for a while as their amphora is replaced are had afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from sriov_provider import upkeep
from sriov_provider.amphora.base import NetworkPlug
from sriov_provider.records import AmphoraState
from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import pair, place
from tests.unit.worker.scenes import Scene, clean, working
from tests.unit.worker.shape import leaked, shape
from tests.unit.worker.test_watch import Watcher

Break = Callable[[World, int], None]
ALWAYS = 10_000


def fails(what: Callable[[], Exception], times: int, mine: Callable[..., bool]) -> Any:
    """For the first calls that are about net-1."""
    calls = itertools.count()

    def refuse(*args: Any) -> Exception | None:
        return what() if mine(*args) and next(calls) < times else None

    return refuse


def neutron(world: World, times: int) -> None:
    refuse = fails(errors.server_error, times, lambda spec: spec.network_id == "net-1")
    world.cloud.fail("create_port", refuse, times=None)


def nova(world: World, times: int) -> None:
    rows = world.cloud.port_rows
    refuse = fails(errors.server_error, times, lambda _, port: rows[port].network_id == "net-1")
    world.cloud.fail("attach_port", refuse, times=None)


def agent(world: World, times: int) -> None:
    def mine(_: Any, plug: NetworkPlug) -> bool:
        return any(subnet.id == "sub-1" for _, subnet in plug.addresses)

    world.amphora.fail("plug_network", fails(errors.unreachable, times, mine), times=None)


AWAY = pytest.mark.parametrize("away", [neutron, nova, agent])
FLAVORS = pytest.mark.parametrize("flavor", [{}, pair()], ids=["single", "pair"])


def mend(world: World) -> None:
    world.cloud.heal()
    world.amphora.heal()


def by_user(world: World, scene: Scene) -> None:
    world.failover(scene.lb)


def by_policy(world: World, scene: Scene) -> None:
    place(world, upkeep.failover(world.inventory(scene.lb).amphorae[0]))


def states(world: World, lb: str) -> set[AmphoraState]:
    return {a.state for a in world.inventory(lb).amphorae}


def served(world: World, lb: str) -> list[set[str]]:
    """The members that each amphora serves."""
    rows = [world.amphora.of(a.id).served for a in world.inventory(lb).amphorae]
    return [{m.id for m in row.members()} for row in rows if row]


@AWAY
@FLAVORS
@pytest.mark.parametrize("fail_over", [by_user, by_policy])
def test_a_failover_is_run_again_for_its_members(
    world: World, away: Break, flavor: dict[str, Any], fail_over: Callable[[World, Scene], None]
) -> None:
    """And builds nothing twice."""
    scene = working(world, **flavor)
    # Two tries each: of one, of the other while it is built ahead, and of that one again, the last
    # after one before its turn.
    away(world, 7 if flavor and fail_over is by_user else 3)
    fail_over(world, scene)
    with world.counted() as calls:
        assert [job.attempt for job in world.run_all()] == [1, 2]
        built = len(world.inventory(scene.lb).amphorae) if fail_over is by_user else 1
        assert calls.log.count("create_server") == calls.log.count("delete_server") == built
    assert {world.agent.provisioning(i) for i in scene.ids} == {"ACTIVE"}
    assert all(members == {scene.direct, scene.normal} for members in served(world, scene.lb))
    assert states(world, scene.lb) == {AmphoraState.READY}
    mend(world)
    clean(world, scene.lb)


def test_the_second_try_of_a_run_takes_its_time(world: World) -> None:
    scene = working(world)
    # Before its turn, and in its turn.
    neutron(world, 2)
    by_policy(world, scene)
    before = world.clock.now
    assert len(world.run_all()) == 1
    assert world.clock.now - before >= 2.0
    assert world.agent.provisioning(scene.direct) == "ACTIVE"


@AWAY
@FLAVORS
def test_longer_than_its_attempts(world: World, away: Break, flavor: dict[str, Any]) -> None:
    """What was built serves the others; the member is had by itself when the cloud is back, though
    jobs about something else came in between."""
    scene = working(world, **flavor)
    watcher = Watcher(world)
    away(world, ALWAYS)
    by_user(world, scene)
    assert len(world.run_all()) == 3
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.agent.provisioning(scene.direct) == "ERROR"
    assert states(world, scene.lb) == {AmphoraState.STALE}
    listener = world.add_listener(scene.lb, protocol_port=443)
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(listener) == "ACTIVE"
    watcher.look()
    (job, *_) = world.run_all()
    assert job.attempt == 1
    assert world.agent.provisioning(scene.direct) == "ERROR"
    assert world.pending() == []
    mend(world)
    watcher.look(3600)
    world.run_all()
    assert world.agent.provisioning(scene.direct) == "ACTIVE"
    assert world.reasons(scene.lb) == ()
    assert states(world, scene.lb) == {AmphoraState.READY}
    assert all(members == {scene.direct, scene.normal} for members in served(world, scene.lb))
    watcher.look(3600)
    assert world.run_all() == []
    clean(world, scene.lb)


def test_what_does_not_pass_is_not_tried_again(world: World) -> None:
    scene = working(world)
    world.cloud.fail(
        "create_port", lambda s: errors.quota() if s.network_id == "net-1" else None, times=None
    )
    by_user(world, scene)
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(scene.direct) == "ERROR"
    assert states(world, scene.lb) == {AmphoraState.READY}


def test_killed_at_any_call_of_such_a_failover(world: World) -> None:
    scene = working(world)
    neutron(world, 3)
    by_user(world, scene)
    with world.counted() as calls:
        world.run_all()
        made = list(calls.log)
    expected = shape(world, scene.lb)
    for index, verb in enumerate(made):
        mend(world)
        neutron(world, 3)
        by_user(world, scene)
        world.calls.forget()
        world.calls.kill_at(index, "before")
        world.run_all()
        world.restart()
        world.run_all()
        where = f"killed at call {index} ({verb})"
        assert shape(world, scene.lb) == expected, where
        assert states(world, scene.lb) == {AmphoraState.READY}, where
        assert leaked(world) == [], where
