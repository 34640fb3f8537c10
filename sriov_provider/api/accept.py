"""Which objects the provider takes: the rules of the stock amphora provider. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from octavia_lib.api.drivers import exceptions
from octavia_lib.common import constants

from sriov_provider.api.attributes import get, items
from sriov_provider.api.refusal import unsupported
from sriov_provider.tree import LVS_PROTOCOLS

ALGORITHMS = (
    constants.LB_ALGORITHM_LEAST_CONNECTIONS,
    constants.LB_ALGORITHM_ROUND_ROBIN,
    constants.LB_ALGORITHM_SOURCE_IP,
)
PROTOCOLS = (
    constants.PROTOCOL_HTTP,
    constants.PROTOCOL_HTTPS,
    constants.PROTOCOL_PROMETHEUS,
    constants.PROTOCOL_PROXY,
    constants.PROTOCOL_PROXYV2,
    constants.PROTOCOL_SCTP,
    constants.PROTOCOL_TCP,
    constants.PROTOCOL_TERMINATED_HTTPS,
    constants.PROTOCOL_UDP,
)
ALPN = (
    constants.ALPN_PROTOCOL_HTTP_2,
    constants.ALPN_PROTOCOL_HTTP_1_1,
    constants.ALPN_PROTOCOL_HTTP_1_0,
)
L7_PROTOCOLS = (constants.PROTOCOL_HTTP, constants.PROTOCOL_TERMINATED_HTTPS)


def listener(dm: Any) -> None:
    """:raises UnsupportedOptionError: protocol, ALPN, or L7 policies on the wrong protocol"""
    protocol = get(dm, "protocol")
    if protocol not in PROTOCOLS:
        raise _refused("listener protocol", protocol, PROTOCOLS)
    alpn(dm)
    if items(dm, "l7policies"):
        l7policies_on(protocol)


def pool(dm: Any) -> None:
    """:raises UnsupportedOptionError: algorithm or ALPN"""
    algorithm(dm)
    alpn(dm)


def algorithm(dm: Any) -> None:
    value = get(dm, "lb_algorithm")
    if value not in ALGORITHMS:
        raise _refused("pool algorithm", value, ALGORITHMS)


def alpn(dm: Any) -> None:
    surplus = [p for p in items(dm, "alpn_protocols") if p not in ALPN]
    if surplus:
        raise _refused("ALPN protocol", ", ".join(surplus), ALPN)


def l7policies_on(protocol: str | None) -> None:
    if protocol not in L7_PROTOCOLS:
        raise _refused("L7 policies on a listener of protocol", protocol, L7_PROTOCOLS)


def members(protocol: str | None, dms: Iterable[Any], vips: Iterable[str]) -> None:
    """LVS, which serves UDP and SCTP, cannot translate between IPv4 and IPv6.

    :param protocol: of the pool
    :param vips: all VIP addresses of the load balancer; without any nothing is refused
    """
    addresses = list(vips)
    if protocol not in LVS_PROTOCOLS or not addresses:
        return
    families = {ipaddress.ip_address(vip).version for vip in addresses}
    for dm in dms:
        address = get(dm, "address")
        if address and ipaddress.ip_address(address).version not in families:
            raise unsupported(
                f"This provider does not support mixing IPv4 and IPv6 in {protocol} load "
                f"balancers: member address {address} has no VIP of its IP version "
                f"(VIP: {', '.join(addresses)})."
            )


def _refused(what: str, value: Any, allowed: Iterable[str]) -> exceptions.UnsupportedOptionError:
    return unsupported(
        f"This provider does not support {what} {value}. Supported: {', '.join(allowed)}."
    )
