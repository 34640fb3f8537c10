"""What is in the cloud that nobody knows of any more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sriov_provider.db import models
from sriov_provider.records import PortState
from tests.demo import leftovers
from tests.demo.virt import links, server
from tests.matrix.stage import Stage

# Seconds in which Nova and Neutron take away what they were told to.
PATIENCE = 10.0
# In the database of Nova's cell; no API tells of it.
_HELD = sa.text(
    "SELECT address, instance_uuid FROM pci_devices WHERE deleted = 0"
    " AND status IN ('claimed', 'allocated')"
    " AND instance_uuid NOT IN (SELECT uuid FROM instances WHERE deleted = 0)"
)
_UNWANTED = (PortState.LEAKED.value, PortState.RELEASING.value)


@dataclass(frozen=True)
class Known:
    """Ids that somebody answers for, by kind as in ``leftovers``."""

    kinds: dict[str, frozenset[str]]

    def leaked(self, new: dict[str, dict[str, str]]) -> list[str]:
        """What is new and unknown."""
        return [
            f"{kind} {name or key}"
            for kind, found in new.items()
            for key, name in found.items()
            if key not in self.kinds[kind]
        ]


def leaked(stage: Stage) -> list[str]:
    """Looks until there is nothing, for a few seconds."""
    end = time.monotonic() + PATIENCE
    while (found := look(stage) + lost_vfs(stage)) and time.monotonic() < end:
        time.sleep(0.5)
    stage.lost_vfs.update(found)
    return found


def lost_vfs(stage: Stage) -> list[str]:
    """VFs that Nova holds for servers that are gone."""
    return stage.nova.read(
        lambda session: [
            vf
            for address, server_id in session.execute(_HELD)
            if (vf := f"VF {address} held for server {server_id}") not in stage.lost_vfs
        ]
    )


def look(stage: Stage) -> list[str]:
    """Objects of the cloud that no record knows, and records of what should not be there."""
    balancers = {str(b.id): b for b in stage.octavia.load_balancers()}
    ports = list(stage.api.network.ports())
    rows = stage.sessions.read(_rows)
    known = _known(rows, balancers, ports)
    new = leftovers.take(stage.api).beyond(stage.before)
    ours = [f"row of load balancer {i}" for i in rows["balancers"] if i not in balancers]
    return known.leaked(new) + ours + [f"row of port {i}" for i in rows["unwanted"]]


def _rows(session: Any) -> dict[str, list[str]]:
    def column(what: Any, *where: Any) -> list[str]:
        return [str(v) for v in session.scalars(sa.select(what).where(*where)) if v]

    port, balancer = models.Port, models.LoadBalancer
    return {
        "balancers": column(balancer.id),
        "ports": column(port.neutron_id),
        "unwanted": column(port.id, port.state.in_(_UNWANTED)),
        "servers": column(models.Amphora.compute_id),
        "security groups": column(balancer.security_group_id),
        "server groups": column(balancer.server_group_id),
    }


def _known(rows: dict[str, list[str]], balancers: dict[str, Any], ports: list[Any]) -> Known:
    vips = {str(b.vip_port_id) for b in balancers.values()}
    servers = set(rows["servers"])
    # Nova makes the ports of the management network with their servers.
    theirs = {str(p.id) for p in ports if p.device_id in servers and not _tagged(p)}
    known_ports = vips | set(rows["ports"]) | theirs
    return Known(
        {
            "port": frozenset(known_ports),
            "server": frozenset(servers),
            "server group": frozenset(rows["server groups"]),
            "security group": frozenset(rows["security groups"]),
            "namespace": frozenset(map(server.namespace, servers)),
            "wire": frozenset(map(links.host_end, known_ports)),
        }
    )


def _tagged(port: Any) -> bool:
    return bool((port.description or "").startswith("octavia-sriov:"))
