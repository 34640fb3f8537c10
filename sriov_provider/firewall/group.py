"""The rules of the load balancer's Neutron security group, for ports that Neutron filters. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from sriov_provider import tree
from sriov_provider.firewall import cidrs
from sriov_provider.firewall.model import l4, listeners, peer_port
from sriov_provider.network.base import GroupRule

_VRRP = "112"
_ETHERTYPES = {4: "IPv4", 6: "IPv6"}


def group_rules(
    load_balancer: tree.LoadBalancer, peers: Sequence[str] = ()
) -> tuple[GroupRule, ...]:
    """What may come in from outside; replies are let in by Neutron's own connection tracking.

    Groups of the user's own on the VIP decide alone who reaches the listeners: rules of one group
    would open what the other does not.

    :param peers: base addresses of the other amphorae: VRRP and haproxy peers come from them
    """
    ours = () if load_balancer.vip_sg_ids else listeners(load_balancer)
    rules = {r for listener in ours for r in _listener(listener)}
    port = peer_port(load_balancer)
    for peer in peers:
        network = ipaddress.ip_network(peer)
        kind = _ETHERTYPES[network.version]
        rules.add(GroupRule(kind, _VRRP, None, str(network)))
        rules.add(GroupRule(kind, "tcp", port, str(network)))
    return tuple(sorted(rules, key=lambda r: (r.ethertype, r.protocol, r.port or 0, r.cidr or "")))


def _listener(listener: tree.Listener) -> Iterator[GroupRule]:
    protocol = l4(listener.protocol)
    allowed = cidrs.normalise(listener.allowed_cidrs)
    if not allowed:
        for kind in _ETHERTYPES.values():
            yield GroupRule(kind, protocol, listener.port)
    for cidr in allowed:
        network = ipaddress.ip_network(cidr)
        remote = cidr if network.prefixlen else None
        yield GroupRule(_ETHERTYPES[network.version], protocol, listener.port, remote)
