"""Which load balancers the provider takes, and the record it keeps of them. Pure."""

from __future__ import annotations

from typing import Any

from sriov_provider import kinds
from sriov_provider.api import accept, convert, flavor_schema
from sriov_provider.api.attributes import get, items
from sriov_provider.api.refusal import unsupported
from sriov_provider.records import LoadBalancerRecord
from sriov_provider.tree import Member


def accept_tree(dm: Any, default_topology: str) -> None:
    """:param dm: octavia-lib load balancer, with everything below it
    :param default_topology: of load balancers whose flavor names none
    :raises UnsupportedOptionError: flavor, availability zone, topology, or a child
    """
    flavor = _mapping(dm, "flavor")
    flavor_schema.check_flavor(flavor)
    flavor_schema.check_availability_zone(_mapping(dm, "availability_zone"))
    topologies = flavor_schema.TOPOLOGIES
    if "loadbalancer_topology" not in flavor and default_topology not in topologies:
        known = ", ".join(topologies)
        raise unsupported(
            f"The cloud's default topology is {default_topology}; this provider builds {known}. "
            "Use a flavor with loadbalancer_topology.",
            f"[controller_worker] loadbalancer_topology is {default_topology} and the flavor "
            f"names no topology; this provider builds {known}.",
        )
    _accept_children(dm)


def members(dm: Any) -> tuple[Member, ...]:
    """All members a load balancer is created with."""
    return tuple(convert.load_balancer(dm).members())


def record(dm: Any, default_topology: str) -> LoadBalancerRecord:
    """The row written with the first job."""
    flavor, zone = _mapping(dm, "flavor"), _mapping(dm, "availability_zone")
    tree = convert.load_balancer(dm, availability_zone=zone)
    return LoadBalancerRecord(
        id=tree.id,
        project_id=tree.project_id,
        vip_address=tree.vip_address,
        vip_port_id=tree.vip_port_id,
        vip_subnet_id=tree.vip_subnet_id,
        vip_network_id=tree.vip_network_id,
        vnic_type=kinds.vip_kind(flavor),
        topology=flavor.get("loadbalancer_topology", default_topology),
        flavor=flavor,
        availability_zone=zone,
        additional_vips=tuple(
            {
                "address": vip.address,
                "subnet_id": vip.subnet_id,
                "port_id": vip.port_id,
                "network_id": vip.network_id,
            }
            for vip in tree.additional_vips
        ),
    )


def _accept_children(dm: Any) -> None:
    vips = convert.load_balancer(dm).vip_addresses()
    for listener in items(dm, "listeners"):
        accept.listener(listener)
    for pool in items(dm, "pools"):
        accept.pool(pool)
        accept.members(get(pool, "protocol"), items(pool, "members"), vips)


def _mapping(dm: Any, name: str) -> dict[str, Any]:
    return dict(get(dm, name, {}))
