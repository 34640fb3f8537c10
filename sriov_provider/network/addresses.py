"""How many addresses of a subnet are free, from Neutron's JSON. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from sriov_provider import cloud_errors


def free(body: Mapping[str, Any]) -> dict[str, int]:
    """Subnet id -> free addresses; without those that Neutron does not tell.

    :param body: answer of ``network-ip-availabilities``
    """
    return {
        subnet["subnet_id"]: subnet["total_ips"] - subnet["used_ips"]
        for network in body.get("network_ip_availabilities") or ()
        for subnet in network.get("subnet_ip_availability") or ()
        if {"subnet_id", "total_ips", "used_ips"} <= subnet.keys()
    }


def free_in_pools(
    subnet_id: str, subnet: Mapping[str, Any], ports: Iterable[Mapping[str, Any]]
) -> int:
    """Free addresses of a subnet's allocation pools.

    :param subnet: with its ``allocation_pools``
    :param ports: all ports with an address of the subnet
    :raises ProviderError: when Neutron does not show the pools
    """
    if "allocation_pools" not in subnet:
        raise cloud_errors.cloud_error(f"Neutron does not show the pools of subnet {subnet_id}.")
    pools = [(_number(p["start"]), _number(p["end"])) for p in subnet["allocation_pools"]]
    taken = {
        _number(ip["ip_address"])
        for port in ports
        for ip in port.get("fixed_ips") or ()
        if ip["subnet_id"] == subnet_id
    }
    used = sum(any(first <= address <= last for first, last in pools) for address in taken)
    return sum(last - first + 1 for first, last in pools) - used


def _number(address: str) -> int:
    return int(ipaddress.ip_address(address))
