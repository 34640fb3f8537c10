"""A host with a made-up card, its ports and networks, for tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.claims import Claims
from sriov_provider.portdriver.host import HostPorts
from sriov_provider.portdriver.machine import Machine
from sriov_provider.portdriver.sriov import SriovDriver
from sriov_provider.portdriver.standin import StandinDriver
from tests.unit.portdriver.igb import Igb, IgbFence

PORT = {
    "id": "11111111-0000-4000-8000-000000000000",
    "mac_address": "FA:16:3E:00:00:01",
    "network_id": "n1",
}
OTHER = {
    "id": "22222222-0000-4000-8000-000000000000",
    "mac_address": "fa:16:3e:00:00:02",
    "network_id": "n1",
}
MAC = "fa:16:3e:00:00:01"
VLAN = {
    "id": "n1",
    "provider:network_type": "vlan",
    "provider:physical_network": "physnet1",
    "provider:segmentation_id": 101,
    "mtu": 1400,
}
FLAT = VLAN | {"provider:network_type": "flat", "provider:segmentation_id": None}
TUNNEL = {"id": "n2", "provider:network_type": "vxlan", "provider:segmentation_id": 5, "mtu": 1450}


@dataclasses.dataclass
class Host:
    """:ivar boot: change it for a reboot"""

    igb: Igb
    settings: Settings
    boot: str = "one"

    @property
    def machine(self) -> Machine:
        claims = Claims(self.settings.state_path)
        return Machine(claims, self.igb.links, self.igb, IgbFence(self.igb), self.boot)

    @property
    def ports(self) -> HostPorts:
        return HostPorts(self.settings, self.machine)

    @property
    def sriov(self) -> SriovDriver:
        return SriovDriver(self.settings, self.machine)

    @property
    def standin(self) -> StandinDriver:
        return StandinDriver(self.settings, self.machine)

    def world(self) -> dict[str, Any]:
        with self.igb.world() as world:
            return world

    def links(self, namespace: str | None = None) -> dict[str, Any]:
        return {link.name: link for link in self.igb.links.all(namespace)}


def host(directory: Path, pfs: dict[str, int] | None = None, **changed: Any) -> Host:
    """By default one PF of physnet1 with two VFs, and stand-ins for the rest."""
    pfs = {"ens1": 2} if pfs is None else pfs
    mappings = tuple(("physnet1", name) for name in pfs)
    settings = Settings(mappings, directory / "claims", standin=True)
    return Host(Igb(directory / "world", pfs), dataclasses.replace(settings, **changed))
