"""What libnetwork's remote driver protocol says, as dataclasses. Pure.

Facts: libnetwork's ``docs/remote.md`` and ``driverapi``, and what kuryr-libnetwork answers.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

CONTENT_TYPE = "application/vnd.docker.plugins.v1.2+json"
# Of a network and of an endpoint; the first one is kuryr-libnetwork's name too.
NETWORK_OPTION = "neutron.net.uuid"
PORT_OPTION = "neutron.port.uuid"
_GENERIC = "com.docker.network.generic"
# Interfaces in a container are named eth0, eth1 ...
PREFIX = "eth"
_NEXT_HOP = 0


class MalformedError(Exception):
    """Not what the protocol says."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The interface a container is to get; empty for what the engine leaves to us.

    :ivar addresses: IPv4 and IPv6, without the length of the prefix
    """

    mac: str = ""
    addresses: tuple[str, ...] = ()


def text(body: Mapping[str, Any], name: str) -> str:
    """A field that has to be there.

    :raises MalformedError: when it is not
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{name} is missing")
    return value


def option(body: Mapping[str, Any], name: str) -> str | None:
    """An option of ``--opt`` or ``--driver-opt``; endpoints have theirs at the top."""
    options = _object(body, "Options")
    return _text(_object(options, _GENERIC), name) or _text(options, name) or None


def wanted(body: Mapping[str, Any]) -> Wanted:
    """What ``CreateEndpoint`` asks for."""
    told = _object(body, "Interface")
    addresses = tuple(filter(None, (_text(told, key) for key in ("Address", "AddressIPv6"))))
    try:
        plain = tuple(str(ipaddress.ip_interface(address).ip) for address in addresses)
    except ValueError as error:
        raise MalformedError(str(error)) from error
    return Wanted(_text(told, "MacAddress").lower(), plain)


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One that may be missing."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise MalformedError(f"{name} is no object")
    return value or {}


def _text(body: Mapping[str, Any], name: str) -> str:
    """One that may be missing."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedError(f"{name} is no text")
    return value or ""


def interface(
    port: Mapping[str, Any],
    subnets: Iterable[Mapping[str, Any]],
    given: Wanted,
    *,
    own_mac: bool,
) -> dict[str, str]:
    """The answer to ``CreateEndpoint``: what was not given, for the engine refuses the rest.

    :param own_mac: whether the device has its MAC address already, and may refuse to be given it
    """
    told: dict[str, str] = {}
    if not given.mac and not own_mac:
        told["MacAddress"] = port["mac_address"]
    if given.addresses:
        return told
    lengths = {s["id"]: s["cidr"].partition("/")[2] for s in subnets}
    for fixed in port["fixed_ips"]:
        key = "AddressIPv6" if ":" in fixed["ip_address"] else "Address"
        told.setdefault(key, f"{fixed['ip_address']}/{lengths[fixed['subnet_id']]}")
    return told


def joined(
    name: str, port: Mapping[str, Any], subnets: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The answer to ``Join``.

    :param name: of the interface on the host, which the engine moves into the container
    """
    own = {fixed["subnet_id"] for fixed in port["fixed_ips"]}
    used = [subnet for subnet in subnets if subnet["id"] in own]
    answer: dict[str, Any] = {
        "InterfaceName": {"SrcName": name, "DstPrefix": PREFIX},
        "StaticRoutes": [_route(r) for s in used for r in s.get("host_routes") or ()],
        # no bridge of the engine's own for what Neutron has no gateway for
        "DisableGatewayService": True,
    }
    for subnet in used:
        key = "Gateway" if subnet["ip_version"] == 4 else "GatewayIPv6"
        answer.setdefault(key, subnet.get("gateway_ip") or "")
    return answer


def _route(route: Mapping[str, str]) -> dict[str, Any]:
    destination, hop = route["destination"], route["nexthop"]
    return {"Destination": destination, "RouteType": _NEXT_HOP, "NextHop": hop}
