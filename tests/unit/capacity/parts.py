"""Small clouds for the tests of this directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sriov_provider.capacity.model import BoundPort, Holding, Outside
from sriov_provider.records import PortRole, PortState

MAPPED = {"compute1": frozenset({"physnet1"}), "compute2": frozenset({"physnet1", "physnet2"})}
PHYSNETS = {"net1": "physnet1", "net2": "physnet2", "net3": "tunnelled"}


def holding(number: int = 1, **values: Any) -> Holding:
    """A VIP port of load balancer ``lb1`` on ``compute1``, unless told otherwise."""
    told: dict[str, Any] = {
        "id": f"row{number}",
        "load_balancer_id": "lb1",
        "amphora_id": f"amphora-of-{values.get('load_balancer_id', 'lb1')}",
        "network_id": "net1",
        "role": PortRole.VIP,
        "state": PortState.ATTACHED,
        "host": "compute1",
        "neutron_id": f"port{number}",
    }
    return Holding(**told | values)


def outside(
    *bound: tuple[str, str, str],
    mapped: Mapping[str, frozenset[str]] | None = MAPPED,
    **values: Any,
) -> Outside:
    """:param bound: id, host and physical network of each port with a VF"""
    told = {"ports": tuple(BoundPort(*port) for port in bound), "physnets": PHYSNETS}
    return Outside(mapped=mapped, **{"hosts_down": {}} | told | values)
