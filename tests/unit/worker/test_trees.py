from __future__ import annotations

import copy
from typing import Any

import pytest

from sriov_provider.errors import Code, NobodyThere, ProviderError
from sriov_provider.records import Action
from tests.unit.worker.harness import World
from tests.unit.worker.scenes import clean, working


def test_late_commit_is_waited_for(world: World) -> None:
    lb = world.create_load_balancer(after_reads=4)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert 0 < world.clock.now < 2


def seen(world: World, lb: str) -> dict[str, Any]:
    """What a commit of now would show."""
    return copy.deepcopy(world.agent.trees[lb])


def test_rolled_back_create_is_dropped(world: World) -> None:
    lb = world.create_load_balancer(commit=False)
    assert len(world.run_all()) == 1
    assert world.inventory(lb).load_balancer is not None
    assert world.clock.now >= 5
    looks = [job for _ in range(30) for job in world.later(60)]
    assert 5 < len(looks) < 15
    assert {job.attempt for job in looks} == {1}
    assert world.agent.updates == []
    assert world.inventory(lb).load_balancer is None
    assert world.cloud.left_over() == ()
    assert "create_server" not in world.calls.log
    assert world.clock.now < 6


def test_a_create_that_is_committed_after_minutes_is_carried_out(world: World) -> None:
    lb = world.create_load_balancer(after_reads=10_000)
    world.run_all()
    world.later(30)
    world.later(60)
    assert world.agent.provisioning(lb) == "PENDING_CREATE"
    world.agent.commit(world.agent.hidden(lb))
    world.later(60)
    assert world.agent.provisioning(lb) == "ACTIVE"
    clean(world, lb)


def test_a_child_that_is_committed_after_minutes_is_carried_out(world: World) -> None:
    scene = working(world)
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3")
    committed = seen(world, scene.lb)
    before = copy.deepcopy(committed)
    before["pools"][0]["members"].pop()
    world.agent.commit(before)
    world.run_all()
    assert world.agent.provisioning(scene.lb) == "PENDING_UPDATE"
    world.agent.commit(committed)
    (look,) = world.later(60)
    assert look.attempt == 1
    assert member in world.served_members(scene.lb)
    clean(world, scene.lb)


def test_new_values_that_are_committed_late_are_served(world: World) -> None:
    scene = working(world)
    world.update(scene.listener, after_reads=10_000, allowed_cidrs=["10.9.0.0/16"])
    world.run_all()
    assert world.agent.provisioning(scene.listener) == "PENDING_UPDATE"
    world.agent.commit(world.agent.hidden(scene.lb))
    world.later(30)
    (listener,) = world.inside(scene.lb).document["listeners"]
    assert listener["allowed_cidrs"] == ["10.9.0.0/16"]
    clean(world, scene.lb)


def test_a_later_request_tells_that_an_earlier_one_was_rolled_back(world: World) -> None:
    scene = working(world)
    world.add_member(scene.pool, "10.3.0.9", "sub-3")
    rolled_back = seen(world, scene.lb)
    rolled_back["pools"][0]["members"].pop()
    world.agent.commit(rolled_back)
    world.run_all()
    world.update(scene.listener, name="other")
    assert [job.action for job in world.later(10)] == [Action.CREATE, Action.UPDATE]
    assert world.agent.provisioning(scene.listener) == "ACTIVE"
    clean(world, scene.lb)


def test_a_request_of_a_moment_ago_tells_nothing_of_an_earlier_one(world: World) -> None:
    scene = working(world)
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3")
    committed = seen(world, scene.lb)
    before = copy.deepcopy(committed)
    before["pools"][0]["members"].pop()
    world.agent.commit(before)
    world.update(scene.listener, name="other")
    assert [job.action for job in world.run_all()] == [Action.CREATE]
    world.agent.commit(committed)
    world.later(60)
    assert member in world.served_members(scene.lb)
    clean(world, scene.lb)


def test_rolled_back_child_is_dropped(world: World) -> None:
    scene = working(world)
    shown = world.agent.trees[scene.lb]
    world.agent.updates.clear()
    world.add_member(scene.pool, "10.3.0.9", "sub-3")
    world.agent.commit(shown)
    world.agent.trees[scene.lb]["pools"][0]["members"].pop()
    world.run_all()
    world.later(700)
    assert world.claim() is None
    assert world.agent.updates == []
    assert world.calls.network == []


