"""Which port driver serves a port of a container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sriov_provider import vnic
from sriov_provider.portdriver.base import PortDriver
from sriov_provider.portdriver.host import HostPorts
from sriov_provider.portdriver.osvif.driver import OsVifDriver

# Datapaths that os-vif plugs ordinary ports into.
_SWITCHES = frozenset({"ovs", "agilio_ovs", "vrouter"})


class HostDrivers:
    """os-vif for ordinary ports that Neutron has bound to a switch; VFs and stand-ins for others.

    A stand-in needs no binding: where the operator allows them, a port that could not be bound gets
    one.
    """

    def __init__(self, ports: HostPorts, osvif: OsVifDriver | None = None) -> None:
        self._ports = ports
        self._osvif = osvif or OsVifDriver()

    def driver(
        self, neutron_port: Mapping[str, Any], network: Mapping[str, Any] | None
    ) -> PortDriver:
        if _on_switch(neutron_port):
            return self._osvif
        return self._ports.driver(neutron_port, network)

    def unplug(self, endpoint_id: str, neutron_port: Mapping[str, Any]) -> None:
        if _on_switch(neutron_port):
            self._osvif.delete_host_iface(endpoint_id, neutron_port)
        else:
            self._ports.unplug(neutron_port["id"])


def _on_switch(port: Mapping[str, Any]) -> bool:
    kind = port.get("binding:vnic_type") or vnic.NORMAL
    return kind == vnic.NORMAL and port.get("binding:vif_type") in _SWITCHES
