from __future__ import annotations

import pytest

from sriov_provider.errors import Code, ProviderError
from tests.unit.worker.harness import World
from tests.unit.worker.scenes import clean, working


def test_late_commit_is_waited_for(world: World) -> None:
    lb = world.create_load_balancer(after_reads=4)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert 0 < world.clock.now < 2


def test_rolled_back_create_is_dropped(world: World) -> None:
    lb = world.create_load_balancer(commit=False)
    world.run_all()
    assert world.agent.updates == []
    assert world.inventory(lb).load_balancer is None
    assert world.cloud.left_over() == ()
    assert "create_server" not in world.calls.log
    assert world.claim() is None
    assert world.clock.now >= 5


def test_rolled_back_child_is_dropped(world: World) -> None:
    scene = working(world)
    shown = world.agent.trees[scene.lb]
    world.agent.updates.clear()
    world.add_member(scene.pool, "10.3.0.9", "sub-3")
    world.agent.commit(shown)
    world.agent.trees[scene.lb]["pools"][0]["members"].pop()
    world.run_all()
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
    world.run_all()
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
