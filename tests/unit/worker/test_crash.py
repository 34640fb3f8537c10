"""The worker dies after every single call of an operation: another one ends what it began, and
the end is the same as undisturbed."""

from __future__ import annotations

import pytest

from tests.unit.worker.harness import World
from tests.unit.worker.operations import OPERATIONS, calls_of, small
from tests.unit.worker.shape import leaked
from tests.unit.worker.test_faults import comparable, undisturbed


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_after_every_call(world: World, name: str) -> None:
    calls, expected = undisturbed(world, name)
    operation = OPERATIONS[name]
    for index, verb in enumerate(calls):
        lb, subject = operation.start(world)
        where = f"killed after call {index} ({verb})"
        kill(world, index, "after", where)
        assert comparable(world, lb, subject) == expected, where
        operation.finish(world, lb, subject)
        assert leaked(world) == [], where


@pytest.mark.parametrize("name", ["member", "second subnet", "vip network", "listener"])
def test_killed_before_every_call(world: World, name: str) -> None:
    """As after the call before, but with what that one brought on record."""
    calls, expected = undisturbed(world, name)
    operation = OPERATIONS[name]
    for index, verb in enumerate(calls):
        lb, subject = operation.start(world)
        where = f"killed before call {index} ({verb})"
        kill(world, index, "before", where)
        assert comparable(world, lb, subject) == expected, where
        operation.finish(world, lb, subject)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_during_a_delete(world: World, when: str) -> None:
    index = 0
    while True:
        lb = world.create_load_balancer()
        world.run_all()
        world.delete_load_balancer(lb)
        world.calls.forget()
        world.calls.kill_at(index, when)
        world.run_all()
        if not world.sessions.dead:
            break
        world.restart()
        world.run_all()
        assert world.agent.provisioning(lb) == "DELETED", index
        assert world.cloud.left_over() == (), index
        assert world.pending() == []
        index += 1
    assert index >= 5


def test_second_worker_waits_for_the_lease(world: World) -> None:
    lb = world.create_load_balancer()
    world.calls.forget()
    world.calls.kill_at(3, "after")
    world.run_all()
    assert world.sessions.dead
    world.sessions.dead = False
    assert world.claim() is None
    world.restart()
    (job,) = world.run_all()
    assert job.attempt == 2
    assert world.agent.provisioning(lb) == "ACTIVE"


def test_server_that_died_with_the_worker_is_replaced(world: World) -> None:
    """Its ports are on record as attached, to the old server."""
    index = calls_of(world, OPERATIONS["create"]).index("configure")
    world.cloud.servers.clear()
    lb = world.create_load_balancer(**small(world))
    world.calls.forget()
    world.calls.kill_at(index, "before")
    world.run_all()
    assert world.sessions.dead
    world.calls.forget()
    world.sessions.dead = False
    for server in tuple(world.cloud.servers):
        world.cloud.delete_server(server)
    world.restart()
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    ports = world.inventory(lb).ports
    held = {world.cloud.port_rows[p.neutron_id or ""].device_id for p in ports}
    assert held == {world.only_amphora(lb).compute_id}
    assert leaked(world) == []


def test_job_that_kills_its_workers_ends(world: World) -> None:
    lb = world.create_load_balancer()
    for _ in range(6):
        world.calls.forget()
        world.calls.kill_at(2, "after")
        world.run_all()
        assert world.sessions.dead
        world.restart()
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    assert world.codes(lb, lb) == ["internal"]
    assert world.cloud.left_over() == ()
    assert world.pending() == []


def kill(world: World, index: int, when: str, where: str) -> None:
    """Kill the worker at a call, let its lease run out, run another one."""
    world.calls.forget()
    world.calls.kill_at(index, when)
    world.run_all()
    assert world.sessions.dead, where
    world.restart()
    attempts = world.run_all()
    assert [j.attempt for j in attempts][:1] == [2], where
