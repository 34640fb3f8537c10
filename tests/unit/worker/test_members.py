from __future__ import annotations

import pytest

from sriov_provider.records import PortRole, PortState
from sriov_provider.vnic import Filter
from tests.fakes import errors
from tests.unit.worker.harness import World, with_attempts
from tests.unit.worker.scenes import Scene, clean, working

DIRECT = {"vnic_type": "direct"}


def networks(world: World, lb: str) -> dict[str, str]:
    """Network -> vnic_type of the member ports on record."""
    ports = world.inventory(lb).ports
    return {p.network_id: p.vnic_type for p in ports if p.role is PortRole.MEMBER}


@pytest.mark.parametrize("kind", ["direct", "normal"])
def test_member_on_a_new_network(world: World, kind: str) -> None:
    scene = working(world)
    with world.counted() as calls:
        member = world.add_member(scene.pool, "10.3.0.9", "sub-3", vnic_type=kind)
        world.run_all()
    assert world.agent.provisioning(member) == "ACTIVE"
    assert len(calls.network) <= 4
    assert calls.compute == ["attach_port"]
    assert networks(world, scene.lb)["net-3"] == kind
    port = next(p for p in world.inventory(scene.lb).ports if p.network_id == "net-3")
    assert (port.state, port.filter) == (
        PortState.ATTACHED,
        Filter.AMPHORA if kind == "direct" else Filter.NEUTRON,
    )
    assert bool(port.pci_slot) == (kind == "direct")
    plug = world.inside(scene.lb).networks[port.mac or ""]
    assert [(a, s.id) for a, s in plug.addresses] == [(port.addresses[0][1], "sub-3")]
    assert member in world.served_members(scene.lb)

    with world.counted() as calls:
        world.delete(member)
        world.run_all()
    assert world.agent.provisioning(member) == "DELETED"
    assert len(calls.network) <= 2
    assert calls.compute == ["detach_port"]
    assert "net-3" not in networks(world, scene.lb)
    assert port.mac not in [i["mac"] for i in world.inside(scene.lb).document["interfaces"]]
    clean(world, scene.lb)


def test_second_subnet_of_an_attached_network(world: World) -> None:
    scene = working(world)
    with world.counted() as calls:
        member = world.add_member(scene.pool, "10.1.1.9", "sub-1b", **DIRECT)
        world.run_all()
    assert world.agent.provisioning(member) == "ACTIVE"
    assert calls.compute == []
    assert "create_port" not in calls.network
    port = next(p for p in world.inventory(scene.lb).ports if p.network_id == "net-1")
    assert [s for s, _ in port.addresses] == ["sub-1", "sub-1b"]
    plug = world.inside(scene.lb).networks[port.mac or ""]
    assert [s.id for _, s in plug.addresses] == ["sub-1", "sub-1b"]
    (interface,) = [
        i for i in world.inside(scene.lb).document["interfaces"] if i["mac"] == port.mac
    ]
    assert len(interface["addresses"]) == 2


def test_vip_network_other_subnet(world: World) -> None:
    scene = working(world)
    member = world.add_member(scene.pool, "10.0.1.9", "vip-subnet-b")
    world.run_all()
    assert world.agent.provisioning(member) == "ACTIVE"
    assert set(networks(world, scene.lb)) == {"net-1", "net-2"}
    plug = world.inside(scene.lb).on_vip
    assert plug is not None
    assert [s.id for _, s in plug.addresses] == ["vip-subnet", "vip-subnet-b"]
    with world.counted() as calls:
        world.add_member(scene.pool, "10.0.1.10", "vip-subnet-b", **DIRECT)
        world.run_all()
    assert calls.network == []
    clean(world, scene.lb)


