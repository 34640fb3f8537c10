"""What the product renders for the checks: documents, keepalived's configurations."""

from __future__ import annotations

import ipaddress
from typing import Any

from sriov_provider import tree
from sriov_provider.amphora import octavia_config
from sriov_provider.amphora.base import AmphoraView, VipPlug
from sriov_provider.amphora.model import Serving
from sriov_provider.firewall import document
from sriov_provider.network.base import Subnet
from sriov_provider.vnic import Filter
from tests.igb import scenario

_HAPROXY = "3.0.11"
_ROLES = {"a": "MASTER", "b": "BACKUP"}


def everything() -> dict[str, Any]:
    """By name; JSON-ready."""
    octavia_config.init([])
    templates = octavia_config.Templates()
    single = Serving(balancer(), "SINGLE", (_view("a", "STANDALONE"),), 1025)
    views = tuple(_view(name, role) for name, role in _ROLES.items())
    pair = Serving(balancer(), "ACTIVE_STANDBY", views, 1025)
    return {
        "firewall": _document("a", member=True),
        "haproxy": templates.haproxy(single, "a", _HAPROXY, {}),
        "lvs": {name: templates.lvs(single, scenario.LISTENERS[name]) for name in ("udp", "sctp")},
        "vrrp": {
            name: templates.vrrp(pair, name, scenario.VIP_DEVICE, _plug(name)) for name in _ROLES
        },
        "peers": {
            name: _document(name, peers=[scenario.BASE[other]])
            for name, other in (("a", "b"), ("b", "a"))
        },
    }


def balancer() -> tree.LoadBalancer:
    """One listener of each transport; all let in the client and not the stranger."""
    return tree.LoadBalancer(
        id=scenario.LOAD_BALANCER,
        project_id="project",
        vip_address=scenario.VIP,
        vip_port_id="port",
        vip_subnet_id="subnet",
        vip_network_id="network",
        listeners=tuple(_listener(name) for name in scenario.LISTENERS),
        pools=tuple(_pool(name) for name in scenario.LISTENERS),
    )


def _listener(name: str) -> tree.Listener:
    return tree.Listener(
        scenario.LISTENERS[name],
        name.upper(),
        scenario.PORTS[name],
        default_pool_id=f"pool-{name}",
        allowed_cidrs=(f"{scenario.CLIENT}/32",),
    )


def _pool(name: str) -> tree.Pool:
    pool, port = f"pool-{name}", scenario.PORTS[name]
    member = tree.Member(f"member-{name}", pool, scenario.SERVER, port)
    return tree.Pool(pool, name.upper(), "ROUND_ROBIN", members=(member,))


def _view(name: str, role: str) -> AmphoraView:
    return AmphoraView(name, "192.0.2.1", scenario.BASE[name], "port", role)


def _document(name: str, *, member: bool = False, peers: list[str] | None = None) -> dict[str, Any]:
    base = scenario.BASE[name]
    interfaces = [document.Interface(scenario.mac(base), Filter.AMPHORA, (scenario.VIP,), (base,))]
    if member:
        address = scenario.ON_MEMBER_NET
        interfaces.append(document.Interface(scenario.mac(address), Filter.AMPHORA, (), (address,)))
    told = balancer()
    return document.document(told, interfaces, peers or [], document.peer_port(told), echo=True)


def _plug(name: str) -> VipPlug:
    base = scenario.BASE[name]
    gateway = str(next(ipaddress.ip_network(scenario.VIP_NET).hosts()))
    subnet = Subnet("subnet", "network", scenario.VIP_NET, gateway)
    return VipPlug(scenario.VIP, subnet, scenario.mac(base), 1500, base)
