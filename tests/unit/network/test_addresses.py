"""Counting free addresses, and the calls that do."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.network import addresses
from sriov_provider.network.neutron import NeutronNetwork
from tests.fakes.services import Services

NET = "/network/v2.0"
POOLS = {"allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.6"}]}


def availability(**subnet: Any) -> dict[str, Any]:
    return {"network_ip_availabilities": [{"subnet_ip_availability": [subnet]}]}


def port(*ips: str, subnet: str = "sub") -> dict[str, Any]:
    return {"id": ips[0], "fixed_ips": [{"subnet_id": subnet, "ip_address": ip} for ip in ips]}


def test_free_addresses_are_one_call_for_all_networks(
    services: Services, neutron: NeutronNetwork
) -> None:
    body = availability(subnet_id="sub", total_ips=5, used_ips=3)
    services.answer("GET", f"{NET}/network-ip-availabilities", body)
    assert neutron.free_addresses(("net-1", "net-2")) == {"sub": 2}
    assert services.last("GET").query == {"network_id": ["net-1", "net-2"]}
    assert len(services.calls()) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"network_ip_availabilities": []},
        {"network_ip_availabilities": [{"network_id": "net"}]},
        availability(subnet_id="sub", total_ips=5),
    ],
)
def test_what_neutron_does_not_tell_is_not_there(body: dict[str, Any]) -> None:
    assert addresses.free(body) == {}


def test_addresses_outside_the_pools_take_none_of_them(
    services: Services, neutron: NeutronNetwork
) -> None:
    services.answer("GET", f"{NET}/subnets/sub", {"subnet": POOLS})
    ports = [port("10.0.0.1"), port("10.0.0.2", "10.0.0.3"), port("10.0.0.4", subnet="other")]
    services.answer("GET", f"{NET}/ports", {"ports": ports})
    assert neutron.free_in_pools("sub") == 3
    assert services.last("GET").query == {
        "fixed_ips": ["subnet_id=sub"],
        "fields": ["id", "fixed_ips"],
    }


def test_several_pools_of_ipv6() -> None:
    pools = [
        {"start": "2001:db8::2", "end": "2001:db8::3"},
        {"start": "2001:db8::9", "end": "2001:db8::9"},
    ]
    taken = [port("2001:db8:0::9"), port("2001:db8::3"), port("2001:db8::ffff")]
    assert addresses.free_in_pools("sub", {"allocation_pools": pools}, taken) == 1


def test_pools_that_are_not_shown() -> None:
    with pytest.raises(ProviderError) as caught:
        addresses.free_in_pools("sub", {}, ())
    assert caught.value.reason.code is Code.CLOUD_ERROR