def test_no_vf(world: World) -> None:
    """That member is ERROR, at once; the others go on being served."""
    scene = working(world)
    world.cloud.fail("attach_port", errors.no_vf(), times=None)
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    attempts = world.run_all()
    assert len(attempts) == 1
    assert (world.agent.provisioning(member), world.agent.operating(member)) == ("ERROR", "ERROR")
    assert {world.agent.provisioning(i) for i in scene.ids} == {"ACTIVE"}
    assert world.codes(member, scene.lb) == ["no-vf"]
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert "net-3" not in networks(world, scene.lb)
    # It stays out, without new calls, until somebody changes it or the whole load balancer.
    with world.counted() as calls:
        world.update(scene.listener, allowed_cidrs=["10.0.0.0/8"])
        world.run_all()
    assert calls.network == []
    assert world.codes(member, scene.lb) == ["no-vf"]
    world.update(member, weight=5)
    world.run_all()
    assert world.codes(member, scene.lb) == ["no-vf"]
    world.cloud.heal()
    world.update(member, weight=6)
    world.run_all()
    assert world.agent.provisioning(member) == "ACTIVE"
    assert world.codes(member, scene.lb) == []
    assert member in world.served_members(scene.lb)
    clean(world, scene.lb)


@pytest.mark.parametrize(("kind", "subnet"), [("normal", "sub-1"), ("direct", "sub-2")])
def test_mixed_kinds(world: World, kind: str, subnet: str) -> None:
    scene = working(world)
    with world.counted() as calls:
        member = world.add_member(scene.pool, "10.1.0.99", subnet, vnic_type=kind)
        world.run_all()
    assert world.agent.provisioning(member) == "ERROR"
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.codes(member, scene.lb) == ["mixed-kinds"]
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert calls.network == []
    world.delete(member)
    world.run_all()
    assert world.agent.provisioning(member) == "DELETED"
    assert world.codes(member, scene.lb) == []


def test_port_that_cannot_be_bound(world: World) -> None:
    """That member is ERROR, at once; the port is not waited for: Nova never detaches it."""
    scene = working(world)
    for host in world.cloud.hosts.values():
        host.binds = False
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    attempts = world.run_all()
    assert len(attempts) == 1
    assert world.agent.provisioning(member) == "ERROR"
    assert world.codes(member, scene.lb) == ["binding-failed"]
    assert "net-3" not in networks(world, scene.lb)
    clean(world, scene.lb)


def test_member_that_stays_out_does_not_decide_the_kind(world: World) -> None:
    scene = working(world)
    world.cloud.fail("attach_port", errors.no_vf())
    first = world.add_member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    second = world.add_member(scene.pool, "10.3.0.10", "sub-3")
    world.run_all()
    assert world.agent.provisioning(first) == "ERROR"
    assert world.agent.provisioning(second) == "ACTIVE"
    assert networks(world, scene.lb)["net-3"] == "normal"


def test_failing_second_subnet_leaves_the_first_alone(world: World) -> None:
    scene = working(world)
    world.cloud.fail("add_port_addresses", errors.no_address())
    member = world.add_member(scene.pool, "10.1.1.9", "sub-1b", **DIRECT)
    world.run_all()
    other = world.add_member(scene.pool, "10.0.0.9", "vip-subnet")
    world.run_all()
    world.cloud.fail("add_port_addresses", errors.no_address())
    third = world.add_member(scene.pool, "10.0.1.9", "vip-subnet-b")
    world.run_all()
    ids = (member, other, third, scene.direct)
    assert [world.agent.provisioning(i) for i in ids] == ["ERROR", "ACTIVE", "ERROR", "ACTIVE"]
    assert world.served_members(scene.lb) == {scene.direct, scene.normal, other}


def test_unknown_subnet(world: World) -> None:
    scene = working(world)
    member = world.add_member(scene.pool, "10.66.0.9", "no-such-subnet")
    world.run_all()
    assert world.agent.provisioning(member) == "ERROR"
    assert world.codes(member, scene.lb) == ["not-found"]
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}


