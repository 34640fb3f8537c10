"""What is asked of Neutron, Nova and Placement, and what becomes of their answers; the bodies are
those of Neutron 29, Nova 34 and Placement 16."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from sriov_provider.capacity.model import BoundPort, Outside, Stock
from sriov_provider.cloud import Cloud
from sriov_provider.survey import Survey
from tests.fakes.services import Services

NEUTRON, NOVA, PLACEMENT = "/network/v2.0", "/compute/v2.1", "/placement"
VF = {
    "pci_vendor_info": "15b3:1018",
    "pci_slot": "0000:81:01.0",
    "physical_network": "physnet1",
    "pf_mac_address": "02:aa:00:00:81:00",
    "vf_num": 6,
}
VERSION = {
    "id": "v1.0",
    "max_version": "1.39",
    "min_version": "1.0",
    "status": "CURRENT",
    "links": [{"rel": "self", "href": ""}],
}
CLASS = "CUSTOM_PCI_15B3_1018"


def agent(host: str, alive: bool = True, enabled: bool = True) -> dict[str, Any]:
    mappings = {"physnet1": ["pf0", "pf1"], "physnet2": ["pf2"]}
    return {
        "agent_type": "NIC Switch agent",
        "host": host,
        "admin_state_up": enabled,
        "alive": alive,
        "configurations": {"device_mappings": mappings, "devices": 0, "extensions": []},
    }


def port(port_id: str, host: str, **profile: Any) -> dict[str, Any]:
    return {"id": port_id, "binding:host_id": host, "binding:profile": profile}


def service(host: str, state: str = "up", status: str = "enabled") -> dict[str, Any]:
    return {"binary": "nova-compute", "host": host, "state": state, "status": status}


def provider(name: str, uuid: str, root: str) -> dict[str, Any]:
    return {"name": name, "uuid": uuid, "root_provider_uuid": root}


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        running.catalog["placement"] = running.url + PLACEMENT
        running.answer("GET", PLACEMENT, {"versions": [VERSION]})
        running.answer("GET", f"{NEUTRON}/agents", {"agents": [agent("compute1")]})
        running.answer("GET", f"{NEUTRON}/ports", {"ports": []})
        running.answer("GET", f"{NEUTRON}/networks", {"networks": []})
        running.answer("GET", f"{NOVA}/os-services", {"services": [service("compute1")]})
        yield running


def look(
    services: Services, tmp_path: pathlib.Path, *networks: str, classes: tuple[str, ...] = ()
) -> Outside:
    return Survey(Cloud(services.conf(tmp_path)), classes).outside(networks)


def test_one_call_each(services: Services, tmp_path: pathlib.Path) -> None:
    found = look(services, tmp_path, "net1", "net2")
    assert services.calls() == [
        f"GET {NEUTRON}/agents",
        f"GET {NEUTRON}/ports",
        f"GET {NEUTRON}/networks",
        f"GET {NOVA}/os-services",
    ]
    assert found.mapped == {"compute1": frozenset({"physnet1", "physnet2"})}
    assert (found.ports, found.hosts_down, found.unknown) == ((), {}, ())


def test_only_bound_ports_with_a_pci_device_hold_a_vf(
    services: Services, tmp_path: pathlib.Path
) -> None:
    tunnelled = {**VF, "physical_network": None}
    ports = [
        port("vf", "compute1", **VF),
        port("offloaded", "compute1", **tunnelled),
        port("normal", "compute1"),
        port("unbound", "", **VF),
    ]
    services.answer_first("GET", f"{NEUTRON}/ports", {"ports": ports}, 200)
    assert look(services, tmp_path).ports == (
        BoundPort("vf", "compute1", "physnet1"),
        BoundPort("offloaded", "compute1", "tunnelled"),
    )


def test_ports_come_in_pages_without_what_is_not_needed(
    services: Services, tmp_path: pathlib.Path
) -> None:
    first = {"ports": [port("a", "h", **VF)], "ports_links": [{"rel": "next", "href": "..."}]}
    services.answer_first("GET", f"{NEUTRON}/ports", first, 200)
    found = look(services, tmp_path)
    asked = [r.query for r in services.requests if r.path == f"{NEUTRON}/ports"]
    assert [query.get("marker") for query in asked] == [None, ["a"]]
    assert asked[0]["fields"] == ["id", "binding:host_id", "binding:profile"]
    assert found.ports == (BoundPort("a", "h", "physnet1"),)


def test_who_sees_no_bindings_knows_nothing_of_others(
    services: Services, tmp_path: pathlib.Path
) -> None:
    services.answer_first("GET", f"{NEUTRON}/ports", {"ports": [{"id": "own"}]}, 200)
    found = look(services, tmp_path)
    assert found.ports is None
    assert found.unknown == ("VFs that others hold: Neutron shows this user no port bindings",)


def test_physical_networks(services: Services, tmp_path: pathlib.Path) -> None:
    physnet = "provider:physical_network"
    same, two = [{physnet: "p3"}, {physnet: "p3"}], [{physnet: "p3"}, {physnet: "p4"}]
    networks = [
        {"id": "vlan", physnet: "physnet1", "provider:network_type": "vlan"},
        {"id": "vxlan", physnet: None, "provider:network_type": "vxlan"},
        {"id": "hidden"},
        {"id": "routed", "segments": same},
        {"id": "split", "segments": two},
    ]
    services.answer_first("GET", f"{NEUTRON}/networks", {"networks": networks}, 200)
    found = look(services, tmp_path, *(network["id"] for network in networks))
    assert found.physnets == {"vlan": "physnet1", "vxlan": "tunnelled", "routed": "p3"}


def test_many_networks_are_asked_for_in_parts(services: Services, tmp_path: pathlib.Path) -> None:
    look(services, tmp_path, *(f"net{n:03}" for n in range(120)))
    asked = [len(r.query["id"]) for r in services.requests if r.path == f"{NEUTRON}/networks"]
    assert asked == [50, 50, 20]


def test_no_networks_no_question(services: Services, tmp_path: pathlib.Path) -> None:
    assert look(services, tmp_path).physnets == {}
    assert f"GET {NEUTRON}/networks" not in services.calls()


def test_what_is_down(services: Services, tmp_path: pathlib.Path) -> None:
    agents = [agent("a"), agent("b", alive=False), agent("c", enabled=False)]
    services.answer_first("GET", f"{NEUTRON}/agents", {"agents": agents}, 200)
    states = [service("a"), service("b", state="down"), service("c", status="disabled")]
    services.answer_first("GET", f"{NOVA}/os-services", {"services": states}, 200)
    found = look(services, tmp_path)
    assert found.agents_down == {"b", "c"}
    assert found.hosts_down == {"b": "its nova-compute is down", "c": "it is disabled in Nova"}


def test_stocks_of_a_host_are_added_up(services: Services, tmp_path: pathlib.Path) -> None:
    services.answer(
        "GET",
        f"{NOVA}/os-hypervisors/detail",
        {
            "hypervisors": [
                {"hypervisor_hostname": "compute2.example.org", "service": {"host": "compute2"}}
            ]
        },
    )
    providers = [
        provider("compute2.example.org", "root", "root"),
        provider("compute2.example.org_0000:82:00.0", "pf1", "root"),
        provider("compute2.example.org_0000:83:00.0", "pf2", "root"),
        provider("elsewhere_0000:83:00.0", "pf3", "another"),
    ]
    listing = f"{PLACEMENT}/resource_providers"
    services.answer("GET", listing, {"resource_providers": providers})
    services.answer("GET", listing, {"resource_providers": providers[1:]})
    inventory = {CLASS: {"total": 8, "reserved": 1}}
    for name, inventories in (("pf1", inventory), ("pf2", inventory | {"X": {"total": 5}})):
        services.answer("GET", f"{listing}/{name}/inventories", {"inventories": inventories})
        services.answer("GET", f"{listing}/{name}/usages", {"usages": {CLASS: 2, "X": 1}})
    found = look(services, tmp_path, classes=(CLASS,))
    assert found.stocks == {CLASS: {"compute2": Stock(total=14, used=4)}}
    assert found.unknown == ()
    [query] = [r for r in services.requests if r.path == listing and r.query]
    assert query.query == {"required": ["COMPUTE_MANAGED_PCI_DEVICE"]}
    assert query.headers["OpenStack-API-Version"] == "placement 1.18"


def test_placement_is_left_alone_unless_it_is_named(
    services: Services, tmp_path: pathlib.Path
) -> None:
    look(services, tmp_path)
    assert [r for r in services.requests if r.path.startswith(PLACEMENT)] == []


def test_a_service_that_refuses_costs_only_its_own(
    services: Services, tmp_path: pathlib.Path
) -> None:
    forbidden = {"forbidden": {"message": "Policy doesn't allow it", "code": 403}}
    services.answer_first("GET", f"{NOVA}/os-services", forbidden, 403)
    found = look(services, tmp_path, classes=(CLASS,))
    assert found.hosts_down is None
    assert found.mapped == {"compute1": frozenset({"physnet1", "physnet2"})}
    refused, absent = found.unknown
    assert refused.startswith("hosts that are down or disabled: ")
    assert "Policy doesn't allow it" in refused
    assert absent.startswith("inventories of VFs: ")


def test_a_cloud_that_is_away_is_unknown(tmp_path: pathlib.Path) -> None:
    services = Services()
    services.close()
    found = look(services, tmp_path, "net1", classes=(CLASS,))
    assert (found.ports, found.mapped, found.hosts_down) == (None, None, None)
    assert (found.physnets, found.stocks) == ({}, {})
    assert len(found.unknown) == 5
