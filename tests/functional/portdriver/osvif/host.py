"""A host's port driver as a process of its own: ``python -m ...host VERB ENDPOINT < request``.

The request is JSON: the port, its subnets and network, the files with os-vif's settings, the
directory of claims, and a network namespace where there is one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from oslo_config import cfg

from sriov_provider.errors import ProviderError
from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.host import HostPorts


def main(verb: str, endpoint: str) -> None:
    request = json.load(sys.stdin)
    files = request["settings"]
    cfg.CONF([], project="nothing", default_config_files=files, default_config_dirs=[])
    ports = HostPorts(Settings(state_path=Path(request["state"]), osvif=True))
    try:
        told: dict[str, Any] = {"told": _act(ports, verb, endpoint, request)}
    except ProviderError as error:
        told = {"code": error.reason.code.value, "operator": error.reason.operator}
    json.dump(told, sys.stdout)


def _act(ports: HostPorts, verb: str, endpoint: str, request: dict[str, Any]) -> Any:
    port, network, subnets = (request[key] for key in ("port", "network", "subnets"))
    if verb == "unplug":
        return ports.unplug(port["id"])
    if verb == "plug":
        return ports.plug(port, subnets, network, request["namespace"], "eth0").device
    if verb == "reconcile":
        return ports.reconcile([]).released
    driver = ports.driver(port, network)
    driver.create_host_iface(endpoint, port, subnets, network)
    return driver.get_container_iface_name(port)


if __name__ == "__main__":
    main(*sys.argv[1:])
