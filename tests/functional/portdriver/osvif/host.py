"""A host's port driver as a process of its own: ``python -m ...host VERB ENDPOINT < request``.

The request is JSON: the port, its subnets and network, and the files with os-vif's
settings.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from oslo_config import cfg

from sriov_provider.errors import ProviderError
from sriov_provider.portdriver.osvif.driver import OsVifDriver


def main(verb: str, endpoint: str) -> None:
    request = json.load(sys.stdin)
    files = request["settings"]
    cfg.CONF([], project="nothing", default_config_files=files, default_config_dirs=[])
    try:
        told: dict[str, Any] = {"told": _act(verb, endpoint, request)}
    except ProviderError as error:
        told = {"code": error.reason.code.value, "operator": error.reason.operator}
    json.dump(told, sys.stdout)


def _act(verb: str, endpoint: str, request: dict[str, Any]) -> tuple[str, str]:
    driver = OsVifDriver()
    if verb == "delete":
        return driver.delete_host_iface(endpoint, request["port"])
    return driver.create_host_iface(
        endpoint, request["port"], request["subnets"], request["network"]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
