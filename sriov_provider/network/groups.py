"""Which rules of a security group to add and which to delete. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from sriov_provider.network.base import GroupRule

# Neutron takes and shows either, as the rule was written.
_NAMES = {"6": "tcp", "17": "udp", "132": "sctp", "vrrp": "112"}


@dataclasses.dataclass(frozen=True)
class Change:
    """:ivar surplus: ids of rules to delete"""

    missing: tuple[GroupRule, ...]
    surplus: tuple[str, ...]


def compare(present: Sequence[Mapping[str, Any]], wanted: Sequence[GroupRule]) -> Change:
    """:param present: the group's ingress rules as Neutron shows them"""
    targets = {normal(rule): rule for rule in wanted}
    kept: set[GroupRule] = set()
    surplus = []
    for shown in present:
        rule = parse(shown)
        if rule in targets and rule not in kept:
            kept.add(rule)
        else:
            surplus.append(str(shown["id"]))
    missing = tuple(rule for rule in targets if rule not in kept)
    return Change(missing, tuple(surplus))


def parse(shown: Mapping[str, Any]) -> GroupRule | None:
    """The rule, or None when it is of a shape that we never make."""
    low, high = shown.get("port_range_min"), shown.get("port_range_max")
    if low != high or shown.get("remote_group_id") or shown.get("remote_address_group_id"):
        return None
    protocol = shown.get("protocol")
    if protocol is None:
        return None
    cidr = shown.get("remote_ip_prefix")
    return normal(GroupRule(shown["ethertype"], str(protocol), low, cidr))


def normal(rule: GroupRule) -> GroupRule:
    """One spelling for each rule: protocol name or number, whole prefix, None for any source."""
    return dataclasses.replace(
        rule,
        protocol=_NAMES.get(rule.protocol.lower(), rule.protocol.lower()),
        cidr=_prefix(rule.cidr),
    )


def _prefix(cidr: str | None) -> str | None:
    if cidr is None:
        return None
    network = ipaddress.ip_network(cidr, strict=False)
    return str(network) if network.prefixlen else None


def request(group_id: str, rule: GroupRule) -> dict[str, Any]:
    """The body of a create, without its envelope."""
    body: dict[str, Any] = {
        "security_group_id": group_id,
        "direction": "ingress",
        "ethertype": rule.ethertype,
        "protocol": rule.protocol,
    }
    if rule.port is not None:
        body |= {"port_range_min": rule.port, "port_range_max": rule.port}
    if rule.cidr is not None:
        body["remote_ip_prefix"] = rule.cidr
    return body
