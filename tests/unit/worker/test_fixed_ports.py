"""Amphorae that get all their ports when they are made: nothing is ever plugged into one."""

from __future__ import annotations

import dataclasses

import pytest

from sriov_provider.worker.placement import Way, ways
from tests.fakes.state import Host
from tests.unit.worker.harness import SETTINGS, SRIOV, World
from tests.unit.worker.operations import small
from tests.unit.worker.scenes import clean
from tests.unit.worker.shape import leaked

FIXED = dataclasses.replace(SETTINGS, amphora=dataclasses.replace(SETTINGS.amphora, hotplug=False))
PAIR = {"flavor": SRIOV | {"loadbalancer_topology": "ACTIVE_STANDBY"}}


@pytest.fixture
def fixed(world: World) -> World:
    world.cloud.hosts["host-1"] = Host("host-1", [f"0000:af:02.{n}" for n in range(8)])
    world.restart(FIXED)
    return world


def plugged(world: World) -> list[str]:
    return [str(c.args[1]) for c in world.cloud.log if c.verb == "attach_port"]


def test_there_is_one_way() -> None:
    for flavor in ({}, SRIOV, SRIOV | {"vip_attach": "boot"}):
        for members in ((), ("direct",), ("normal", "virtio-forwarder")):
            assert ways(flavor, members, hotplug=False) == (Way.BOOT_ALL,)


def test_a_new_load_balancer_boots_with_all_its_ports(fixed: World) -> None:
    lb = fixed.create_load_balancer(**small(fixed))
    fixed.run_all()
    assert fixed.agent.provisioning(lb) == "ACTIVE"
    (server,) = fixed.cloud.servers.values()
    ours = {p.neutron_id for p in fixed.inventory(lb).ports}
    assert len(ours) == 2
    assert set(server.spec.port_ids) == ours
    assert plugged(fixed) == []
    clean(fixed, lb)


@pytest.mark.parametrize("vnic_type", ["normal", "direct"])
@pytest.mark.parametrize("flavor", [{"flavor": SRIOV}, PAIR], ids=["single", "pair"])
def test_a_member_on_another_network_means_new_amphorae(
    fixed: World, vnic_type: str, flavor: dict[str, dict[str, object]]
) -> None:
    lb = fixed.create_load_balancer(**flavor)
    fixed.run_all()
    pool = fixed.add_pool(lb)
    fixed.run_all()
    before = {a.id for a in fixed.inventory(lb).amphorae}
    member = fixed.add_member(pool, "10.1.0.10", "sub-1", vnic_type=vnic_type)
    fixed.run_all()
    assert fixed.agent.provisioning(member) == "ACTIVE"
    after = {a.id for a in fixed.inventory(lb).amphorae}
    assert len(after) == len(before)
    assert after.isdisjoint(before)
    # Nobody has the VIP when the first of the new ones gets it.
    assert {fixed.amphora.of(i).order[-1] for i in before} == {"stand_down"}
    verbs = [c.verb for c in fixed.amphora.log if c.verb in ("stand_down", "plug_vip")]
    assert verbs[-2 * len(before) :] == ["stand_down"] * len(before) + ["plug_vip"] * len(before)
    # One more there changes nothing but the configuration.
    second = fixed.add_member(pool, "10.1.0.11", "sub-1", vnic_type=vnic_type)
    fixed.run_all()
    assert fixed.agent.provisioning(second) == "ACTIVE"
    assert {a.id for a in fixed.inventory(lb).amphorae} == after
    assert plugged(fixed) == []
    assert leaked(fixed) == []
    clean(fixed, lb)


def test_a_failover_boots_with_all_ports_too(fixed: World) -> None:
    lb = fixed.create_load_balancer(**small(fixed))
    fixed.run_all()
    fixed.failover(lb)
    fixed.run_all()
    assert fixed.agent.provisioning(lb) == "ACTIVE"
    (server,) = fixed.cloud.servers.values()
    assert len(server.spec.port_ids) == 2
    assert plugged(fixed) == []
    clean(fixed, lb)


def test_no_vf_anywhere(fixed: World) -> None:
    for host in fixed.cloud.hosts.values():
        host.free_vfs.clear()
    lb = fixed.create_load_balancer(**small(fixed))
    (job,) = fixed.run_all()
    assert (fixed.agent.provisioning(lb), job.placement) == ("ERROR", 0)
    (reason,) = (r for r in fixed.reasons(lb) if r.object_id == lb)
    assert reason.code == "no-vf"
    assert fixed.cloud.left_over() == ()