def test_what_was_built_for_a_create_that_is_gone_is_released(world: World) -> None:
    lb = world.create_load_balancer()
    world.calls.forget()
    world.calls.kill_at(8, "after")
    world.run_all()
    assert world.cloud.servers
    world.restart()
    world.agent.trees.clear()
    world.later(700)
    assert world.cloud.left_over() == ()
    assert world.inventory(lb).load_balancer is None


def test_new_values_are_waited_for(world: World) -> None:
    scene = working(world)
    world.update(scene.listener, after_reads=3, allowed_cidrs=["10.9.0.0/16"])
    world.run_all()
    (listener,) = world.inside(scene.lb).document["listeners"]
    assert listener["allowed_cidrs"] == ["10.9.0.0/16"]


def test_values_that_never_come_were_rolled_back(world: World) -> None:
    scene = working(world)
    world.update(scene.listener, after_reads=10_000, allowed_cidrs=["10.9.0.0/16"])
    world.run_all()
    assert world.agent.provisioning(scene.listener) == "PENDING_UPDATE"
    world.later(60)
    assert world.agent.provisioning(scene.listener) == "ACTIVE"
    (listener,) = world.inside(scene.lb).document["listeners"]
    assert listener["allowed_cidrs"] == []


def test_child_of_a_load_balancer_that_is_gone(world: World) -> None:
    scene = working(world)
    world.update(scene.listener, name="x")
    world.agent.trees.clear()
    world.run_all()
    assert world.codes(scene.listener, scene.lb) == ["tree-missing"]
    assert world.agent.provisioning(scene.listener) == "ERROR"


def test_driver_agent_that_does_not_answer_is_asked_again(world: World) -> None:
    lb = world.create_load_balancer()
    away = ProviderError(Code.CLOUD_ERROR, "away", "no socket", retriable=True)
    world.agent.fail("get_loadbalancer", away)
    assert len(world.run_all()) == 2
    assert world.agent.provisioning(lb) == "ACTIVE"
    clean(world, lb)


AWAY = NobodyThere(Code.CLOUD_ERROR, "away", "connection refused", retriable=True)


def test_a_driver_agent_that_is_not_running_costs_no_attempt(world: World) -> None:
    lb = world.create_load_balancer()
    world.agent.fail("get_loadbalancer", AWAY, times=20)
    looks = [job for _ in range(20) for job in world.later(10)]
    assert {job.attempt for job in looks} == {1}
    assert world.agent.provisioning(lb) == "PENDING_CREATE"
    world.later(10)
    assert world.agent.provisioning(lb) == "ACTIVE"
    clean(world, lb)


def test_a_delete_waits_for_the_driver_agent(world: World) -> None:
    scene = working(world)
    world.delete_load_balancer(scene.lb)
    world.agent.fail("get_loadbalancer", AWAY, times=3)
    world.run_all()
    told = [entry["id"] for batch in world.agent.updates for entry in batch.get("listeners", [])]
    assert told[-1] == scene.listener
    assert world.agent.provisioning(scene.lb) == "DELETED"


def test_a_delete_does_without_a_driver_agent_that_stays_away(world: World) -> None:
    scene = working(world)
    world.delete_load_balancer(scene.lb)
    world.agent.fail("get_loadbalancer", AWAY, times=None)
    world.run_all()
    assert world.cloud.left_over() == ()


@pytest.mark.parametrize("what", ["pool", "member", "monitor", "rule"])
def test_no_listener_stays_pending_when_the_tree_cannot_be_read(world: World, what: str) -> None:
    scene = working(world)
    policy = world.add_policy(scene.listener)
    world.run_all()
    if what == "pool":
        world.update(scene.pool, name="x")
    elif what == "member":
        world.add_member(scene.pool, "10.3.0.9", "sub-3")
    elif what == "monitor":
        world.add_monitor(scene.pool)
    else:
        world.add_rule(policy)
    assert world.agent.provisioning(scene.listener) == "PENDING_UPDATE"
    away = ProviderError(Code.CLOUD_ERROR, "away", "a secret is gone", retriable=True)
    world.agent.fail("get_loadbalancer", away, times=None)
    world.run_all()
    assert world.agent.provisioning(scene.listener) == "ACTIVE"
    assert world.pending() == []
