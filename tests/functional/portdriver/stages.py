"""Where cycles run: on real VFs, on stand-ins, or on a card that is made up."""

from __future__ import annotations

import abc
import secrets
from pathlib import Path
from typing import Any

from pyroute2 import netns

from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.claims import Claims
from sriov_provider.portdriver.kernel_card import KernelCard
from sriov_provider.portdriver.links import KernelLinks
from sriov_provider.portdriver.machine import Machine, machine
from tests.unit.portdriver.igb import Igb, IgbFence

PHYSNET = "physnet1"


class Stage(abc.ABC):
    """:ivar name: tells what the cycles ran on
    :ivar settings: of the port driver
    :ivar vlan: of the ports' network, 0 for none
    """

    name: str
    settings: Settings
    vlan: int

    @abc.abstractmethod
    def machine(self) -> Machine: ...

    @abc.abstractmethod
    def add_namespace(self) -> str: ...

    @abc.abstractmethod
    def drop_namespace(self, name: str) -> None: ...

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything a cycle may not leave changed."""

    def port(self, number: int) -> dict[str, Any]:
        return {
            "id": f"{number:08x}-cyc1-4000-8000-000000000000",
            "mac_address": f"fa:16:3e:00:{number >> 8 & 255:02x}:{number & 255:02x}",
            "network_id": "cycles",
        }

    def network(self) -> dict[str, Any]:
        return {
            "id": "cycles",
            "provider:network_type": "vlan" if self.vlan else "flat",
            "provider:physical_network": PHYSNET,
            "provider:segmentation_id": self.vlan or None,
            "mtu": 1400,
        }

    def claims(self) -> list[str]:
        directory = self.settings.state_path
        return sorted(p.name for p in directory.glob("*")) if directory.exists() else []


class _Kernel(Stage):
    """On this machine; needs root."""

    def machine(self) -> Machine:
        return machine(self.settings)

    def add_namespace(self) -> str:
        name = f"cycle-{secrets.token_hex(4)}"
        netns.create(name)
        return name

    def drop_namespace(self, name: str) -> None:
        netns.remove(name)


class Vfs(_Kernel):
    """The VFs of a PF of this machine."""

    def __init__(self, pf: str, directory: Path, vlan: int = 0) -> None:
        self.vlan = vlan
        self._pf = pf
        self.settings = Settings(((PHYSNET, pf),), directory)
        self.name = f"VFs of {pf}: " + ", ".join(self.addresses())

    def addresses(self) -> list[str]:
        found = KernelCard().pf(self._pf)
        assert found, f"{self._pf} is no PF"
        return [vf.address for vf in found.vfs]

    def state(self) -> dict[str, Any]:
        return _vfs(KernelCard(), KernelLinks(), self._pf) | {"claims": self.claims()}


class Standins(_Kernel):
    name = "stand-ins"
    vlan = 101

    def __init__(self, directory: Path) -> None:
        self.settings = Settings((), directory, standin=True)

    def state(self) -> dict[str, Any]:
        import nftables

        nft = nftables.Nftables()
        code, ruleset, error = nft.cmd("list tables netdev")
        assert code == 0, error
        links = [link.name for link in KernelLinks().all()]
        return {"links": links, "tables": ruleset, "claims": self.claims()}


class MadeUp(Stage):
    """A card in a file."""

    name = "a made-up card"

    def __init__(self, directory: Path, vlan: int = 7) -> None:
        self.vlan = vlan
        directory.mkdir(parents=True, exist_ok=True)
        self._igb = Igb(directory / "world.json", {"ens1": 4})
        self.settings = Settings(((PHYSNET, "ens1"),), directory / "claims")

    def machine(self) -> Machine:
        claims = Claims(self.settings.state_path)
        return Machine(claims, self._igb.links, self._igb, IgbFence(self._igb), "boot")

    def add_namespace(self) -> str:
        name = f"cycle-{secrets.token_hex(4)}"
        self._igb.add_namespace(name)
        return name

    def drop_namespace(self, name: str) -> None:
        self._igb.drop_namespace(name)

    def state(self) -> dict[str, Any]:
        return _vfs(self._igb, self._igb.links, "ens1") | {"claims": self.claims()}


def _vfs(card: Any, links: Any, name: str) -> dict[str, Any]:
    pf = card.pf(name)
    known = {link.name: link for link in links.all()}
    told: dict[str, Any] = {}
    for vf in pf.vfs:
        link = known.get(vf.netdev)
        own = (link.name, link.mac, link.mtu, link.up) if link else None
        told[vf.address] = (card.state(name, vf.index), own)
    return told
