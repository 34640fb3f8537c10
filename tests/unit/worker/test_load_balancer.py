from __future__ import annotations

import dataclasses

import pytest

from sriov_provider.amphora.base import AgentInfo, Endpoint
from sriov_provider.db import inventory
from sriov_provider.records import AmphoraState, PortRole, PortState
from sriov_provider.vnic import Filter
from tests.fakes import errors
from tests.fakes.state import GroupRow
from tests.unit.worker.harness import SETTINGS, SRIOV, World
from tests.unit.worker.scenes import clean, populated, working


def test_empty_load_balancer(world: World) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    assert (world.agent.provisioning(lb), world.agent.operating(lb)) == ("ACTIVE", "ONLINE")
    held = world.inventory(lb)
    (amphora,), (port,) = held.amphorae, held.ports
    assert amphora.state is AmphoraState.READY
    assert amphora.management_ip and amphora.host and amphora.certificate_expires
    assert (port.role, port.state, port.vnic_type) == (PortRole.VIP, PortState.ATTACHED, "direct")
    assert (port.filter, amphora.vrrp_port_id) == (Filter.AMPHORA, port.neutron_id)
    assert port.pci_slot in next(iter(world.cloud.claimed_vfs()))
    real = world.cloud.port_rows[port.neutron_id or ""]
    assert real.allowed_addresses == ("10.0.0.2",)
    assert [world.cloud.groups[g].name for g in real.security_groups] == [f"lb-{lb}"]
    assert amphora.vrrp_ip == real.fixed_ips[0].address
    inside = world.inside(lb)
    assert inside.vip is not None
    assert (inside.vip.vip_address, inside.vip.vrrp_ip) == ("10.0.0.2", amphora.vrrp_ip)
    assert inside.configurations == []
    clean(world, lb)


def test_compute_flavor_image_and_networks_reach_nova(world: World) -> None:
    lb = world.create_load_balancer(flavor=SRIOV | {"amp_image_tag": "other"})
    world.cloud.images["other", None] = "image-2"
    world.run_all()
    (server,) = world.cloud.servers.values()
    spec = server.spec
    assert (spec.flavor, spec.image_id, spec.networks) == ("m1.amphora", "image-2", ("mgmt-net",))
    assert spec.security_groups == ("mgmt-group",)
    assert spec.name == f"amphora-{world.only_amphora(lb).id}"
    assert spec.server_group_id is None


def test_fully_populated_load_balancer(world: World) -> None:
    scene = working(world)
    assert world.pending() == []
    assert world.agent.operating(scene.direct) == "ONLINE"
    inside = world.inside(scene.lb)
    served = world.served(scene.lb)
    assert [li.l7policies[0].rules[0].id for li in served.listeners] == [scene.rule]
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert len(inside.networks) == 2
    kinds = {p.network_id: (p.vnic_type, p.filter) for p in world.inventory(scene.lb).ports}
    assert kinds == {
        "vip-net": ("direct", Filter.AMPHORA),
        "net-1": ("direct", Filter.AMPHORA),
        "net-2": ("normal", Filter.NEUTRON),
    }
    assert [li["port"] for li in inside.document["listeners"]] == [80]
    assert len(inside.document["interfaces"]) == 3
    views = inside.configurations[-1].amphorae
    amphora = world.only_amphora(scene.lb)
    assert [(v.id, v.vrrp_ip, v.management_ip) for v in views] == [
        (amphora.id, amphora.vrrp_ip, amphora.management_ip)
    ]
    clean(world, scene.lb)


def test_create_and_delete_stay_within_their_calls(world: World) -> None:
    with world.counted() as calls:
        lb = world.create_load_balancer()
        world.run_all()
    assert len(calls.network) <= 10
    assert len(calls.compute) <= 7
    with world.counted() as calls:
        world.delete_load_balancer(lb)
        world.run_all()
    assert len(calls.network) <= 8
    assert len(calls.compute) <= 3


def test_populated_create_and_delete_stay_within_their_calls(world: World) -> None:
    lb = world.create_load_balancer(**populated(world))
    with world.counted() as calls:
        world.run_all()
    # Ten for the load balancer, four for each new member network.
    assert len(calls.network) <= 10 + 2 * 4
    world.delete_load_balancer(lb)
    with world.counted() as calls:
        world.run_all()
    assert len(calls.network) <= 8


def test_additional_vips(world: World) -> None:
    extra = [
        {"ip_address": "10.0.1.77", "subnet_id": "vip-subnet-b", "network_id": "vip-net"},
        {"ip_address": "fd00::77", "subnet_id": "vip6-subnet", "network_id": "vip-net"},
    ]
    lb = world.create_load_balancer(additional_vips=extra, **populated(world))
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    port = next(p for p in world.inventory(lb).ports if p.role is PortRole.VIP)
    real = world.cloud.port_rows[port.neutron_id or ""]
    assert real.allowed_addresses == ("10.0.0.2", "10.0.1.77", "fd00::77")
    assert {ip.subnet_id for ip in real.fixed_ips} == {"vip-subnet", "vip-subnet-b", "vip6-subnet"}
    plug = world.inside(lb).vip
    assert plug is not None
    assert [(a, s.id) for a, s in plug.additional] == [
        ("10.0.1.77", "vip-subnet-b"),
        ("fd00::77", "vip6-subnet"),
    ]
    vips = [i["vips"] for i in world.inside(lb).document["interfaces"] if i["vips"]]
    assert vips == [["10.0.0.2", "10.0.1.77", "fd00::77"]]
    assert world.only_amphora(lb).vrrp_ip in {ip.address for ip in real.fixed_ips}
    clean(world, lb)


