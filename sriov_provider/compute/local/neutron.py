"""What the local compute driver asks of Neutron: without Nova, it tells whose a port is."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from sriov_provider import vnic
from sriov_provider.cloud import NETWORK, Cloud
from sriov_provider.compute.local.records import Nic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import qos
from sriov_provider.rest import Rest

# Not Nova's prefix: Neutron would ask Nova about such ports.
DEVICE_OWNER = "octavia:amphora"
# Begins the names of ports that were made for an amphora, and go with it.
_OURS = "octavia-mgmt-"
_HOST = "binding:host_id"
_FORBIDDEN = 403
_KINDS = (vnic.NORMAL, vnic.DIRECT)
# What a port driver and a restart need to know.
_PORT = (
    "id", "name", "mac_address", "network_id", "fixed_ips", "admin_state_up", "device_id",
    "binding:vnic_type", "binding:vif_type", "binding:profile", "binding:vif_details", "status",
    "project_id", "qos_policy_id", "qos_network_policy_id",
)  # fmt: skip
_NETWORK = (
    "id", "name", "mtu", "qinq", "provider:network_type", "provider:physical_network",
    "provider:segmentation_id", "qos_policy_id",
)  # fmt: skip
_SUBNET = ("id", "cidr", "gateway_ip", "host_routes", "ip_version")

Json = Mapping[str, Any]


class Ports:
    """Thread-safe. All verbs raise :class:`ProviderError`.

    :param host: this host's name in Neutron; None leaves ports unbound
    """

    def __init__(self, cloud: Cloud, host: str | None) -> None:
        self._neutron = Rest(cloud, NETWORK)
        self._host = host
        self._networks: dict[str, tuple[Json, tuple[Json, ...]]] = {}
        self._lock = threading.Lock()

    def create(self, network_id: str, name: str, server_id: str, groups: Sequence[str]) -> Json:
        """A port of the amphora's own, on a network it is booted on.

        :param name: of the amphora
        """
        body = {
            "name": _OURS + name,
            "network_id": network_id,
            "admin_state_up": True,
            **({"security_groups": list(groups)} if groups else {}),
            **self._owned(server_id),
        }
        return self._sent("POST", "/ports", body)

    def take(self, port_id: str, server_id: str) -> Json:
        """The port is this amphora's now.

        :raises ProviderError: NOT_FOUND, PORT_BUSY, UNSUPPORTED
        """
        port = self._neutron.get(f"/ports/{port_id}")["port"]
        _check_kind(port)
        if port["device_id"] == server_id:
            return _few(port, _PORT)
        if port["device_id"]:
            raise ProviderError(
                Code.PORT_BUSY,
                "The network port of the load balancer is in use.",
                f"Port {port_id} belongs to device {port['device_id']} ({port['device_owner']}).",
                retriable=True,
            )
        return self._sent("PUT", f"/ports/{port_id}", self._owned(server_id))

    def leave(self, port_id: str, server_id: str) -> None:
        """The port is nobody's; it may be gone, or somebody else's by now."""
        body = self._neutron.find(f"/ports/{port_id}")
        if body and body["port"]["device_id"] == server_id:
            nobody = {**self._owned(""), "device_owner": ""}
            self._sent("PUT", f"/ports/{port_id}", nobody)

    def give_up(self, server_id: str) -> None:
        """Ports of :meth:`create` are deleted, taken ones are nobody's."""
        found = self._neutron.pages("/ports", "ports", device_id=server_id, fields=["id", "name"])
        for port in tuple(found):
            if port["name"].startswith(_OURS):
                self._neutron.delete(f"/ports/{port['id']}")
            else:
                self.leave(port["id"], server_id)

    def nic(self, port: Json, number: int, *, ours: bool = False) -> Nic:
        """With everything the port driver wants to know."""
        network, subnets = self._network(port["network_id"])
        used = {ip["subnet_id"] for ip in port["fixed_ips"]}
        mine = tuple(subnet for subnet in subnets if subnet["id"] in used)
        if len(mine) < len(used):
            # A subnet that is younger than what is known here.
            with self._lock:
                self._networks.pop(port["network_id"], None)
            network, subnets = self._network(port["network_id"])
            mine = tuple(subnet for subnet in subnets if subnet["id"] in used)
        return Nic(number, qos.limited(self._neutron, port, network), network, mine, ours)

    def port(self, port_id: str) -> Json:
        return _few(self._neutron.get(f"/ports/{port_id}")["port"], _PORT)

    def _network(self, network_id: str) -> tuple[Json, tuple[Json, ...]]:
        with self._lock:
            known = self._networks.get(network_id)
        if known is None:
            network = self._neutron.get(f"/networks/{network_id}")["network"]
            subnets = self._neutron.pages("/subnets", "subnets", network_id=network_id)
            known = _few(network, _NETWORK), tuple(_few(s, _SUBNET) for s in subnets)
            with self._lock:
                self._networks[network_id] = known
        return known

    def _owned(self, server_id: str) -> dict[str, Any]:
        owned: dict[str, Any] = {"device_id": server_id, "device_owner": DEVICE_OWNER}
        if self._host:
            owned[_HOST] = self._host if server_id else ""
        return owned

    def _sent(self, method: str, path: str, body: dict[str, Any]) -> Json:
        """Only an administrator may say on which host a port is: others do without."""
        accept = (_FORBIDDEN,) if _HOST in body else ()
        answer = self._neutron.call(method, path, json={"port": body}, accept=accept)
        if answer.status == _FORBIDDEN:
            self._host = None
            less = {key: value for key, value in body.items() if key != _HOST}
            answer = self._neutron.call(method, path, json={"port": less})
        return _few(answer.body["port"], _PORT)


def _check_kind(port: Json) -> None:
    kind = port.get("binding:vnic_type") or vnic.NORMAL
    if kind not in _KINDS:
        raise ProviderError(
            Code.UNSUPPORTED,
            f"Network ports of kind {kind} are not available.",
            f"Port {port['id']} is of kind {kind}; compute_driver local plugs {', '.join(_KINDS)}.",
        )


def _few(full: Json, names: Sequence[str]) -> Json:
    return {name: full[name] for name in names if name in full}
