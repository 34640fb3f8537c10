"""Amphorae as Nova servers."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider.cloud import COMPUTE, IMAGE, Cloud
from sriov_provider.compute import binding, images
from sriov_provider.compute.base import OWNER_KEY, ReadBack, Server, ServerSpec
from sriov_provider.network.base import Port
from sriov_provider.rest import Rest

LOG = logging.getLogger(__name__)

# Nova's own upper limit of a page, of servers and of server groups.
_PAGE = 1000


def server_groups(nova: Rest) -> Iterator[Mapping[str, Any]]:
    """All of our project; Nova pages by offset and tells no link to the next page."""
    offset = 0
    while True:
        page = nova.get("/os-server-groups", limit=_PAGE, offset=offset)["server_groups"]
        yield from page
        if len(page) < _PAGE:
            return
        offset += len(page)


def servers(nova: Rest) -> Iterator[Mapping[str, Any]]:
    """All of our project. Not by :meth:`Rest.pages`, whose answers are in the debug log: Nova shows
    an administrator the user data, which may hold an amphora's key."""
    query: dict[str, Any] = {"limit": _PAGE}
    while True:
        page = nova.call("GET", "/servers/detail", params=query, secret=True).body
        yield from page["servers"]
        if not any(link.get("rel") == "next" for link in page.get("servers_links") or ()):
            return
        query["marker"] = page["servers"][-1]["id"]


class NovaCompute:
    """Implements :class:`~sriov_provider.compute.base.Compute`. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._nova = Rest(cloud, COMPUTE)
        self._glance = Rest(cloud, IMAGE)

    def start(self) -> None:
        """Nova is there already."""

    def image_id(self, tag: str, owner: str | None) -> str:
        return images.newest(self._glance, tag, owner)

    def check_flavor(self, flavor: str) -> None:
        self._nova.get(f"/flavors/{flavor}")

    def ensure_server_group(self, name: str, policy: str) -> str:
        for group in server_groups(self._nova):
            if group["name"] == name:
                return str(group["id"])
        body = {"server_group": {"name": name, "policies": [policy]}}
        answer = self._nova.call("POST", "/os-server-groups", json=body)
        return str(answer.body["server_group"]["id"])

    def delete_server_group(self, group_id: str) -> None:
        self._nova.delete(f"/os-server-groups/{group_id}")

    def create_server(self, spec: ServerSpec) -> Server:
        answer = self._nova.call("POST", "/servers", json=_request(spec), secret=True)
        return Server(answer.body["server"]["id"], spec.name, "BUILD")

    def find_server(self, name: str) -> Server | None:
        # The filter is a regular expression.
        pattern = "^" + re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", name) + "$"
        answer = self._nova.call("GET", "/servers/detail", params={"name": pattern}, secret=True)
        found = answer.body["servers"]
        return next((_server(s) for s in found if s["name"] == name), None)

    def get_server(self, server_id: str) -> Server | None:
        # Nova shows an administrator the user data, which may hold the amphora's key.
        answer = self._nova.call("GET", f"/servers/{server_id}", accept=(404,), secret=True)
        return None if answer.refusal else _server(answer.body["server"])

    def has_server(self, server_id: str) -> bool:
        # To show a server, Nova asks Neutron for its ports and their groups each time.
        path = f"/servers/{server_id}/metadata"
        return self._nova.call("GET", path, accept=(404,)).refusal is None

    def delete_server(self, server_id: str) -> None:
        self._nova.delete(f"/servers/{server_id}")

    def management_ip(self, server_id: str, network_id: str) -> str | None:
        for interface in self._interfaces(server_id):
            if interface["net_id"] == network_id and interface["fixed_ips"]:
                return str(interface["fixed_ips"][0]["ip_address"])
        return None

    def attach_port(self, server_id: str, port_id: str) -> None:
        path = f"/servers/{server_id}/os-interface"
        body = {"interfaceAttachment": {"port_id": port_id}}
        answer = self._nova.call("POST", path, json=body, accept=(409,))
        if answer.status != 409:
            return
        if not self._is_attached(server_id, port_id):
            raise self._nova.error(answer, "POST", path)
        LOG.debug("Port %s was attached to server %s already", port_id, server_id)

    def detach_port(self, server_id: str, port_id: str) -> None:
        self._nova.delete(f"/servers/{server_id}/os-interface/{port_id}")

    def read_back(self, port: Port, server_host: str | None) -> ReadBack:
        return binding.as_bound(port, server_host)

    def _is_attached(self, server_id: str, port_id: str) -> bool:
        return any(i["port_id"] == port_id for i in self._interfaces(server_id))

    def _interfaces(self, server_id: str) -> Any:
        return self._nova.get(f"/servers/{server_id}/os-interface")["interfaceAttachments"]


def from_conf(_conf: Any, cloud: Cloud) -> NovaCompute:
    """See :mod:`sriov_provider.compute.drivers`."""
    return NovaCompute(cloud)


def _request(spec: ServerSpec) -> dict[str, Any]:
    server: dict[str, Any] = {
        "name": spec.name,
        "imageRef": spec.image_id,
        "flavorRef": spec.flavor,
        "config_drive": True,
        "networks": [
            *({"uuid": network} for network in spec.networks),
            *({"port": port} for port in spec.port_ids),
        ],
    }
    if spec.security_groups:
        server["security_groups"] = [{"name": group} for group in spec.security_groups]
    if spec.files:
        server["personality"] = [
            {"path": path, "contents": _encoded(text)} for path, text in spec.files.items()
        ]
    if spec.user_data:
        server["user_data"] = _encoded(spec.user_data)
    if spec.owner:
        server["metadata"] = {OWNER_KEY: spec.owner}
    for key in ("key_name", "availability_zone"):
        if value := getattr(spec, key):
            server[key] = value
    body = {"server": server}
    if spec.server_group_id:
        body["os:scheduler_hints"] = {"group": spec.server_group_id}
    return body


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _server(server: Mapping[str, Any]) -> Server:
    fault = server.get("fault") or {}
    return Server(
        id=server["id"],
        name=server["name"],
        status=server["status"],
        host=server.get("OS-EXT-SRV-ATTR:host"),
        fault=fault.get("message"),
        # Empty text, not an object, for one booted from a volume.
        image_id=(server.get("image") or {}).get("id"),
    )
