"""Amphorae as containers of Zun, with all their ports from the start.

Zun asks for a VF when a container is made, never when a port is attached to a running one: there is
no hot-plug here. Facts: Zun's API (``containers`` controller and its schema). Tried against a fake
of that API only.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any

from sriov_provider.cloud import CONTAINER, IMAGE, Cloud
from sriov_provider.compute import binding, images, refusals
from sriov_provider.compute.base import OWNER_KEY, ReadBack, Server, ServerSpec
from sriov_provider.config_zun import Zun, zun
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import Port
from sriov_provider.rest import Rest

LOG = logging.getLogger(__name__)

# Zun's words for what a server's status says; others are told in capitals.
_STATUS = {
    "Creating": "BUILD",
    "Created": "BUILD",
    "Restarting": "BUILD",
    "Rebuilding": "BUILD",
    "Running": "ACTIVE",
    # An amphora has no reason to end by itself.
    "Stopped": "ERROR",
    "Dead": "ERROR",
}
_FAULTY = frozenset({"Error", "Stopped", "Dead"})
_GOING = "Deleting"


class ZunCompute:
    """Implements :class:`~sriov_provider.compute.base.Compute`. Thread-safe."""

    def __init__(self, cloud: Cloud, settings: Zun) -> None:
        self._zun = Rest(cloud, CONTAINER)
        self._glance = Rest(cloud, IMAGE)
        self._settings = settings

    def start(self) -> None:
        """Zun is there already."""

    def image_id(self, tag: str, owner: str | None) -> str:
        if self._settings.image:
            return self._settings.image
        return images.newest(self._glance, tag, owner)

    def check_flavor(self, flavor: str) -> None:
        refusals.unknown_flavor(flavor, "zun_compute", self._settings.flavors)

    def ensure_server_group(self, name: str, policy: str) -> str:
        refusals.strict_placement(policy, "Zun has no server groups")
        return name

    def delete_server_group(self, group_id: str) -> None:
        """There was but a name."""

    def create_server(self, spec: ServerSpec) -> Server:
        self.check_flavor(spec.flavor)
        if spec.user_data:
            raise refusals.cloud_init("containers")
        body = request(spec, self._settings)
        answer = self._zun.call(
            "POST", "/containers", json=body, params={"run": "true"}, secret=True
        )
        return Server(answer.body["uuid"], spec.name, "BUILD")

    def find_server(self, name: str) -> Server | None:
        found = self._zun.get("/containers", name=name)["containers"]
        return next((_server(c) for c in found if c["name"] == name), None)

    def get_server(self, server_id: str) -> Server | None:
        found = self._zun.find(f"/containers/{server_id}")
        return _server(found) if found is not None else None

    def has_server(self, server_id: str) -> bool:
        server = self.get_server(server_id)
        return server is not None and server.status != "DELETED"

    def delete_server(self, server_id: str) -> None:
        found = self._zun.find(f"/containers/{server_id}")
        if found is None or found["status"] == _GOING:
            return
        # Zun refuses to delete one that it still creates: that passes.
        self._zun.call("DELETE", f"/containers/{server_id}", params={"stop": "true"}, accept=(404,))

    def management_ip(self, server_id: str, network_id: str) -> str | None:
        found = self._zun.find(f"/containers/{server_id}") or {}
        addresses = (found.get("addresses") or {}).get(network_id) or ()
        return next((str(address["addr"]) for address in addresses), None)

    def attach_port(self, server_id: str, port_id: str) -> None:
        """Success for a port the container was made with; UNSUPPORTED for all others."""
        found = self._zun.find(f"/containers/{server_id}")
        if found is not None and port_id in _ports(found):
            return
        raise ProviderError(
            Code.UNSUPPORTED,
            "A network port could not be connected to the load balancer's instance.",
            f"Port {port_id} cannot be plugged into container {server_id}: Zun gives containers "
            "their VFs when it makes them. A new amphora has to be made.",
        )

    def detach_port(self, server_id: str, port_id: str) -> None:
        path = f"/containers/{server_id}/network_detach"
        answer = self._zun.call("POST", path, params={"port": port_id}, accept=(400, 404))
        gone = answer.refusal is None or "is not attached to" in answer.refusal.message
        if answer.status == 400 and not gone:
            raise self._zun.error(answer, "POST", path)

    def read_back(self, port: Port, server_host: str | None) -> ReadBack:
        return binding.as_bound(port, server_host)


def request(spec: ServerSpec, settings: Zun) -> dict[str, Any]:
    """The body that makes a container. Files are mounted, each by itself, with their content."""
    body: dict[str, Any] = {
        "name": spec.name,
        "image": spec.image_id,
        "image_driver": "docker" if settings.image else "glance",
        "nets": [
            *({"network": network} for network in spec.networks),
            *({"port": port} for port in spec.port_ids),
        ],
        "mounts": [_mount(path, text) for path, text in spec.files.items()],
        "privileged": settings.privileged,
        "labels": {OWNER_KEY: spec.owner} if spec.owner else {},
    }
    size = settings.flavors.get(spec.flavor)
    if size is not None:
        body |= {"memory": size.memory, "cpu": size.cpus}
    if settings.runtime:
        body["runtime"] = settings.runtime
    if spec.security_groups:
        body["security_groups"] = list(spec.security_groups)
    if spec.availability_zone:
        body["availability_zone"] = spec.availability_zone
    return body


def _mount(path: str, text: str) -> dict[str, str]:
    content = base64.b64encode(text.encode()).decode()
    return {"type": "bind", "source": content, "destination": path}


def _ports(container: Mapping[str, Any]) -> set[str]:
    addresses = (container.get("addresses") or {}).values()
    return {one["port"] for network in addresses for one in network}


def _server(container: Mapping[str, Any]) -> Server:
    status = container["status"]
    reason = container.get("status_reason") or container.get("status_detail")
    return Server(
        id=container["uuid"],
        name=container["name"],
        status=_STATUS.get(status, str(status).upper()),
        host=container.get("host"),
        fault=(reason or f"the container is {status}") if status in _FAULTY else None,
        image_id=container.get("image"),
    )


def from_conf(conf: Any, cloud: Cloud) -> ZunCompute:
    """See :mod:`sriov_provider.compute.drivers`."""
    return ZunCompute(cloud, zun(conf))
