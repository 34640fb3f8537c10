"""What a port driver does; names and order of arguments are those of kuryr-libnetwork."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

# A name below /run/netns, the path of a namespace, or the id of a process that is in it.
Namespace = str | int

SRIOV = "sriov"
STANDIN = "standin"
OSVIF = "osvif"


class PortDriver(Protocol):
    """The shape of kuryr-libnetwork's ``port_driver.driver.Driver``.

    Neutron's objects are those of its API: a port, its subnets, its network. The network is read
    with the rights to see ``provider:*``. Nothing of this talks to Neutron.
    """

    def get_supported_bindings(self) -> tuple[str, ...]:
        """The kinds of binding (kuryr's ``binding_driver`` names) this driver plugs."""

    def get_default_network_id(self) -> str | None:
        """The network an endpoint has to be in; None: no certain one."""

    def create_host_iface(
        self,
        endpoint_id: str,
        neutron_port: Mapping[str, Any],
        subnets: Sequence[Mapping[str, Any]],
        network: Mapping[str, Any] | None = None,
    ) -> tuple[str, str]:
        """Make the port's interface, in the host's network namespace; twice makes one.

        :returns: kuryr's standard output and standard error: the name of the device, nothing
        :raises ProviderError: with the reason; what had been done is undone
        """

    def delete_host_iface(
        self, endpoint_id: str, neutron_port: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Take the interface away, wherever it is now; nothing happens where there is none."""

    def get_container_iface_name(self, neutron_port: Mapping[str, Any]) -> str:
        """The interface's name in the host's network namespace: libnetwork's ``SrcName``."""

    def update_port(
        self,
        port: Mapping[str, Any],
        endpoint_id: str,
        interface_mac: str | None = None,
        tags: bool = True,
    ) -> Mapping[str, Any]:
        """The port as it has to be for this host; changed in Neutron where the driver can."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """:ivar mappings: physical networks and the PF of each; a network may have several
    :ivar state_path: a directory that survives a reboot
    :ivar create_vfs: how many VFs to make on a PF that has none; 0: never
    :ivar standin: whether ports of other networks get a stand-in
    :ivar osvif: whether os-vif plugs ordinary ports that Neutron has bound to a switch
    """

    mappings: tuple[tuple[str, str], ...] = ()
    state_path: Path = Path("/var/lib/octavia-sriov/ports")
    create_vfs: int = 0
    standin: bool = False
    osvif: bool = False


@dataclasses.dataclass(frozen=True)
class Plugged:
    """A port that is in a network namespace.

    :ivar device: the VF's PCI address, or the name of the end that stays on the host
    :ivar driver: ``sriov``, ``standin`` or ``osvif``
    :ivar name: of the interface inside the namespace
    """

    port_id: str
    mac: str
    device: str
    driver: str
    namespace: Namespace
    name: str


@dataclasses.dataclass(frozen=True)
class Report:
    """What a reconciliation found.

    :ivar kept: ports that are as they should be
    :ivar released: ports nobody wants any more; their devices are as before
    :ivar lost: wanted ports that were not whole; they are released and have to be plugged again
    :ivar foreign: devices somebody else uses, or whose claim cannot be read; left alone
    """

    kept: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
