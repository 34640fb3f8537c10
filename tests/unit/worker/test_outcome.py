"""A failover that Octavia did not ask for opens no lock of a request that waits behind it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sriov_provider.health import failovers
from sriov_provider.health.policy import Decision, Verdict
from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import pair, place
from tests.unit.worker.scenes import Scene, clean, working

Request = Callable[[World, Scene], object]


def new_listener(world: World, scene: Scene) -> None:
    world.add_listener(scene.lb, protocol_port=99)


def listener_goes(world: World, scene: Scene) -> None:
    world.delete(scene.listener)


def new_member(world: World, scene: Scene) -> None:
    world.add_member(scene.pool, "10.1.0.11", "sub-1", vnic_type="direct")


def new_rule(world: World, scene: Scene) -> None:
    world.add_rule(scene.policy, value="/more")


def member_goes(world: World, scene: Scene) -> None:
    world.delete(scene.direct)


def another_failover(world: World, scene: Scene) -> None:
    world.failover(scene.lb)


REQUESTS = pytest.mark.parametrize(
    "request_",
    [new_listener, listener_goes, new_member, new_rule, member_goes, another_failover],
)


def fail_over(world: World, scene: Scene) -> None:
    """As the health manager does when none of a pair is heard."""
    ids = tuple(a.id for a in world.inventory(scene.lb).amphorae)
    place(world, failovers.job(Decision(scene.lb, ids, Verdict.FAIL_OVER, "silent")))


def run_one(world: World) -> None:
    job = world.claim()
    assert job is not None
    world.run(job)
    world.deliver()


@REQUESTS
@pytest.mark.parametrize("works", [True, False])
def test_what_waits_stays_locked(world: World, request_: Request, works: bool) -> None:
    scene = working(world, **pair())
    if not works:
        world.cloud.fail("create_server", errors.quota())
    fail_over(world, scene)
    request_(world, scene)
    before = world.pending()
    assert ("loadbalancers", scene.lb) in before
    run_one(world)
    assert world.pending() == before
    world.run_all()
    assert world.pending() == []
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    clean(world, scene.lb)


def test_all_else_is_told(world: World) -> None:
    scene = working(world, **pair())
    fail_over(world, scene)
    world.cloud.fail(
        "create_port", lambda s: errors.quota() if s.network_id == "net-2" else None, times=None
    )
    new_listener(world, scene)
    run_one(world)
    assert world.agent.provisioning(scene.normal) == "ERROR"
    assert world.agent.provisioning(scene.lb) == "PENDING_UPDATE"
