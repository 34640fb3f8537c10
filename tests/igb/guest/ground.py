"""What checks stand on: two hosts (one for each card) whose ports the product plugs."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2.netns import NETNS_RUN_DIR

from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.host import HostPorts
from tests.functional import netns
from tests.igb import scenario
from tests.igb.guest.cards import cards, link, until

PHYSNET = "physnet1"
STATE = Path("/var/lib/octavia-sriov")


class Space(netns.Namespace):
    """A namespace with the name it is given."""

    def __init__(self, name: str) -> None:
        self.name = name
        netns.run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def delete(self) -> None:
        """Nothing happens when somebody was faster."""
        if (Path(NETNS_RUN_DIR) / self.name).exists():
            super().delete()

    def works(self, *command: str) -> bool:
        """Whether a command in it succeeds."""
        return netns._works("ip", "netns", "exec", self.name, *command)

    def reaches(self, address: str, count: int = 3) -> bool:
        """All echo requests are answered."""
        return self.works("ping", "-qnc", str(count), "-i0.2", "-W2", address)


@dataclass(frozen=True)
class Port:
    """A port that is plugged.

    :ivar vf: PCI address
    :ivar neutron: as Neutron would tell of it
    :ivar before: packets that the VF had received and sent when it was plugged
    """

    host: int
    space: Space
    name: str
    vf: str
    neutron: Mapping[str, Any]
    network: Mapping[str, Any]
    before: tuple[int, int]

    def packets(self) -> tuple[int, int]:
        """Received and sent since it was plugged."""
        was, now = self.before, _packets(self.name, self.space)
        return now[0] - was[0], now[1] - was[1]


class LeftOut(Exception):
    """The check cannot be made; the message says why."""


class Ground:
    """:ivar rendered: what the host of the guest has rendered
    :ivar cycles: how often to plug and unplug where killing is what is checked
    """

    def __init__(self, rendered: Mapping[str, Any], cycles: int) -> None:
        self.rendered = rendered
        self.cycles = cycles
        self.cards = cards()
        assert len(self.cards) == 2, self.cards
        for card in self.cards:
            card.make()
        self.hosts = tuple(
            HostPorts(Settings(((PHYSNET, card.pf),), STATE / card.pf)) for card in self.cards
        )
        self._stack = ExitStack()
        self._ports: list[Port] = []
        self._traffic: set[str] = set()
        self._notes: list[str] = []

    @contextmanager
    def clean(self) -> Iterator[None]:
        """Afterwards all ports are unplugged, and the cards are as they were before."""
        before = self.state()
        with ExitStack() as self._stack:
            yield
        self.same(before)

    def state(self) -> dict[str, Any]:
        """Of all VFs, by PCI address."""
        return {address: vf for card in self.cards for address, vf in card.state().items()}

    def same(self, before: Mapping[str, Any]) -> None:
        """Fail when the state is another one now."""
        after = self.state()
        differences = [
            f"{address} {key}: {vf.get(key)} before, {after[address].get(key)} after"
            for address, vf in before.items()
            for key in vf | after[address]
            if after[address].get(key) != vf.get(key)
        ]
        assert after == before, "\n".join(differences)

    def harvest(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """VFs that carried traffic and notes, since the last call."""
        told = tuple(sorted(self._traffic)), tuple(self._notes)
        self._traffic, self._notes = set(), []
        return told

    def note(self, text: str) -> None:
        self._notes.append(text)

    def space(self, name: str) -> Space:
        """A namespace that ends with the check."""
        made = Space(name)
        self.callback(made.delete)
        return made

    def callback(self, work: Callable[[], object]) -> None:
        """To be called at the end of the check, before what was asked for earlier."""
        self._stack.callback(work)

    def plug(
        self,
        space: Space,
        name: str,
        address: str,
        host: int = 0,
        vlan: int | None = None,
        mtu: int = 1500,
        **more: Any,
    ) -> Port:
        """Let the product plug a port, down and without addresses.

        :param more: of the port, as Neutron tells it
        """
        network = _network(vlan, mtu)
        neutron = {**_port(address, network), **more}
        plugged = self.hosts[host].plug(neutron, [], network, space.name, name)
        before = _packets(name, space)
        port = Port(host, space, name, plugged.device, neutron, network, before)
        self.callback(lambda: self.unplug(port))
        self._ports.append(port)
        return port

    def unplug(self, port: Port) -> None:
        """Note its traffic, and let the product take it away."""
        if port not in self._ports:
            return
        self.count(port)
        self.hosts[port.host].unplug(port.neutron["id"])

    def count(self, port: Port) -> None:
        """Note its traffic; somebody else takes it away."""
        self._ports.remove(port)
        self.saw(port.vf, port.packets())

    def saw(self, vf: str, packets: tuple[int, int]) -> None:
        """:param packets: received and sent"""
        if all(packets):
            self._traffic.add(vf)

    def up(self, port: Port, address: str | None = None) -> None:
        """Give it its address; see :meth:`ready`."""
        if address:
            port.space.ip("addr", "add", f"{address}/24", "dev", port.name)
        port.space.ip("link", "set", port.name, "up")

    def ready(self) -> None:
        """Wait until packets can go through all ports: seconds, which cards spend side by side."""
        for port in self._ports:
            until(functools.partial(_carries, port), f"VF {port.vf} has no carrier")

    def station(
        self, name: str, address: str, host: int = 1, vlan: int | None = None
    ) -> tuple[Space, Port]:
        """A namespace of this name with one VF that is up."""
        space = self.space(name)
        port = self.plug(space, scenario.VIP_DEVICE, address, host, vlan)
        self.up(port, address)
        return space, port


def _carries(port: Port) -> bool:
    return "LOWER_UP" in link(port.name, port.space.name)["flags"]


def _packets(name: str, space: Space) -> tuple[int, int]:
    counted = link(name, space.name)["stats64"]
    return counted["rx"]["packets"], counted["tx"]["packets"]


def _network(vlan: int | None, mtu: int) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"network {vlan}")),
        "mtu": mtu,
        "provider:network_type": "vlan" if vlan else "flat",
        "provider:physical_network": PHYSNET,
        "provider:segmentation_id": vlan,
    }


def _port(address: str, network: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "network_id": network["id"],
        "mac_address": scenario.mac(address),
        "admin_state_up": True,
        "binding:vnic_type": "direct",
        "binding:vif_type": "hw_veb",
        "fixed_ips": [{"ip_address": address, "subnet_id": "subnet"}],
    }
