from __future__ import annotations

import pytest

from tests.fakes import errors
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.scenes import Scene, clean, working


def strategy(name: str) -> dict[str, object]:
    return {"flavor": SRIOV | {"failover_strategy": name}}


def failed_over(world: World, scene: Scene) -> list[str]:
    with world.counted() as calls:
        world.failover(scene.lb)
        world.run_all()
        return list(calls.log)


@pytest.mark.parametrize("name", ["build_first", "release_first"])
def test_failover(world: World, name: str) -> None:
    scene = working(world, **strategy(name))
    old = world.only_amphora(scene.lb)
    calls = failed_over(world, scene)
    new = world.only_amphora(scene.lb)
    assert new.id != old.id
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.pending() == []
    assert list(world.cloud.servers) == [new.compute_id]
    assert len(world.cloud.claimed_vfs()) == 2
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    first, second = "create_server", "stand_down"
    if name == "release_first":
        first, second = "delete_server", first
    assert calls.index(first) < calls.index(second) < calls.index("plug_vip")
    clean(world, scene.lb)


def test_failover_stays_within_its_calls(world: World) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    with world.counted() as calls:
        world.failover(lb)
        world.run_all()
    assert len(calls.network) <= 12
    assert len(calls.compute) <= 8


def test_old_amphora_serves_on_when_the_new_one_cannot_be_built(world: World) -> None:
    scene = working(world)
    before = world.only_amphora(scene.lb)
    world.amphora.fail("wait_ready", errors.unreachable(), times=None)
    world.failover(scene.lb)
    assert len(world.run_all()) == 3
    assert world.agent.provisioning(scene.lb) == "ERROR"
    assert world.codes(scene.lb, scene.lb) == ["agent-unreachable"]
    assert {world.agent.provisioning(i) for i in scene.ids[1:]} == {"ACTIVE"}
    assert world.only_amphora(scene.lb) == before
    assert list(world.cloud.servers) == [before.compute_id]
    assert len(world.cloud.claimed_vfs()) == 2
    world.amphora.heal()
    failed_over(world, scene)
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.codes(scene.lb, scene.lb) == []
    clean(world, scene.lb)


@pytest.mark.parametrize("name", ["build_first", "release_first"])
def test_host_without_a_spare_vf(world: World, name: str) -> None:
    """Giving the old amphora up first is what needs no second VF."""
    del world.cloud.hosts["host-1"]
    scene = working(world, **strategy(name))
    old = world.only_amphora(scene.lb)
    world.cloud.hosts["host-0"].free_vfs.clear()
    failed_over(world, scene)
    if name == "release_first":
        assert world.agent.provisioning(scene.lb) == "ACTIVE"
        assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    else:
        assert world.codes(scene.lb, scene.lb) == ["no-vf"]
        assert world.only_amphora(scene.lb) == old  # it serves on


def test_member_that_had_no_vf_gets_another_chance(world: World) -> None:
    scene = working(world)
    world.cloud.fail("attach_port", errors.no_vf())
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", vnic_type="direct")
    world.run_all()
    assert world.agent.provisioning(member) == "ERROR"
    failed_over(world, scene)
    assert world.agent.provisioning(member) == "ACTIVE"
    assert world.codes(member, scene.lb) == []
    assert member in world.served_members(scene.lb)


def test_failover_of_a_load_balancer_whose_create_failed(world: World) -> None:
    world.cloud.fail("create_server", errors.quota())
    lb = world.create_load_balancer()
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    clean(world, lb)


def test_vanished_amphora_is_no_obstacle(world: World) -> None:
    scene = working(world)
    world.cloud.delete_server(world.only_amphora(scene.lb).compute_id or "")
    failed_over(world, scene)
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    clean(world, scene.lb)


@pytest.mark.parametrize(
    ("name", "verb"), [("build_first", "plug_vip"), ("release_first", "attach_port")]
)
def test_failover_that_left_nothing_serving_is_tried_again(
    world: World, name: str, verb: str
) -> None:
    """Even after a failure that no second try mends as a rule."""
    scene = working(world, **strategy(name))
    side = world.amphora if verb == "plug_vip" else world.cloud
    side.fail(verb, errors.binding_failed())
    world.failover(scene.lb)
    assert len(world.run_all()) == 2
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    clean(world, scene.lb)
