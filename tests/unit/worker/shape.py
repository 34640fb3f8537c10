"""What a world looks like to anybody but its ids: equal for equal end states."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import models
from tests.unit.worker.harness import World

Shape = dict[str, Any]


def shape(world: World, lb: str) -> Shape:
    """Cloud, records, amphora and Octavia's view of one load balancer that works."""
    amphora = world.only_amphora(lb)
    inside = world.inside(lb)
    document = inside.document
    ours = {p.neutron_id for p in world.inventory(lb).ports}
    assert amphora.firewall_digest
    assert amphora.firewall_document == document
    assert set(world.inventory(lb).reasons) == set()
    return {
        "octavia": _statuses(world, lb),
        "pending": world.pending(),
        "undelivered": world.undelivered(),
        "amphora": amphora.state,
        "server": world.cloud.servers[amphora.compute_id or ""].status,
        "ports": sorted(_ports(world, lb)),
        "records": sorted(
            (p.role.value, p.network_id, p.vnic_type, p.state.value, p.filter.value)
            for p in world.inventory(lb).ports
        ),
        "members": sorted((m.id, m.network_id, m.failed) for m in world.inventory(lb).members),
        "vfs": len(ours & set(world.cloud.claimed_vfs().values())),
        "groups": [g.name == f"lb-{lb}" for g in world.cloud.groups.values() if lb in g.name],
        "listeners": document["listeners"],
        "replies": document["members"],
        "filters": sorted((i["filter"], len(i["addresses"])) for i in document["interfaces"]),
        "serves": inside.served,
        "plugged": inside.vip is not None,
        "networks": sorted(
            tuple(subnet.id for _, subnet in plug.addresses)
            for mac, plug in inside.networks.items()
            if mac in {p.mac for p in world.inventory(lb).ports}
        ),
    }


def leaked(world: World) -> list[str]:
    """Ports and servers in the cloud that no record of ours knows, and VFs that nobody has."""
    known = world.sessions.read(_known)
    owners = world.cloud.owners
    ports = [p for p in world.cloud.port_rows.values() if owners[p.id].startswith("octavia-sriov")]
    return [
        *world.cloud.lost_vfs,
        *(p.name for p in ports if p.id not in known),
        *(s.spec.name for s in world.cloud.servers.values() if s.id not in known),
    ]


def _known(session: Session) -> set[str | None]:
    rows = (models.Port.neutron_id, models.Amphora.compute_id)
    return {found for column in rows for found in session.scalars(sa.select(column))}


def _ports(world: World, lb: str) -> list[tuple[Any, ...]]:
    """Our ports in Neutron; one that no record knows has leaked."""
    known = {p.neutron_id for p in world.inventory(lb).ports}
    mine = {p.id for p in world.cloud.ports(f"octavia-sriov:{lb}")}
    return [
        (port.network_id, port.vnic_type, bool(port.device_id), port.id in known,
         tuple(ip.subnet_id for ip in port.fixed_ips))
        for port in world.cloud.port_rows.values()
        if port.id in mine
    ]  # fmt: skip


def _statuses(world: World, lb: str) -> dict[str, str | None]:
    return {
        object_id: values.get("provisioning_status")
        for (_, object_id), values in world.agent.statuses.items()
        if values.get("provisioning_status") != "DELETED"
    }
