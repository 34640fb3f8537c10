"""A cloud and tables for the sweep: bodies as Neutron 29 and Nova 34 give them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from sriov_provider.db import inventory
from sriov_provider.records import (
    AmphoraRecord,
    AmphoraState,
    LoadBalancerRecord,
    PortRecord,
    PortRole,
    PortState,
)
from tests.fakes.services import Services

NEUTRON, NOVA = "/network/v2.0", "/compute/v2.1"
LIVE = "00000000-0000-4000-8000-00000000000a"
GONE = "00000000-0000-4000-8000-00000000000b"
AMPHORA = "10000000-0000-4000-8000-00000000000a"
STRAY = "10000000-0000-4000-8000-00000000000b"
OLD = "2026-01-01T00:00:00Z"


def port(
    port_id: str, owner: str = GONE, server: str = "", amphora: str = STRAY, **more: Any
) -> dict[str, Any]:
    return {
        "id": port_id,
        "name": f"octavia-lb-vrrp-{amphora}",
        "description": f"octavia-sriov:{owner}",
        "project_id": "p",
        "network_id": "net",
        "mac_address": "fa:16:3e:00:00:01",
        "fixed_ips": [{"subnet_id": "s", "ip_address": "192.0.2.9"}],
        "binding:vnic_type": "direct",
        "status": "DOWN",
        "device_id": server,
        "created_at": OLD,
        **more,
    }


def group(group_id: str, owner: str = GONE, **more: Any) -> dict[str, Any]:
    tag = f"octavia-sriov:{owner}"
    name = f"lb-{owner}"
    body = {"id": group_id, "name": name, "description": tag, "project_id": "p", "created_at": OLD}
    return body | more


def server(
    server_id: str, owner: str | None = GONE, amphora: str = STRAY, **more: Any
) -> dict[str, Any]:
    return {
        "id": server_id,
        "name": f"amphora-{amphora}",
        "status": "ACTIVE",
        "tenant_id": "p",
        "created": OLD,
        "metadata": {"octavia_sriov": f"octavia-sriov:{owner}"} if owner else {},
        **more,
    }


def server_group(group_id: str, owner: str = GONE, *members: str) -> dict[str, Any]:
    return {"id": group_id, "name": f"octavia-lb-{owner}", "members": list(members)}


def answer(
    services: Services,
    *,
    ports: tuple[dict[str, Any], ...] = (),
    groups: tuple[dict[str, Any], ...] = (),
    servers: tuple[dict[str, Any], ...] = (),
    server_groups: tuple[dict[str, Any], ...] = (),
) -> None:
    """The lists, and each of their items; deletes are accepted."""
    services.answer("GET", f"{NEUTRON}/ports", {"ports": ports})
    services.answer("GET", f"{NEUTRON}/security-groups", {"security_groups": groups})
    services.answer("GET", f"{NOVA}/servers/detail", {"servers": servers})
    services.answer("GET", f"{NOVA}/os-server-groups", {"server_groups": server_groups})
    for path, key, items in (
        (f"{NEUTRON}/ports", "port", ports),
        (f"{NEUTRON}/security-groups", "security_group", groups),
        (f"{NOVA}/servers", "server", servers),
        (f"{NOVA}/os-server-groups", "server_group", server_groups),
    ):
        for item in items:
            services.answer("GET", f"{path}/{item['id']}", {key: item})
            services.answer("DELETE", f"{path}/{item['id']}", None, 204)


def fill(session: Session) -> None:
    """A load balancer with an amphora that has a VIP port."""
    lb = LoadBalancerRecord(
        *(LIVE, "project", "192.0.2.1", "vip", "s", "net", "direct"),
        security_group_id="live-group",
        server_group_id="live-server-group",
    )
    inventory.save_load_balancer(session, lb)
    amphora = AmphoraRecord(AMPHORA, LIVE, AmphoraState.READY, compute_id="live-server")
    inventory.save_amphora(session, amphora)
    record = PortRecord(
        *("row", LIVE, AMPHORA, "net", PortRole.VIP, "direct", PortState.ATTACHED),
        neutron_id="live-port",
    )
    inventory.save_port(session, record)


LIVING: dict[str, Any] = {
    "ports": (port("live-port", LIVE, "live-server", AMPHORA),),
    "groups": (group("live-group", LIVE),),
    "servers": (server("live-server", LIVE, AMPHORA),),
    "server_groups": (server_group("live-server-group", LIVE, "live-server"),),
}
