"""What Nova makes of ports: ``python -m ...nova_says < request``, in a process of its own.

Nova and others register options of one name in the same place. The request is JSON: network,
subnets, ports as Neutron shows them. They go into Nova through its reader of Neutron, which builds
its model of the network, and that into ``nova_to_osvif_vif``. The answer has for each port
``made``, the primitive of its object or null, or ``raised``, the exception's name.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import os_vif.objects
from nova import context, exception
from nova.network import neutron, os_vif_util


class Client:
    """As much of a Neutron client as Nova's reader of ports asks."""

    def __init__(self, network: dict[str, Any], subnets: list[dict[str, Any]]) -> None:
        self._network = network
        self._subnets = subnets

    def list_subnets(self, id: list[str], **_unused: Any) -> dict[str, Any]:
        return {"subnets": [dict(subnet) for subnet in self._subnets if subnet["id"] in id]}

    def list_ports(self, **_unused: Any) -> dict[str, Any]:
        return {"ports": []}

    def list_floatingips(self, **_unused: Any) -> dict[str, Any]:
        return {"floatingips": []}

    def list_extensions(self, **_unused: Any) -> dict[str, Any]:
        return {"extensions": []}

    def show_network(self, _network_id: str, **_unused: Any) -> dict[str, Any]:
        return {"network": self._network}


def main() -> None:
    os_vif.objects.register_all()
    request = json.load(sys.stdin)
    client = Client(request["network"], request["subnets"])
    neutron.get_client = lambda *_args, **_named: client
    json.dump([_says(client, request["network"], port) for port in request["ports"]], sys.stdout)


def _says(client: Client, network: dict[str, Any], port: dict[str, Any]) -> dict[str, Any]:
    admin = context.RequestContext("admin", "project", is_admin=True)
    model = neutron.API()._build_vif_model(admin, client, port, [network], [port["id"]])
    try:
        made = os_vif_util.nova_to_osvif_vif(model)
    except (NotImplementedError, exception.NovaException) as error:
        return {"raised": type(error).__name__}
    return {"made": made.obj_to_primitive() if made is not None else None}


if __name__ == "__main__":
    main()
