"""Contract of a compute driver: how amphorae come to be, few verbs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from sriov_provider import vnic
from sriov_provider.network.base import Port

# Of the server's metadata; its value is the owner's tag.
OWNER_KEY = "octavia_sriov"


@dataclasses.dataclass(frozen=True)
class ServerSpec:
    """What to boot.

    :ivar name: deterministic (``amphora-<amphora id>``), so that it is found again after a crash
    :ivar networks: Neutron network ids to boot with, management network first
    :ivar port_ids: Neutron ports to boot with, after the networks
    :ivar files: absolute path -> content, for the config drive (five files of 10 KiB at most,
        Nova's limit); holds the amphora's private key, hence no repr
    :ivar owner: tag of the load balancer it belongs to, as on its ports
    """

    name: str
    flavor: str
    image_id: str
    networks: tuple[str, ...]
    port_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    key_name: str | None = None
    availability_zone: str | None = None
    server_group_id: str | None = None
    files: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    user_data: str | None = dataclasses.field(default=None, repr=False)
    owner: str = ""


@dataclasses.dataclass(frozen=True)
class Server:
    """:ivar status: Nova's (ACTIVE, BUILD, ERROR, ...)
    :ivar fault: Nova's message when status is ERROR
    :ivar image_id: what it was booted from
    """

    id: str
    name: str
    status: str
    host: str | None = None
    fault: str | None = None
    image_id: str | None = None


@dataclasses.dataclass(frozen=True)
class ReadBack:
    """What became of the wish to plug a port.

    :ivar state: whether the port is in place
    :ivar filter: who filters its traffic
    :ivar vif_type: what the request became
    :ivar pci_slot: PCI address of the VF, where there is one
    """

    state: vnic.Binding
    filter: vnic.Filter
    vif_type: str | None = None
    pci_slot: str | None = None


class Compute(Protocol):
    """All verbs raise :class:`~sriov_provider.errors.ProviderError`; deletes and detaches of what
    is gone already are no error."""

    def start(self) -> None:
        """Once in a worker, before its first job."""

    def image_id(self, tag: str, owner: str | None) -> str:
        """Newest active image with this tag. NOT_FOUND names the tag and owner."""

    def check_flavor(self, flavor: str) -> None:
        """NOT_FOUND when there is no such compute flavor."""

    def ensure_server_group(self, name: str, policy: str) -> str:
        """Id of the server group of this name; made with ``policy`` when there is none."""

    def delete_server_group(self, group_id: str) -> None: ...

    def create_server(self, spec: ServerSpec) -> Server: ...

    def find_server(self, name: str) -> Server | None:
        """The server of exactly this name, or None."""

    def get_server(self, server_id: str) -> Server | None: ...

    def has_server(self, server_id: str) -> bool:
        """Whether it still exists, on its way out or not; costs as little as can be."""

    def delete_server(self, server_id: str) -> None:
        """Ask for the delete; does not wait."""

    def management_ip(self, server_id: str, network_id: str) -> str | None:
        """First fixed address of the server on that network, or None when not there yet."""

    def attach_port(self, server_id: str, port_id: str) -> None:
        """Hot-plug by port id. NO_VF when the host has no free VF, PORT_BUSY when another server
        holds the port; attached to this server already is success."""

    def detach_port(self, server_id: str, port_id: str) -> None:
        """Ask for the detach; does not wait."""

    def read_back(self, port: Port, server_host: str | None) -> ReadBack:
        """What became of a port that is plugged; asks nobody but this host.

        :param port: as Neutron shows it now
        :param server_host: where its server runs; None when nobody tells
        """
