"""The same load balancers twice: as our tree, and as Octavia's data models written by hand.

Nothing here goes through :mod:`sriov_provider.amphora.model`, so that comparing the two renderings
says something about it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from octavia.common import data_models as dm

from sriov_provider import tree
from sriov_provider.amphora.base import AmphoraView
from sriov_provider.amphora.model import Serving

CERT_DIR = "/var/lib/octavia/certs"
PEER_PORT = 1025
STATUSES = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


LB, PROJECT = uid(1), "0123456789abcdef0123456789abcdef"
LISTENER, POOL, OTHER_POOL, AMPHORA, PEER = uid(10), uid(20), uid(21), uid(90), uid(91)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Scenario:
    """:ivar stock: the load balancer in Octavia's data models
    :ivar certs: what the stock driver hands to the template as ``tls_certs``
    """

    serving: Serving
    stock: Any
    certs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


VIEWS = (
    AmphoraView(AMPHORA, "192.0.2.10", "198.18.16.9", uid(95), "STANDALONE"),
    AmphoraView(PEER, "192.0.2.11", "198.18.16.10", uid(96), "BACKUP"),
)


def scenario(
    listeners: tuple[tree.Listener, ...],
    pools: tuple[tree.Pool, ...],
    stock_listeners: list[Any],
    *,
    topology: str = "SINGLE",
    certs: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    additional: tuple[str, ...] = (),
    enabled: bool = True,
) -> Scenario:
    """Put a load balancer around listeners and pools, on both sides."""
    views = VIEWS if topology == "ACTIVE_STANDBY" else VIEWS[:1]
    ours = tree.LoadBalancer(
        id=LB,
        project_id=PROJECT,
        vip_address="198.18.16.5",
        vip_port_id=uid(2),
        vip_subnet_id=uid(3),
        vip_network_id=uid(4),
        enabled=enabled,
        additional_vips=tuple(tree.AdditionalVip(a, uid(5)) for a in additional),
        listeners=listeners,
        pools=pools,
    )
    stock = dm.LoadBalancer(
        id=LB,
        project_id=PROJECT,
        enabled=enabled,
        topology=topology,
        vip=dm.Vip(load_balancer_id=LB, ip_address="198.18.16.5"),
        additional_vips=[dm.AdditionalVip(load_balancer_id=LB, ip_address=a) for a in additional],
        amphorae=[
            dm.Amphora(
                id=v.id,
                status="ALLOCATED",
                lb_network_ip=v.management_ip,
                vrrp_ip=v.vrrp_ip,
                ha_ip="198.18.16.5",
                role=v.role,
            )
            for v in views
        ],
        listeners=stock_listeners,
        **STATUSES,
    )
    for listener in stock_listeners:
        listener.load_balancer = stock
        listener.peer_port = PEER_PORT
    return Scenario(Serving(ours, topology, views, PEER_PORT), stock, certs or {}, details or {})


def member(number: int, **more: Any) -> tree.Member:
    values: dict[str, Any] = {"pool_id": POOL, "address": f"10.0.0.{number}", "port": 8080}
    return tree.Member(id=uid(100 + number), **{**values, **more})


def stock_member(number: int, **more: Any) -> Any:
    values: dict[str, Any] = {
        "ip_address": f"10.0.0.{number}",
        "protocol_port": 8080,
        "weight": 1,
        "backup": False,
        "enabled": True,
    }
    return dm.Member(id=uid(100 + number), **{**values, **more, **STATUSES})


def stock_pool(protocol: str = "HTTP", **more: Any) -> Any:
    values: dict[str, Any] = {
        "id": POOL,
        "protocol": protocol,
        "lb_algorithm": "ROUND_ROBIN",
        "enabled": True,
        "members": [stock_member(1), stock_member(2)],
        "tls_enabled": False,
    }
    return dm.Pool(**{**values, **more, **STATUSES})


def pool(protocol: str = "HTTP", **more: Any) -> tree.Pool:
    values: dict[str, Any] = {
        "id": POOL,
        "protocol": protocol,
        "lb_algorithm": "ROUND_ROBIN",
        "members": (member(1), member(2)),
    }
    return tree.Pool(**{**values, **more})


def stock_listener(protocol: str = "HTTP", pools: list[Any] | None = None, **more: Any) -> Any:
    """``pools``: those the listener uses, the default pool first."""
    pools = pools or []
    values: dict[str, Any] = {
        "id": LISTENER,
        "protocol": protocol,
        "protocol_port": 80,
        "enabled": True,
        "connection_limit": -1,
        "pools": pools,
        "default_pool": pools[0] if pools else None,
    }
    return dm.Listener(**{**values, **more, **STATUSES})


def listener(protocol: str = "HTTP", **more: Any) -> tree.Listener:
    values: dict[str, Any] = {
        "id": LISTENER,
        "protocol": protocol,
        "port": 80,
        "default_pool_id": POOL,
    }
    return tree.Listener(**{**values, **more})


def monitor(kind: str, **more: Any) -> tree.HealthMonitor:
    values: dict[str, Any] = {"delay": 7, "timeout": 3, "max_retries": 2, "max_retries_down": 4}
    return tree.HealthMonitor(id=uid(30), type=kind, **{**values, **more})


def stock_monitor(kind: str, **more: Any) -> Any:
    values: dict[str, Any] = {
        "delay": 7,
        "timeout": 3,
        "rise_threshold": 2,
        "fall_threshold": 4,
        "enabled": True,
    }
    return dm.HealthMonitor(id=uid(30), pool_id=POOL, type=kind, **{**values, **more, **STATUSES})
