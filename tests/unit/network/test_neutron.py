"""The Neutron client against a real HTTP server: what goes over the wire, what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import (
    FixedIp,
    GroupRule,
    Network,
    NetworkClient,
    PortSpec,
    Route,
    Subnet,
)
from sriov_provider.network.neutron import NeutronNetwork
from tests.fakes import errors
from tests.fakes.services import Services

NET = "/network/v2.0"
PORT: dict[str, Any] = {
    "id": "port-1",
    "name": "vrrp",
    "network_id": "net-1",
    "mac_address": "fa:16:3e:00:00:01",
    "fixed_ips": [{"subnet_id": "sub-1", "ip_address": "10.0.0.5"}],
    "status": "ACTIVE",
    "device_id": "server-1",
    "binding:vnic_type": "direct",
    "binding:vif_type": "hw_veb",
    "binding:host_id": "compute-1",
    "binding:vif_details": {"port_filter": False, "vlan": "100"},
    "binding:profile": {"pci_slot": "0000:81:00.2", "physical_network": "physnet1"},
    "port_security_enabled": True,
    "security_groups": ["sg-1"],
    "allowed_address_pairs": [{"ip_address": "10.0.0.9", "mac_address": "fa:16:3e:00:00:01"}],
    "qos_policy_id": None,
}
UNBOUND = {
    "id": "port-2",
    "name": "vip",
    "network_id": "net-1",
    "mac_address": "fa:16:3e:00:00:02",
    "fixed_ips": [],
    "status": "DOWN",
}


def refusal(kind: str, message: str = "no") -> dict[str, Any]:
    return {"NeutronError": {"type": kind, "message": message, "detail": ""}}


def test_it_fits_the_contract(neutron: NeutronNetwork) -> None:
    client: NetworkClient = neutron
    assert client is neutron


def test_port_create_sends_what_is_asked_and_never_a_binding_profile(
    services: Services, neutron: NeutronNetwork
) -> None:
    services.answer("POST", f"{NET}/ports", {"port": PORT}, 201)
    spec = PortSpec(
        "vrrp", "lb-1", "net-1", ("sub-1", "sub-2"), "direct", ("sg-1",), ("10.0.0.9",), "gold"
    )
    port = neutron.create_port(spec)
    assert services.last("POST").body == {
        "port": {
            "name": "vrrp",
            "description": "lb-1",
            "network_id": "net-1",
            "admin_state_up": True,
            "binding:vnic_type": "direct",
            "security_groups": ["sg-1"],
            "fixed_ips": [{"subnet_id": "sub-1"}, {"subnet_id": "sub-2"}],
            "allowed_address_pairs": [{"ip_address": "10.0.0.9"}],
            "qos_policy_id": "gold",
        }
    }
    assert port.fixed_ips == (FixedIp("sub-1", "10.0.0.5"),)
    assert (port.vif_type, port.port_filter, port.host) == ("hw_veb", False, "compute-1")
    assert (port.pci_slot, port.allowed_addresses) == ("0000:81:00.2", ("10.0.0.9",))
    assert services.calls() == [f"POST {NET}/ports"]


def test_minimal_port_takes_no_default_group(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("POST", f"{NET}/ports", {"port": UNBOUND}, 201)
    port = neutron.create_port(PortSpec("vip", "lb-1", "net-1", (), "normal"))
    body = services.last("POST").body["port"]
    assert body["security_groups"] == []
    assert "fixed_ips" not in body
    assert (port.vif_type, port.port_filter, port.pci_slot) == ("", None, None)
    assert port.vnic_type == "normal"


def test_reads_of_many_ports_are_one_call_and_log_in_once(
    services: Services, neutron: NeutronNetwork
) -> None:
    services.answer("GET", f"{NET}/ports", {"ports": [PORT, UNBOUND]})
    assert [p.id for p in neutron.ports("lb-1")] == ["port-1", "port-2"]
    neutron.ports("lb-1")
    assert services.last("GET").query == {"description": ["lb-1"]}
    assert services.calls() == [f"GET {NET}/ports"] * 2
    assert services.overhead() == ["GET /identity", "POST /identity/v3/auth/tokens"]


def test_pages_are_followed(services: Services, neutron: NeutronNetwork) -> None:
    more = [{"rel": "next", "href": "ignored"}]
    services.answer("GET", f"{NET}/ports", {"ports": [PORT], "ports_links": more})
    services.answer("GET", f"{NET}/ports", {"ports": [UNBOUND]})
    assert [p.id for p in neutron.ports("lb-1")] == ["port-1", "port-2"]
    assert services.last("GET").query == {"description": ["lb-1"], "marker": ["port-1"]}


def test_port_is_read_or_is_gone(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("GET", f"{NET}/ports/port-1", {"port": PORT})
    services.answer("GET", f"{NET}/ports/gone", refusal("PortNotFound"), 404)
    found = neutron.port("port-1")
    assert found is not None
    assert found.device_id == "server-1"
    assert neutron.port("gone") is None


def test_network_and_subnet(services: Services, neutron: NeutronNetwork) -> None:
    services.answer(
        "GET",
        f"{NET}/networks/net-1",
        {
            "network": {
                "id": "net-1",
                "name": "public",
                "mtu": 9000,
                "port_security_enabled": False,
                "provider:physical_network": "physnet1",
                "provider:network_type": "vlan",
            }
        },
    )
    shown = {
        "id": "sub-1",
        "network_id": "net-1",
        "cidr": "2001:db8::/64",
        "gateway_ip": None,
        "ip_version": 6,
        "host_routes": [{"destination": "2001:db8:1::/64", "nexthop": "2001:db8::1"}],
        "enable_dhcp": True,
        "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac",
    }
    services.answer("GET", f"{NET}/subnets/sub-1", {"subnet": shown})
    assert neutron.network("net-1") == Network("net-1", "public", 9000, False, "physnet1", "vlan")
    route = Route("2001:db8:1::/64", "2001:db8::1")
    wanted = Subnet("sub-1", "net-1", "2001:db8::/64", None, 6, (route,), dhcp=True, slaac=True)
    assert neutron.subnet("sub-1") == wanted


def test_several_networks_and_subnets_are_a_call_each(
    services: Services, neutron: NeutronNetwork
) -> None:
    """Those that are gone are left out."""
    shown = {"id": "s-1", "network_id": "n-1", "cidr": "192.0.2.0/24", "ip_version": 4}
    services.answer("GET", f"{NET}/networks", {"networks": [{"id": "n-1", "name": "x"}]})
    services.answer("GET", f"{NET}/subnets", {"subnets": [shown]})
    assert neutron.list_networks(("n-1", "gone")) == (Network("n-1", "x"),)
    assert services.last("GET").query == {"id": ["n-1", "gone"]}
    assert neutron.list_subnets(("s-1", "s-2")) == (Subnet("s-1", "n-1", "192.0.2.0/24"),)
    assert services.last("GET").query == {"id": ["s-1", "s-2"]}
    assert services.calls() == [f"GET {NET}/networks", f"GET {NET}/subnets"]


def test_several_ports_are_a_call(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("GET", f"{NET}/ports", {"ports": [PORT]})
    services.answer("GET", f"{NET}/ports/port-1", {"port": PORT})
    found = neutron.list_ports(("port-1", "gone"))
    assert services.last("GET").query == {"id": ["port-1", "gone"]}
    assert found == (neutron.port("port-1"),)
    assert services.calls() == [f"GET {NET}/ports", f"GET {NET}/ports/port-1"]


def test_network_as_a_tenant_sees_it(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("GET", f"{NET}/networks/net-1", {"network": {"id": "net-1", "name": "x"}})
    assert neutron.network("net-1") == Network("net-1", "x", 1500, True, None, None)


def test_more_addresses_keep_those_there(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("GET", f"{NET}/ports/port-1", {"port": PORT})
    services.answer("PUT", f"{NET}/ports/port-1", {"port": PORT})
    port = neutron.port("port-1")
    assert port is not None
    neutron.add_port_addresses(port, ("sub-2",))
    assert services.last("PUT").body == {
        "port": {
            "fixed_ips": [
                {"subnet_id": "sub-1", "ip_address": "10.0.0.5"},
                {"subnet_id": "sub-2"},
            ]
        }
    }


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({"allowed_addresses": ()}, {"allowed_address_pairs": []}),
        ({"allowed_addresses": ("::1",)}, {"allowed_address_pairs": [{"ip_address": "::1"}]}),
        ({"security_groups": ("a", "b")}, {"security_groups": ["a", "b"]}),
        ({"qos_policy_id": None}, {"qos_policy_id": None}),
        ({"qos_policy_id": "gold"}, {"qos_policy_id": "gold"}),
    ],
)
def test_update_sends_only_what_is_given(
    services: Services, neutron: NeutronNetwork, changes: Any, sent: Any
) -> None:
    services.answer("PUT", f"{NET}/ports/port-1", {"port": PORT})
    assert neutron.update_port("port-1", **changes).id == "port-1"
    assert services.last("PUT").body == {"port": sent}


@pytest.mark.parametrize(
    ("status", "kind", "code", "retriable"),
    [
        (409, "IpAddressGenerationFailure", Code.NO_ADDRESS, False),
        (400, "ExternalIpAddressExhausted", Code.NO_ADDRESS, False),
        (409, "OverQuota", Code.QUOTA, False),
        (404, "NetworkNotFound", Code.NOT_FOUND, False),
        (409, "MacAddressInUse", Code.CLOUD_ERROR, True),
        (400, "InvalidInput", Code.CLOUD_ERROR, False),
        (403, "PolicyNotAuthorized", Code.CONFIGURATION, False),
        (500, "HTTPInternalServerError", Code.CLOUD_ERROR, True),
        (503, "HTTPServiceUnavailable", Code.CLOUD_ERROR, True),
    ],
)
def test_refusals(
    services: Services,
    neutron: NeutronNetwork,
    status: int,
    kind: str,
    code: Code,
    retriable: bool,
) -> None:
    services.answer("POST", f"{NET}/ports", refusal(kind, "told so"), status)
    with pytest.raises(ProviderError) as caught:
        neutron.create_port(PortSpec("p", "o", "net-1", (), "direct"))
    assert (caught.value.reason.code, caught.value.retriable) == (code, retriable)
    assert f"HTTP {status} {kind}: told so" in caught.value.reason.operator
    assert "net-1" not in caught.value.reason.user
    assert services.calls() == [f"POST {NET}/ports"]  # never sent twice


def test_no_answer_is_retriable_and_the_create_is_not_repeated(
    services: Services, neutron: NeutronNetwork
) -> None:
    services.hang_up("POST", f"{NET}/ports")
    with pytest.raises(ProviderError) as caught:
        neutron.create_port(PortSpec("p", "o", "net-1", (), "direct"))
    assert (caught.value.reason.code, caught.value.retriable) == (Code.CLOUD_ERROR, True)
    assert services.calls() == [f"POST {NET}/ports"]


def test_deletes_of_what_is_gone(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("DELETE", f"{NET}/ports/gone", refusal("PortNotFound"), 404)
    services.answer("DELETE", f"{NET}/ports/port-1", None, 204)
    services.answer("DELETE", f"{NET}/security-groups/gone", refusal("NotFound"), 404)
    neutron.delete_port("gone")
    neutron.delete_port("port-1")
    neutron.delete_security_group("gone")
    assert len(services.calls()) == 3


def test_delete_that_is_refused(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("DELETE", f"{NET}/ports/port-1", refusal("ServicePortInUse"), 409)
    with pytest.raises(ProviderError):
        neutron.delete_port("port-1")


def test_a_security_group_that_somebody_else_may_be_making_is_not_made(
    services: Services, neutron: NeutronNetwork
) -> None:
    services.answer("GET", f"{NET}/security-groups", {"security_groups": []})

    def sure() -> None:
        raise errors.timeout()

    with pytest.raises(ProviderError):
        neutron.ensure_security_group("lb-1", "owner", sure)
    assert services.calls(method="POST") == []


def test_security_group_is_found_or_made(services: Services, neutron: NeutronNetwork) -> None:
    path = f"{NET}/security-groups"
    services.answer("GET", path, {"security_groups": []})
    services.answer("GET", path, {"security_groups": [{"id": "sg-1"}]})
    services.answer("POST", path, {"security_group": {"id": "sg-1"}}, 201)
    assert neutron.ensure_security_group("lb-1", "owner", lambda: None) == "sg-1"
    assert neutron.ensure_security_group("lb-1", "owner", lambda: None) == "sg-1"
    assert neutron.find_security_group("lb-1") == "sg-1"
    assert services.last("POST").body == {
        "security_group": {"name": "lb-1", "description": "owner"}
    }
    assert services.calls(method="POST") == [f"POST {path}"]
    assert services.last("GET").query == {"name": ["lb-1"], "fields": ["id"]}


def test_group_in_use_is_tried_again_so_many_times(
    services: Services, neutron: NeutronNetwork, naps: list[float]
) -> None:
    path = f"{NET}/security-groups/sg-1"
    services.answer("DELETE", path, refusal("SecurityGroupInUse"), 409)
    services.answer("DELETE", path, None, 204)
    neutron.delete_security_group("sg-1")
    assert naps == [0.5]
    naps.clear()
    services.answer("DELETE", path, refusal("SecurityGroupInUse"), 409)
    services.answer("DELETE", path, refusal("SecurityGroupInUse"), 409)
    with pytest.raises(ProviderError) as caught:
        for _ in range(2):
            neutron.delete_security_group("sg-1")
    assert caught.value.retriable
    assert naps[-2:] == [0.5, 0.5]


RULES = f"{NET}/security-group-rules"
SHOWN = {
    "id": "r-80",
    "ethertype": "IPv4",
    "protocol": "tcp",
    "port_range_min": 80,
    "port_range_max": 80,
    "remote_ip_prefix": None,
    "remote_group_id": None,
}


def test_rules_missing_are_added_in_one_call_before_surplus_ones_go(
    services: Services, neutron: NeutronNetwork
) -> None:
    surplus = SHOWN | {"id": "r-81", "port_range_min": 81, "port_range_max": 81}
    services.answer("GET", RULES, {"security_group_rules": [SHOWN, surplus]})
    services.answer("POST", RULES, {"security_group_rules": []}, 201)
    services.answer("DELETE", f"{RULES}/r-81", None, 204)
    neutron.set_group_rules(
        "sg-1",
        (
            GroupRule("IPv4", "tcp", 80),
            GroupRule("IPv6", "tcp", 443, "2001:db8::/32"),
            GroupRule("IPv4", "112", None, "10.0.0.6/32"),
        ),
    )
    assert services.last("GET").query == {
        "security_group_id": ["sg-1"],
        "direction": ["ingress"],
    }
    assert services.last("POST").body == {
        "security_group_rules": [
            {
                "security_group_id": "sg-1",
                "direction": "ingress",
                "ethertype": "IPv6",
                "protocol": "tcp",
                "port_range_min": 443,
                "port_range_max": 443,
                "remote_ip_prefix": "2001:db8::/32",
            },
            {
                "security_group_id": "sg-1",
                "direction": "ingress",
                "ethertype": "IPv4",
                "protocol": "112",
                "remote_ip_prefix": "10.0.0.6/32",
            },
        ]
    }
    assert services.calls() == [f"GET {RULES}", f"POST {RULES}", f"DELETE {RULES}/r-81"]


def test_rules_that_are_right_cost_one_read(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("GET", RULES, {"security_group_rules": [SHOWN]})
    neutron.set_group_rules("sg-1", (GroupRule("IPv4", "tcp", 80),))
    assert services.calls() == [f"GET {RULES}"]


def test_rule_added_meanwhile_is_success(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("GET", RULES, {"security_group_rules": []})
    services.answer("POST", RULES, refusal("SecurityGroupRuleExists"), 409)
    services.answer("POST", RULES, refusal("SecurityGroupRuleExists"), 409)
    services.answer("POST", RULES, {"security_group_rule": {}}, 201)
    neutron.set_group_rules("sg-1", (GroupRule("IPv4", "tcp", 80), GroupRule("IPv4", "tcp", 81)))
    assert services.calls(method="POST") == [f"POST {RULES}"] * 3
    assert services.last("POST").body["security_group_rule"]["port_range_min"] == 81


def test_rule_quota(services: Services, neutron: NeutronNetwork) -> None:
    services.answer("GET", RULES, {"security_group_rules": []})
    services.answer("POST", RULES, refusal("OverQuota"), 409)
    with pytest.raises(ProviderError) as caught:
        neutron.set_group_rules("sg-1", (GroupRule("IPv4", "tcp", 80),))
    assert caught.value.reason.code is Code.QUOTA
