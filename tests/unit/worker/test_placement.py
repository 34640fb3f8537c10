"""Where a new amphora is built when VFs are scarce, and with which of its ports."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from sriov_provider.records import AmphoraState, PortRole
from sriov_provider.vnic import Filter
from sriov_provider.worker import placement
from sriov_provider.worker.placement import Way
from tests.fakes import errors
from tests.fakes.state import Host
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.operations import small
from tests.unit.worker.scenes import clean, populated, working
from tests.unit.worker.shape import leaked

BOOT = {"flavor": SRIOV | {"vip_attach": "boot"}}
FORWARDER = {"flavor": SRIOV | {"member_vnic_type": "virtio-forwarder"}}


@pytest.mark.parametrize(
    ("flavor", "members", "ways"),
    [
        ({}, (), (Way.HOTPLUG,)),
        ({"vip_attach": "boot"}, (), (Way.BOOT_ALL,)),
        ({"sriov_vip": True}, (), (Way.HOTPLUG, Way.BOOT_ALL)),
        ({"sriov_vip": True}, ("normal",), (Way.HOTPLUG, Way.BOOT_ALL)),
        ({"sriov_vip": True}, ("direct",), (Way.HOTPLUG, Way.BOOT_ALL, Way.BOOT_VIP)),
        ({}, ("direct",), (Way.HOTPLUG, Way.BOOT_ALL, Way.BOOT_VIP)),
        ({"sriov_vip": True, "vip_attach": "boot"}, (), (Way.BOOT_ALL,)),
        (
            {"sriov_vip": True, "vip_attach": "boot"},
            ("macvtap", "normal"),
            (Way.BOOT_ALL, Way.BOOT_VIP),
        ),
        ({"sriov_vip": True, "vip_vnic_type": "virtio-forwarder"}, (), (Way.BOOT_ALL,)),
        ({"sriov_vip": True}, ("virtio-forwarder",), (Way.BOOT_ALL,)),
    ],
)
def test_ways(flavor: dict[str, Any], members: tuple[str, ...], ways: tuple[Way, ...]) -> None:
    assert placement.ways(flavor, members) == ways


def plugged(world: World) -> list[str]:
    """Ports that were hot-plugged."""
    return [str(c.args[1]) for c in world.cloud.log if c.verb == "attach_port"]


def host_of(world: World, lb: str) -> str:
    return world.cloud.servers[world.only_amphora(lb).compute_id or ""].host


def test_full_host_is_left_for_another(world: World) -> None:
    """Also in the record: the next way is taken by whoever runs the job next."""
    world.cloud.hosts["host-0"].free_vfs.clear()
    lb = world.create_load_balancer(**small(world))
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert host_of(world, lb) == "host-1"
    (server,) = world.cloud.servers.values()
    ours = {p.neutron_id for p in world.inventory(lb).ports}
    assert set(server.spec.port_ids) == ours
    assert len(plugged(world)) == 1, "a port the server was booted with was plugged"
    assert leaked(world) == []
    clean(world, lb)


@pytest.mark.parametrize("node", [{}, BOOT])
def test_no_vf_on_any_host(world: World, node: dict[str, Any]) -> None:
    for host in world.cloud.hosts.values():
        host.free_vfs.clear()
    lb = world.create_load_balancer(**node)
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(lb) == "ERROR"
    (reason,) = (r for r in world.reasons(lb) if r.object_id == lb)
    assert reason.code == "no-vf"
    assert "network vip-net (physical network physnet1)" in reason.operator
    assert "No valid host was found" in reason.operator
    assert ("hosts tried before: host-0" in reason.operator) is (node != BOOT)
    assert world.cloud.left_over() == ()
    assert world.inventory(lb).ports == ()


def test_hosts_that_were_tried_outlive_the_worker(world: World) -> None:
    world.cloud.hosts["host-0"].free_vfs.clear()
    lb = world.create_load_balancer()
    world.calls.forget()
    world.run_all()
    index = len(world.calls.log) - 1
    world.delete_load_balancer(lb)
    world.run_all()
    lb = world.create_load_balancer()
    world.calls.forget()
    world.calls.kill_at(index, "before")
    world.run_all()
    assert world.sessions.dead
    world.restart()
    (job,) = world.run_all()
    assert (job.attempt, job.placement, job.hosts_tried) == (2, 1, ("host-0",))
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert leaked(world) == []


def test_killed_at_any_call_while_it_looks_elsewhere(world: World) -> None:
    world.cloud.hosts["host-0"].free_vfs.clear()
    for index in itertools.count():
        lb = world.create_load_balancer(**small(world))
        world.calls.forget()
        world.calls.kill_at(index, "before")
        world.run_all()
        if not world.sessions.dead:
            break
        world.restart()
        world.run_all()
        assert world.agent.provisioning(lb) == "ACTIVE", index
        assert host_of(world, lb) == "host-1", index
        assert leaked(world) == [], index
        world.delete_load_balancer(lb)
        world.run_all()
        assert world.cloud.left_over() == (), index
    assert index >= 20


def test_booted_with_all_ports(world: World) -> None:
    scene = working(world, **BOOT)
    assert plugged(world) == []
    (server,) = world.cloud.servers.values()
    vip, *members = server.spec.port_ids
    rows = {p.neutron_id: p for p in world.inventory(scene.lb).ports}
    assert rows[vip].role is PortRole.VIP
    assert {rows[m].vnic_type for m in members} == {"direct", "normal"}
    assert len(world.inside(scene.lb).networks) == 2
    # a network that comes later is plugged
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", vnic_type="direct")
    world.run_all()
    assert world.agent.provisioning(member) == "ACTIVE"
    assert len(plugged(world)) == 1
    world.failover(scene.lb)
    world.run_all()
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert len(plugged(world)) == 1
    (server,) = world.cloud.servers.values()
    assert len(server.spec.port_ids) == 4
    clean(world, scene.lb)


def test_booting_with_ports_asks_the_cloud_no_more_often(world: World) -> None:
    with world.counted() as calls:
        world.create_load_balancer(**BOOT)
        world.run_all()
    assert len(calls.network) <= 5


@pytest.mark.parametrize("node", [{}, BOOT])
def test_member_without_a_vf_anywhere_is_that_members_matter(
    world: World, node: dict[str, Any]
) -> None:
    """The VIP gets the one VF there is."""
    for host in world.cloud.hosts.values():
        host.free_vfs.clear()
    world.cloud.hosts["host-1"].free_vfs.append("0000:82:00.1")
    lb = world.create_load_balancer(**(populated(world) | node))
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.codes("direct", lb) == ["no-vf"]
    assert world.served_members(lb) == {"normal"}
    assert leaked(world) == []
    clean(world, lb)


def test_member_of_a_booted_amphora_without_an_address(world: World) -> None:
    def none_left(spec: Any) -> Exception | None:
        return errors.no_address() if spec.network_id == "net-1" else None

    world.cloud.fail("create_port", none_left, times=None)
    lb = world.create_load_balancer(**(populated(world) | BOOT))
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.codes("direct", lb) == ["no-address"]
    assert world.served_members(lb) == {"normal"}
    clean(world, lb)


def test_failover_to_a_host_with_a_vf_for_every_port(world: World) -> None:
    """A member that loses its VF in a failover is no failover."""
    scene = working(world)
    for host in world.cloud.hosts.values():
        host.free_vfs = host.free_vfs[:1]
    world.cloud.hosts["host-2"] = Host("host-2", ["0000:92:00.1", "0000:92:00.2"])
    world.cloud.fail("attach_port", errors.no_vf())
    world.failover(scene.lb)
    world.run_all()
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert host_of(world, scene.lb) == "host-2"
    clean(world, scene.lb)


def test_vip_of_a_kind_that_is_booted_with(world: World) -> None:
    flavor = SRIOV | {"vip_vnic_type": "virtio-forwarder"}
    lb = world.create_load_balancer(flavor=flavor)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert plugged(world) == []
    found = world.inventory(lb)
    assert found.load_balancer is not None
    assert found.load_balancer.vnic_type == "virtio-forwarder"
    assert [p.vnic_type for p in found.ports] == ["virtio-forwarder"]
    clean(world, lb)


def test_member_of_a_kind_that_is_booted_with(world: World) -> None:
    """A running amphora is replaced by one that is booted with the new port, too."""
    lb = world.create_load_balancer(**FORWARDER)
    world.run_all()
    pool = world.add_pool(lb)
    world.run_all()
    old = world.only_amphora(lb)
    member = world.add_member(pool, "10.1.0.10", "sub-1", vnic_type="direct")
    world.run_all()
    assert world.agent.provisioning(member) == "ACTIVE"
    new = world.only_amphora(lb)
    assert new.id != old.id
    assert new.state is AmphoraState.READY
    (server,) = world.cloud.servers.values()
    assert len(server.spec.port_ids) == 2
    # a second member there needs no new amphora
    second = world.add_member(pool, "10.1.0.11", "sub-1", vnic_type="direct")
    world.run_all()
    assert world.agent.provisioning(second) == "ACTIVE"
    assert world.only_amphora(lb).id == new.id
    assert [m.vnic_type for m in world.inventory(lb).members] == ["virtio-forwarder"] * 2
    clean(world, lb)


def test_amphora_stays_when_its_replacement_cannot_be_booted(world: World) -> None:
    lb = world.create_load_balancer(**FORWARDER)
    world.run_all()
    pool = world.add_pool(lb)
    world.run_all()
    old = world.only_amphora(lb)
    for host in world.cloud.hosts.values():
        host.free_vfs.clear()
    member = world.add_member(pool, "10.1.0.10", "sub-1", vnic_type="direct")
    world.run_all()
    assert world.agent.provisioning(member) == "ERROR"
    assert world.codes(member, lb) == ["no-vf"]
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.only_amphora(lb).id == old.id
    assert leaked(world) == []
    clean(world, lb)


@pytest.mark.parametrize(
    ("binding", "code", "said"),
    [
        ({"vif_type": "binding_failed"}, "binding-failed", "vif_type binding_failed"),
        ({"host": "host-1"}, "wrong-host", "vif_type hw_veb, host host-1"),
        ({"vif_type": "unbound"}, "not-bound", "vif_type unbound"),
    ],
)
@pytest.mark.parametrize("node", [{}, BOOT])
def test_port_that_is_not_connected(
    world: World, node: dict[str, Any], binding: dict[str, str], code: str, said: str
) -> None:
    bind = world.cloud._bind

    def badly(port_id: str, server: Any) -> None:
        bind(port_id, server)
        if world.cloud.port_rows[port_id].vnic_type == "direct":
            world.cloud._put_port(port_id, **binding)

    world.cloud._bind = badly  # type: ignore[method-assign]
    world.cloud._schedule = lambda spec: "host-0"  # type: ignore[method-assign]
    lb = world.create_load_balancer(**node)
    assert len(world.run_all()) == 3
    (reason,) = (r for r in world.reasons(lb) if r.object_id == lb)
    assert reason.code == code
    assert said in reason.operator
    assert "physical network physnet1" in reason.operator
    assert "on host host-" in reason.operator
    assert "host" not in reason.user
    assert world.cloud.left_over() == ()


def test_what_the_port_became_is_on_record_and_decided_anew_by_a_failover(world: World) -> None:
    """The same flavor on a host that offloads: Neutron filters, and gets rules only then."""
    lb = world.create_load_balancer()
    world.run_all()
    world.add_listener(lb, allowed_cidrs=["10.9.0.0/16"])
    world.run_all()
    (port,) = world.inventory(lb).ports
    assert (port.vnic_type, port.vif_type, port.filter) == ("direct", "hw_veb", Filter.AMPHORA)
    assert world.cloud.count("set_group_rules") == 0
    for host in world.cloud.hosts.values():
        host.offloads = True
    world.failover(lb)
    world.run_all()
    (port,) = world.inventory(lb).ports
    assert (port.vnic_type, port.vif_type, port.filter) == ("direct", "ovs", Filter.NEUTRON)
    (group,) = world.cloud.groups.values()
    assert [(r.protocol, r.port, r.cidr) for r in group.rules] == [("tcp", 80, "10.9.0.0/16")]
    (interface,) = world.inside(lb).document["interfaces"]
    assert interface["filter"] == "neutron"
