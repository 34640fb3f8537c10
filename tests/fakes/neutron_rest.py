"""The few calls of Neutron's REST API that the local compute driver makes, on dicts."""

from __future__ import annotations

import ipaddress
import itertools
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider import cloud_errors
from sriov_provider.rest import Answer


class NeutronRest:
    """In place of :class:`sriov_provider.rest.Rest`.

    :ivar admin: whether the caller may bind ports
    :ivar calls: method and path of each
    """

    def __init__(self) -> None:
        self.networks: dict[str, dict[str, Any]] = {}
        self.subnets: dict[str, dict[str, Any]] = {}
        self.ports: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.admin = True
        self.calls: list[str] = []
        self._numbers = itertools.count(10)

    def network(self, name: str, *cidrs: str, vlan: int = 0, **more: Any) -> str:
        """:returns: its id"""
        kind = {"provider:network_type": "vlan", "provider:segmentation_id": vlan}
        self.networks[name] = {"id": name, "name": name, "mtu": 1500, **kind, **more}
        for cidr in cidrs:
            version = ipaddress.ip_network(cidr).version
            subnet = {"id": f"{name}-{version}", "network_id": name, "cidr": cidr}
            self.subnets[subnet["id"]] = {**subnet, "gateway_ip": None, "host_routes": []}
        return name

    def port(self, network_id: str, **more: Any) -> str:
        """:returns: its id"""
        number = next(self._numbers)
        port_id = str(uuid.uuid4())
        fixed = [
            {
                "subnet_id": s["id"],
                "ip_address": str(ipaddress.ip_network(s["cidr"])[number]),
            }
            for s in self.subnets.values()
            if s["network_id"] == network_id
        ]
        self.ports[port_id] = {
            "id": port_id,
            "name": "",
            "network_id": network_id,
            "mac_address": f"fa:16:3e:00:00:{number:02x}",
            "fixed_ips": fixed,
            "admin_state_up": True,
            "device_id": "",
            "device_owner": "",
            **more,
        }
        return port_id

    def get(self, path: str, **params: Any) -> Mapping[str, Any]:
        found = self.find(path)
        if found is None:
            raise cloud_errors.not_found(f"{path} could not be found")
        return found

    def find(self, path: str) -> Mapping[str, Any] | None:
        self.calls.append(f"GET {path}")
        kind, key = path.split("/")[-2:]
        found = getattr(self, kind).get(key)
        if kind == "policies":
            return None if found is None else {"policy": found}
        return None if found is None else {kind.removesuffix("s"): dict(found)}

    def pages(self, path: str, key: str, **params: Any) -> Iterator[Mapping[str, Any]]:
        self.calls.append(f"GET {path}")
        params.pop("fields", None)
        for row in list(getattr(self, key).values()):
            if all(row.get(name) == value for name, value in params.items()):
                yield dict(row)

    def call(self, method: str, path: str, *, json: Any, accept: tuple[int, ...] = ()) -> Answer:
        self.calls.append(f"{method} {path}")
        body = json["port"]
        if "binding:host_id" in body and not self.admin:
            assert 403 in accept
            return Answer(403, {})
        if method == "POST":
            port_id = self.port(**body)
        else:
            port_id = path.rpartition("/")[2]
            self.ports[port_id].update(body)
        return Answer(200, {"port": dict(self.ports[port_id])})

    def delete(self, path: str) -> None:
        self.calls.append(f"DELETE {path}")
        self.ports.pop(path.rpartition("/")[2], None)
