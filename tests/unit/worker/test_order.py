"""Nothing gets in before a rule says so, and nothing stays open that should be closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sriov_provider.firewall import document
from sriov_provider.records import PortRole
from sriov_provider.vnic import Filter
from tests.fakes import errors
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.scenes import working


def ports_open(rules: Mapping[str, Any]) -> set[int]:
    return {listener["port"] for listener in rules["listeners"]}


def test_deny_all_comes_before_the_interface(world: World) -> None:
    scene = working(world)
    inside = world.inside(scene.lb)
    assert inside.order[0] == "apply_firewall"
    assert inside.documents[0] == document.deny_all()
    assert inside.order.index("plug_vip") > 0
    assert inside.order[-1] == "apply_firewall"
    assert len(inside.documents) == 2  # nothing but deny-all until everything is known


def test_deny_all_comes_before_the_base_port_goes_up(world: World) -> None:
    world.create_load_balancer()
    world.run_all()
    log = world.calls.log
    assert log.index("apply_firewall") < log.index("plug_vip")
    assert log.index("attach_port") < log.index("plug_vip")


def test_rules_name_a_port_only_when_its_binding_has_been_read(world: World) -> None:
    scene = working(world)
    log = world.calls
    log.forget()
    world.add_member(scene.pool, "10.3.0.9", "sub-3", vnic_type="direct")
    world.run_all()
    assert log.log.index("port") < log.log.index("apply_firewall")
    filters = {i["filter"] for i in world.inside(scene.lb).document["interfaces"]}
    assert filters == {"amphora", "neutron"}


def test_amphora_filters_what_nobody_says_to_filter(world: World) -> None:
    """A host that does not tell who filters."""
    bind = world.cloud._bind

    def silent(port_id: str, server: Any) -> None:
        bind(port_id, server)
        world.cloud._put_port(port_id, port_filter=None)

    world.cloud._bind = silent  # type: ignore[method-assign]
    lb = world.create_load_balancer(**{"listeners": [world.listener("lb-1")]})
    world.run_all()
    (port,) = world.inventory(lb).ports
    assert port.filter is Filter.AMPHORA
    (interface,) = world.inside(lb).document["interfaces"]
    assert interface["filter"] == "amphora"


def test_closing_comes_before_haproxy_and_opening_after(world: World) -> None:
    scene = working(world)
    inside = world.inside(scene.lb)
    inside.order.clear()
    inside.documents.clear()
    world.update(scene.listener, protocol_port=443)
    world.run_all()
    assert inside.order == ["apply_firewall", "configure", "apply_firewall"]
    assert [ports_open(d) for d in inside.documents] == [set(), {443}]


def test_only_opening_is_one_document(world: World) -> None:
    scene = working(world)
    inside = world.inside(scene.lb)
    inside.order.clear()
    world.add_listener(scene.lb, protocol_port=81)
    world.run_all()
    assert inside.order == ["configure", "apply_firewall"]
    assert ports_open(inside.document) == {80, 81}


def test_lost_answer_of_the_firewall_is_put_right(world: World) -> None:
    """The rules were opened, nobody heard of it, and the job failed for good."""
    scene = working(world)
    before = world.inside(scene.lb).document
    world.amphora.fail("apply_firewall", errors.firewall_refused(), after=True)
    world.amphora.fail(
        "apply_firewall", lambda _, rules: None if 81 in ports_open(rules) else errors.unreachable()
    )
    listener = world.add_listener(scene.lb, protocol_port=81)
    world.run_all()
    assert world.agent.provisioning(listener) == "ERROR"
    assert world.only_amphora(scene.lb).firewall_digest is None
    world.amphora.heal()
    world.delete(listener)
    world.run_all()
    assert world.inside(scene.lb).document == before


def test_failed_change_puts_the_rules_back(world: World) -> None:
    scene = working(world)
    before = world.inside(scene.lb).document
    world.amphora.fail("configure", errors.firewall_refused())
    world.update(scene.listener, protocol_port=443)
    world.run_all()
    assert world.agent.provisioning(scene.listener) == "ERROR"
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.inside(scene.lb).document == before


def offloaded(world: World) -> None:
    for host in world.cloud.hosts.values():
        host.offloads = True


def rules_of(world: World, lb: str) -> set[tuple[str, int | None, str | None]]:
    (group,) = [g for g in world.cloud.groups.values() if g.name == f"lb-{lb}"]
    return {(r.protocol, r.port, r.cidr) for r in group.rules}


def test_offloaded_host_leaves_filtering_to_neutron(world: World) -> None:
    offloaded(world)
    scene = working(world)
    assert {p.filter for p in world.inventory(scene.lb).ports} == {Filter.NEUTRON}
    assert {i["filter"] for i in world.inside(scene.lb).document["interfaces"]} == {"neutron"}
    assert rules_of(world, scene.lb) == {("tcp", 80, None)}
    world.update(scene.listener, allowed_cidrs=["10.9.0.0/16"])
    world.run_all()
    assert rules_of(world, scene.lb) == {("tcp", 80, "10.9.0.0/16")}
    world.delete(scene.listener)
    world.run_all()
    assert rules_of(world, scene.lb) == set()


@pytest.mark.parametrize("value", ["always", "auto"])
def test_amphora_firewall(world: World, value: str) -> None:
    offloaded(world)
    scene = working(world, flavor=SRIOV | {"amphora_firewall": value})
    expected = "amphora" if value == "always" else "neutron"
    assert {i["filter"] for i in world.inside(scene.lb).document["interfaces"]} == {expected}
    assert rules_of(world, scene.lb) == {("tcp", 80, None)}  # Neutron filters all the same


def test_legacy_host_needs_no_rules_in_neutron(world: World) -> None:
    scene = working(world)
    assert world.cloud.count("set_group_rules") == 0
    assert rules_of(world, scene.lb) == set()
    vip = next(p for p in world.inventory(scene.lb).ports if p.role is PortRole.VIP)
    assert world.cloud.port_rows[vip.neutron_id or ""].security_groups
