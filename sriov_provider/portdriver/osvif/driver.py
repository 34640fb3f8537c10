"""A port driver for ports of a virtual switch: a pair of interfaces, one end plugged by os-vif.

For ports of kind ``normal`` on hosts of Open vSwitch and vRouter. VFs are not its business.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from os_vif.objects import vif as osvif

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import namespaces
from sriov_provider.portdriver.kernel import USER, Change, Link, Links
from sriov_provider.portdriver.links import KernelLinks
from sriov_provider.portdriver.osvif import facts, objects, plugging

BINDINGS = ("veth",)
LOG = logging.getLogger(__name__)
_PAIRED = (osvif.VIFOpenVSwitch, osvif.VIFBridge, osvif.VIFGeneric)

Json = Mapping[str, Any]


class Plugs(Protocol):
    """Of :mod:`sriov_provider.portdriver.osvif.plugging`."""

    def plug(self, vif: Any, instance: Any) -> None: ...

    def unplug(self, vif: Any, instance: Any) -> None: ...


class OsVifDriver:
    """Implements :class:`~sriov_provider.portdriver.base.PortDriver`."""

    def __init__(self, links: Links | None = None, plugs: Plugs = plugging) -> None:
        self._links = links or KernelLinks()
        self._plugs = plugs

    def get_supported_bindings(self) -> tuple[str, ...]:
        return BINDINGS

    def get_default_network_id(self) -> str | None:
        return None

    def create_host_iface(
        self,
        endpoint_id: str,
        neutron_port: Json,
        subnets: Sequence[Json],
        network: Json | None = None,
    ) -> tuple[str, str]:
        vif = _pluggable(neutron_port, network, subnets)
        name = self.get_container_iface_name(neutron_port)
        try:
            self._pair(vif, name)
            self._plugs.plug(vif, _instance(neutron_port, endpoint_id))
            self._join_bridge(vif)
        except ProviderError:
            self._undo(vif, neutron_port, endpoint_id)
            raise
        return name, ""

    def delete_host_iface(self, endpoint_id: str, neutron_port: Json) -> tuple[str, str]:
        # What it was is told by its binding; addresses do not matter any more.
        vif = _pluggable({**neutron_port, "fixed_ips": []}, None, ())
        self._remove(vif, neutron_port, endpoint_id)
        return "", ""

    def get_container_iface_name(self, neutron_port: Json) -> str:
        return facts.device_name("amp", neutron_port["id"])

    def update_port(
        self,
        port: Json,
        endpoint_id: str,
        interface_mac: str | None = None,
        tags: bool = True,
    ) -> Json:
        return port

    def _pair(self, vif: Any, name: str) -> None:
        """The end that stays is up; the other one is left to whoever gets it."""
        mtu = vif.network.mtu
        if self._find(vif.vif_name) is None:
            self._links.add_pair(vif.vif_name, name)
        inner = self._find(name)
        if inner is not None:  # not in its namespace yet
            self._links.change(inner.index, Change(mac=str(vif.address), mtu=mtu))
        outer = self._existing(vif.vif_name)
        self._links.change(outer.index, Change(mtu=mtu, up=True))

    def _join_bridge(self, vif: Any) -> None:
        """Where the switch is behind a bridge of the port's own, os-vif has made that bridge."""
        if isinstance(vif, osvif.VIFBridge):
            bridge = self._existing(vif.bridge_name)
            outer = self._existing(vif.vif_name)
            self._links.change(outer.index, Change(master=bridge.index))

    def _undo(self, vif: Any, port: Json, endpoint_id: str) -> None:
        """What made this necessary is told; that it could not be undone as well, to the log."""
        try:
            self._remove(vif, port, endpoint_id)
        except ProviderError as error:
            LOG.warning("Port %s is left half plugged: %s", port["id"], error.reason)

    def _remove(self, vif: Any, port: Json, endpoint_id: str) -> None:
        try:
            self._plugs.unplug(vif, _instance(port, endpoint_id))
        finally:
            self._links.delete(vif.vif_name)

    def _find(self, name: str) -> Link | None:
        return namespaces.by_name(self._links, name)

    def _existing(self, name: str) -> Link:
        found = self._find(name)
        if found is None:
            raise ProviderError(Code.INTERNAL, USER, f"interface {name} is not there any more")
        return found


def _pluggable(port: Json, network: Json | None, subnets: Sequence[Json]) -> Any:
    vif = objects.to_osvif(port, network, subnets, None)
    if not isinstance(vif, _PAIRED):
        kinds = f"vif_type {port.get('binding:vif_type')}, {port.get('binding:vnic_type')}"
        message = f"port {port['id']} ({kinds}) is no port of a switch for a pair of interfaces"
        raise ProviderError(Code.UNSUPPORTED, USER, message)
    return plugging.for_namespace(vif)


def _instance(port: Json, endpoint_id: str) -> Any:
    """Whom the switch is told that the port is of."""
    owner = port.get("device_id") or endpoint_id
    project = port.get("project_id") or port.get("tenant_id")
    return objects.instance(owner if _is_uuid(owner) else port["id"], owner, project)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
