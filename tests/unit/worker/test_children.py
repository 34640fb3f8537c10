"""Every verb below a load balancer that has members: what it does, and how little it asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sriov_provider.db import children
from sriov_provider.records import ObjectType
from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.scenes import Scene, clean, working

Change = Callable[[World, Scene], str]

CREATES: dict[str, Change] = {
    "listener": lambda w, s: w.add_listener(s.lb, protocol_port=81),
    "udp listener": lambda w, s: w.add_listener(s.lb, protocol="UDP", protocol_port=53),
    "pool": lambda w, s: w.add_pool(s.lb),
    "monitor": lambda w, s: w.add_monitor(w.add_pool(s.lb)),
    "policy": lambda w, s: w.add_policy(s.listener),
    "rule": lambda w, s: w.add_rule(s.policy),
    "member on an attached network": lambda w, s: w.add_member(
        s.pool, "10.1.0.11", "sub-1", vnic_type="direct"
    ),
    "member without a subnet": lambda w, s: w.add_member(s.pool, "198.51.100.9", None),
    "member on the VIP's subnet": lambda w, s: w.add_member(s.pool, "10.0.0.99", "vip-subnet"),
}
UPDATES: dict[str, Change] = {
    "allowed_cidrs": lambda w, s: _update(w, s.listener, allowed_cidrs=["10.9.0.0/16"]),
    "listener off": lambda w, s: _update(w, s.listener, admin_state_up=False),
    "pool": lambda w, s: _update(w, s.pool, lb_algorithm="LEAST_CONNECTIONS"),
    "weight": lambda w, s: _update(w, s.direct, weight=7),
    "monitor": lambda w, s: _update(w, s.monitor, delay=9),
    "policy": lambda w, s: _update(w, s.policy, name="other"),
    "rule": lambda w, s: _update(w, s.rule, value="/other"),
}
DELETES: dict[str, Change] = {
    "listener": lambda w, s: _delete(w, s.listener),
    "monitor": lambda w, s: _delete(w, s.monitor),
    "policy": lambda w, s: _delete(w, s.policy),
    "rule": lambda w, s: _delete(w, s.rule),
}


def _update(world: World, object_id: str, **values: object) -> str:
    world.update(object_id, **values)
    return object_id


def _delete(world: World, object_id: str) -> str:
    world.delete(object_id)
    return object_id


@pytest.mark.parametrize("change", [*CREATES.values(), *UPDATES.values()],
                         ids=[*CREATES, *(f"update {u}" for u in UPDATES)])  # fmt: skip
def test_change_needs_no_network(world: World, change: Change) -> None:
    scene = working(world)
    with world.counted() as calls:
        touched = change(world, scene)
        world.run_all()
    assert world.agent.provisioning(touched) == "ACTIVE"
    assert world.pending() == []
    assert (calls.network, calls.compute) == ([], [])
    assert calls.amphora.count("configure") >= 1
    assert calls.amphora.count("apply_firewall") <= 2


@pytest.mark.parametrize("change", DELETES.values(), ids=DELETES)
def test_delete_needs_no_network(world: World, change: Change) -> None:
    scene = working(world)
    with world.counted() as calls:
        touched = change(world, scene)
        world.run_all()
    assert world.agent.provisioning(touched) == "DELETED"
    assert world.pending() == []
    assert (calls.network, calls.compute) == ([], [])
    ids = {r.id for li in world.served(scene.lb).listeners for r in (li, *li.l7policies)}
    assert touched not in ids
    clean(world, scene.lb)


def test_deleting_the_last_listener_closes_its_port(world: World) -> None:
    scene = working(world)
    world.delete(scene.listener)
    world.run_all()
    inside = world.inside(scene.lb)
    assert inside.document["listeners"] == []
    assert world.served(scene.lb).listeners == ()
    assert inside.order[-2:] == ["apply_firewall", "configure"]  # closed first
    found = world.sessions.read(lambda session: children.get(session, scene.policy))
    assert found is None


def test_deleting_a_pool_releases_what_its_members_used(world: World) -> None:
    scene = working(world)
    with world.counted() as calls:
        world.delete(scene.pool)
        world.run_all()
    gone = (scene.pool, scene.direct, scene.normal, scene.monitor)
    assert {world.agent.provisioning(i) for i in gone} == {"DELETED"}
    assert world.agent.provisioning(scene.listener) == "ACTIVE"
    assert {p.network_id for p in world.inventory(scene.lb).ports} == {"vip-net"}
    assert len(world.cloud.claimed_vfs()) == 1
    assert len(calls.network) <= 2 * 2
    assert world.served(scene.lb).listeners[0].default_pool_id is None
    assert world.inventory(scene.lb).members == ()


def test_two_changes_in_a_row(world: World) -> None:
    """Octavia queues nothing, but its API may be faster than a retried job."""
    scene = working(world)
    world.amphora.fail("configure", errors.agent_error())
    world.update(scene.listener, allowed_cidrs=["10.9.0.0/16"])
    second = world.add_pool(scene.lb)
    attempts = world.run_all()
    assert [j.object_type for j in attempts] == [
        ObjectType.LISTENER,
        ObjectType.LISTENER,
        ObjectType.POOL,
    ]
    assert world.agent.provisioning(second) == "ACTIVE"
    assert world.pending() == []


def test_parent_without_listener_configures_nothing(world: World) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    with world.counted() as calls:
        pool = world.add_pool(lb)
        member = world.add_member(pool, "198.51.100.9", None)
        world.run_all()
    assert "configure" not in calls.log
    assert world.agent.provisioning(member) == "ACTIVE"
    assert world.agent.operating(member) == "NO_MONITOR"