def test_normal_vip(world: World) -> None:
    lb = world.create_load_balancer(flavor={}, **populated(world))
    world.run_all()
    port = next(p for p in world.inventory(lb).ports if p.role is PortRole.VIP)
    assert (port.vnic_type, port.filter) == ("normal", Filter.NEUTRON)
    assert world.agent.provisioning("direct") == "ERROR"  # the flavor does not allow it
    assert world.codes("direct", lb) == ["unsupported"]
    assert world.agent.provisioning("normal") == "ACTIVE"
    assert world.agent.provisioning(lb) == "ACTIVE"
    clean(world, lb)


def test_admin_state(world: World) -> None:
    scene = working(world)
    world.update(scene.lb, admin_state_up=False)
    world.run_all()
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.agent.operating(scene.lb) == "OFFLINE"
    assert world.inside(scene.lb).document["listeners"] == []
    assert not world.served(scene.lb).enabled
    world.update(scene.lb, admin_state_up=True)
    world.run_all()
    assert world.agent.operating(scene.lb) == "ONLINE"
    assert len(world.inside(scene.lb).document["listeners"]) == 1
    assert world.calls.network == []


@pytest.mark.parametrize("policy", ["qos-2", None])
def test_qos_policy(world: World, policy: str | None) -> None:
    lb = world.create_load_balancer(vip_qos_policy_id="qos-1")
    world.run_all()
    (port,) = world.inventory(lb).ports
    assert world.cloud.port_rows[port.neutron_id or ""].qos_policy_id == "qos-1"
    with world.counted() as calls:
        world.update(lb, vip_qos_policy_id=policy)
        world.run_all()
    assert calls.network == ["update_port"]
    assert world.cloud.port_rows[port.neutron_id or ""].qos_policy_id == policy


def test_security_groups_on_the_vip(world: World) -> None:
    for name in ("mine", "other"):
        world.cloud.groups[name] = GroupRow(name, name, "")
    lb = world.create_load_balancer(flavor={}, vip_sg_ids=["mine"])
    world.run_all()
    (port,) = world.inventory(lb).ports
    own, *asked = world.cloud.port_rows[port.neutron_id or ""].security_groups
    assert asked == ["mine"]
    with world.counted() as calls:
        world.update(lb, vip_sg_ids=["other"])
        world.run_all()
    assert "update_port" in calls.network
    assert world.cloud.port_rows[port.neutron_id or ""].security_groups == (own, "other")
    world.update(lb, vip_sg_ids=[])
    world.run_all()
    assert world.cloud.port_rows[port.neutron_id or ""].security_groups == (own,)


def test_update_that_changes_nothing_calls_nothing(world: World) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    with world.counted() as calls:
        world.update(lb, name="other")
        world.run_all()
    assert calls.log == []
    assert world.agent.provisioning(lb) == "ACTIVE"


@pytest.mark.parametrize("cascade", [True, False])
def test_delete(world: World, cascade: bool) -> None:
    scene = working(world)
    world.delete_load_balancer(scene.lb, cascade=cascade)
    world.run_all()
    assert world.agent.provisioning(scene.lb) == "DELETED"
    # Octavia gives back the quota of what is reported as deleted, and of nothing else.
    assert {world.agent.provisioning(i) for i in scene.ids} == {"DELETED"}
    assert world.cloud.left_over() == ()
    assert world.pending() == []


def test_delete_of_what_is_gone_already(world: World) -> None:
    scene = working(world)
    for server in tuple(world.cloud.servers):
        world.cloud.delete_server(server)
    for port in world.inventory(scene.lb).ports:
        world.cloud.delete_port(port.neutron_id or "")
    world.cloud.groups.clear()
    clean(world, scene.lb)


def test_delete_of_what_was_never_built(world: World) -> None:
    lb = world.create_load_balancer()
    world.cloud.fail("ensure_security_group", errors.quota())
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    clean(world, lb)


def test_delete_of_what_octavia_does_not_show_any_more(world: World) -> None:
    scene = working(world)
    world.delete_load_balancer(scene.lb)
    world.agent.trees.clear()
    world.run_all()
    assert world.agent.provisioning(scene.lb) == "DELETED"
    assert world.cloud.left_over() == ()


def test_create_without_a_record_of_ours(world: World) -> None:
    """A database that was restored from before the create."""
    lb = world.create_load_balancer()
    world.sessions.run(lambda session: inventory.delete_load_balancer(session, lb))
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    clean(world, lb)


def test_no_management_network_at_all(world: World) -> None:
    amphora = dataclasses.replace(SETTINGS.amphora, boot_networks=())
    world.restart(dataclasses.replace(SETTINGS, amphora=amphora))
    lb = world.create_load_balancer()
    world.run_all()
    assert world.codes(lb, lb) == ["configuration"]
    assert "amp_boot_network_list" in world.reasons(lb)[0].operator
    assert world.cloud.left_over() == ()


def test_the_agent_gets_the_time_the_operator_allows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    amphora = dataclasses.replace(SETTINGS.amphora, agent_timeout=77.0)
    world.restart(dataclasses.replace(SETTINGS, amphora=amphora))
    asked, ready = [], world.amphora.wait_ready

    def wait_ready(endpoint: Endpoint, timeout: float) -> AgentInfo:
        asked.append(timeout)
        return ready(endpoint, timeout)

    monkeypatch.setattr(world.amphora, "wait_ready", wait_ready)
    world.create_load_balancer()
    world.run_all()
    assert asked == [77.0]