def test_retriable_failure_is_retried_then_the_member_is_in_error(world: World) -> None:
    scene = working(world)
    world.amphora.fail("plug_network", errors.unreachable(), times=None)
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    assert len(world.run_all()) == 3
    assert world.agent.provisioning(member) == "ERROR"
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.codes(member, scene.lb) == ["agent-unreachable"]
    assert "net-3" not in networks(world, scene.lb)
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert world.pending() == []


def test_port_that_could_not_be_released_is_released_later(world: World) -> None:
    """And is not taken for the new port of the same network."""
    scene = working(world)
    world.cloud.fail("attach_port", errors.server_error())
    world.cloud.fail("delete_port", errors.server_error())
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    world.run_all()
    assert world.agent.provisioning(member) == "ACTIVE"
    (port,) = [p for p in world.inventory(scene.lb).ports if p.network_id == "net-3"]
    real = [p for p in world.cloud.port_rows.values() if p.network_id == "net-3"]
    assert [(p.id, bool(p.device_id)) for p in real] == [(port.neutron_id, True)]
    clean(world, scene.lb)


def _batch(world: World, scene: Scene) -> tuple[str, str]:
    keep = world.agent.trees[scene.lb]["pools"][0]["members"][0] | {"weight": 9}
    fresh = world.member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    broken = world.member(scene.pool, "10.1.0.77", "sub-1")
    world.batch(scene.pool, [keep, fresh, broken])
    world.run_all()
    return fresh["member_id"], broken["member_id"]


def test_batch(world: World) -> None:
    """One kept and changed, one new, one that cannot be, one gone; one flow."""
    scene = working(world)
    fresh, broken = _batch(world, scene)
    assert world.agent.provisioning(scene.direct) == "ACTIVE"
    assert world.agent.provisioning(fresh) == "ACTIVE"
    assert world.agent.provisioning(broken) == "ERROR"
    assert world.agent.provisioning(scene.normal) == "DELETED"
    assert world.agent.provisioning(scene.pool) == "ACTIVE"
    assert world.pending() == []
    assert world.served_members(scene.lb) == {scene.direct, fresh}
    assert {m.weight for m in world.served(scene.lb).members()} == {9, 1}
    assert set(networks(world, scene.lb)) == {"net-1", "net-3"}
    clean(world, scene.lb)


def test_member_deleted_while_out(world: World) -> None:
    scene = working(world)
    world.cloud.fail("attach_port", errors.no_vf())
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    world.run_all()
    with world.counted() as calls:
        world.delete(member)
        world.run_all()
    assert world.agent.provisioning(member) == "DELETED"
    assert calls.network == []
    assert member not in {m.id for m in world.inventory(scene.lb).members}


def test_port_that_was_found_and_given_back_is_not_found_again(world: World) -> None:
    """The second try of the last attempt starts from a new port."""
    scene = working(world)
    world.restart(with_attempts(2))
    world.cloud.fail("create_port", errors.timeout(), after=True)
    world.cloud.fail("delete_port", errors.server_error(), times=2)
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", **DIRECT)
    job = world.claim()
    assert job is not None
    world.run(job)
    world.cloud.fail("attach_port", errors.server_error())
    world.run_all()
    assert world.codes(member, scene.lb) == []
    assert world.agent.provisioning(member) == "ACTIVE"
    clean(world, scene.lb)


def test_port_that_cannot_be_released_does_not_block_later_jobs(world: World) -> None:
    scene = working(world)
    world.cloud.fail("delete_port", errors.server_error(), times=None)
    world.delete(scene.direct)
    assert len(world.run_all()) == 3
    assert world.agent.provisioning(scene.direct) == "ERROR"
    listener = world.add_listener(scene.lb, protocol_port=81)
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(listener) == "ACTIVE"
    assert PortState.RELEASING in {p.state for p in world.inventory(scene.lb).ports}
    world.cloud.heal()
    world.update(listener, allowed_cidrs=["10.0.0.0/8"])
    world.run_all()
    assert {p.state for p in world.inventory(scene.lb).ports} == {PortState.ATTACHED}
    clean(world, scene.lb)
