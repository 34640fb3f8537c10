"""This host's own port on the management network."""

from __future__ import annotations

import dataclasses
import logging

from sriov_provider.compute.local import interfaces
from sriov_provider.compute.local.neutron import Ports
from sriov_provider.compute.local.records import Amphora, Nic, Records
from sriov_provider.config_local import Local
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import wish
from sriov_provider.portdriver.host import HostPorts

LOG = logging.getLogger(__name__)

# The host itself, as a place for a port: its first process is in its namespace.
_HOST = 1
_RECORD = "host"
# What does not pass by itself; all else may, a VF that is free in a minute among it.
_LASTING = (Code.CONFIGURATION, Code.UNSUPPORTED)


class Leg:
    """Remembered, as Neutron may come up later than this host."""

    def __init__(self, settings: Local, ports: Ports, wires: HostPorts) -> None:
        self._port_id = settings.management_port
        self._name = settings.management_interface
        self._records = Records(settings.state_path / ".host")
        self._ports = ports
        self._wires = wires

    def plug(self) -> None:
        """As Neutron has it now, or had it when it was last heard; nothing without such a port.

        :raises ProviderError: there is no such interface; retriable where that may change
        """
        if self._port_id is None:
            return
        known = self._remembered(self._port_id)
        if known is None:
            self._anew(self._ports.nic(self._ports.port(self._port_id), 0))
            return
        trouble = self._trouble(known)
        fresh = self._read(self._port_id, known)
        if not _same(known, fresh):
            LOG.info("Port %s of this host has changed and is plugged anew", self._port_id)
            # With its old addresses, which nobody else takes away.
            self._wires.unplug(self._port_id)
            self._anew(fresh)
        elif trouble is not None:
            raise trouble

    def _anew(self, nic: Nic) -> None:
        self._records.save(Amphora(_RECORD, self._name, nics=(nic,)))
        self._set_up(nic)

    def _trouble(self, nic: Nic) -> ProviderError | None:
        """With what is remembered; Neutron may know better."""
        try:
            self._set_up(nic)
        except ProviderError as error:
            return error
        return None

    def _remembered(self, port_id: str) -> Nic | None:
        record = self._records.get(_RECORD)
        return record.nic(port_id) if record else None

    def _read(self, port_id: str, known: Nic) -> Nic:
        try:
            return self._ports.nic(self._ports.port(port_id), 0)
        except ProviderError as error:
            LOG.warning("Port %s of this host stays as it was: %s", port_id, error.reason)
            return known

    def _set_up(self, nic: Nic) -> None:
        try:
            self._wires.plug(nic.port, nic.subnets, nic.network, _HOST, self._name)
        except ProviderError as error:
            reason = error.reason
            text = f"[local_compute] management_port: {reason.operator}"
            passes = error.retriable or reason.code not in _LASTING
            raise ProviderError(reason.code, reason.user, text, retriable=passes) from error
        # A host has a default route of its own.
        subnets = tuple({**subnet, "gateway_ip": None} for subnet in nic.subnets)
        interfaces.configure(dataclasses.replace(nic, subnets=subnets), _HOST, self._name)


def _same(one: Nic, other: Nic) -> bool:
    """In all that is set up; a status, for one, comes and goes."""
    return _seen(one) == _seen(other)


def _seen(nic: Nic) -> tuple[object, ...]:
    kind = nic.port.get("binding:vnic_type")
    wanted = wish.wish(nic.port, nic.network)
    return kind, wanted, frozenset(nic.addresses), interfaces.routes(nic.subnets)
