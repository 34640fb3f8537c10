"""What the remote driver asks of Neutron: JSON objects, as port drivers take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sriov_provider import cloud_errors
from sriov_provider.portdriver import qos
from sriov_provider.portdriver.libnetwork.protocol import Wanted
from sriov_provider.rest import Rest

Json = Mapping[str, Any]


class Neutron:
    """All verbs raise :class:`~sriov_provider.errors.ProviderError`."""

    def __init__(self, rest: Rest) -> None:
        """:param rest: of the network service"""
        self._rest = rest

    def network(self, network_id: str) -> Json:
        """NOT_FOUND when there is none."""
        return self._object("network", network_id)

    def subnets(self, port: Json) -> tuple[Json, ...]:
        """Those of the port's addresses."""
        ids = dict.fromkeys(fixed["subnet_id"] for fixed in port["fixed_ips"])
        return tuple(self._object("subnet", one) for one in ids)

    def port(self, port_id: str) -> Json:
        """NOT_FOUND when there is none."""
        return self._object("port", port_id)

    def find_port(self, port_id: str) -> Json | None:
        found = self._rest.find(f"/ports/{port_id}")
        return dict(found["port"]) if found else None

    def matching_port(self, network_id: str, wanted: Wanted) -> Json:
        """The one port of a network with this MAC address and these addresses.

        :raises ProviderError: NOT_FOUND when it is not exactly one
        """
        query: dict[str, Any] = {"network_id": network_id}
        if wanted.mac:
            query["mac_address"] = wanted.mac
        if wanted.addresses:
            query["fixed_ips"] = [f"ip_address={address}" for address in wanted.addresses]
        found = self._rest.get("/ports", **query)["ports"]
        # Several addresses are alternatives to Neutron.
        found = [port for port in found if _has(port, wanted)]
        if len(found) != 1:
            what = " ".join(filter(None, (wanted.mac, *wanted.addresses)))
            message = f"network {network_id} has {len(found)} ports with {what}"
            raise cloud_errors.not_found(message)
        return dict(found[0])

    def change_port(self, port_id: str, changes: Json) -> Json:
        answer = self._rest.call("PUT", f"/ports/{port_id}", json={"port": dict(changes)})
        return dict(answer.body["port"])

    def ports_of(self, endpoint_id: str) -> tuple[Json, ...]:
        """Those that are in use by an endpoint."""
        return tuple(self._rest.get("/ports", device_id=endpoint_id)["ports"])

    def limited(self, port: Json, network: Json) -> Json:
        """The port with its rate limits; see :func:`sriov_provider.portdriver.qos.limited`."""
        return qos.limited(self._rest, port, network)

    def give_back(self, port_id: str, endpoint_id: str) -> None:
        """Bound to no host, of no container; it may be gone, or somebody else's by now."""
        port = self.find_port(port_id)
        if port and port.get("device_id") == endpoint_id:
            body = {"port": {"device_id": "", "binding:host_id": ""}}
            self._rest.call("PUT", f"/ports/{port_id}", json=body, accept=(404,))

    def _object(self, kind: str, object_id: str) -> Json:
        found = self._rest.find(f"/{kind}s/{object_id}")
        if found is None:
            raise cloud_errors.not_found(f"Neutron has no {kind} {object_id}")
        return dict(found[kind])


def _has(port: Json, wanted: Wanted) -> bool:
    addresses = {fixed["ip_address"] for fixed in port["fixed_ips"]}
    return addresses.issuperset(wanted.addresses)
