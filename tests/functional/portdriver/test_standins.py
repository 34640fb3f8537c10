"""Stand-ins in real namespaces: what passes between them, and what does not."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from sriov_provider.portdriver.base import Plugged, Settings
from sriov_provider.portdriver.host import HostPorts
from sriov_provider.portdriver.standin import bridge_name
from tests.functional import netns
from tests.functional.netns import Namespace

pytestmark = pytest.mark.root
T = TypeVar("T")
ALL = "ff:ff:ff:ff:ff:ff"


class Node:
    """A host whose ports these are, in a namespace of its own."""

    def __init__(self, space: Namespace, directory: Path) -> None:
        self.space = space
        self.settings = Settings((), directory / "claims", standin=True)

    def do(self, work: Callable[[HostPorts], T]) -> T:
        return self.space.inside(lambda: work(HostPorts(self.settings)))

    def plug(self, number: int, namespace: str | int, vlan: int = 101) -> Plugged:
        network = {
            "id": f"net-{vlan}",
            "provider:network_type": "vlan",
            "provider:physical_network": "physnet1",
            "provider:segmentation_id": vlan,
            "mtu": 1400,
        }
        port = {"id": port_id(number), "mac_address": mac(number), "network_id": network["id"]}
        return self.do(lambda ports: ports.plug(port, [], network, namespace, "vip0"))

    def left(self) -> dict[str, Any]:
        """What there is on the host besides loopback."""
        names = [line.split()[0] for line in self.space.ip("-br", "link").splitlines()]
        tables = self.space.nft("list", "tables").split()
        claims = sorted(p.name for p in self.settings.state_path.glob("*.json"))
        return {"links": names[1:], "tables": tables, "claims": claims}


NOTHING: dict[str, Any] = {"links": [], "tables": [], "claims": []}


def mac(number: int) -> str:
    return f"fa:16:3e:00:00:{number:02x}"


def port_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with netns.namespace("node") as space:
        yield Node(space, tmp_path)


@pytest.fixture
def rooms() -> Iterator[list[Namespace]]:
    made = [Namespace("room") for _ in range(3)]
    yield made
    for room in made:
        room.delete()


def up(room: Namespace, number: int) -> None:
    room.ip("addr", "add", f"10.9.0.{number}/24", "dev", "vip0")
    room.ip("link", "set", "vip0", "up")


def frame(source: str, target: str = ALL) -> bytes:
    body: Packet = Ether(src=source, dst=target) / IP(src="10.9.0.1", dst="10.9.0.255") / UDP()
    return bytes(body / Raw(b"stand-in"))


def sees(wire: socket.socket, seconds: float, wanted: bytes = b"stand-in") -> bool:
    """Whether such a frame arrives in time."""
    while select.select([wire], [], [], seconds)[0]:
        if wanted in wire.recv(2048):
            return True
    return False


def test_ports_of_one_segment_talk(node: Node, rooms: list[Namespace]) -> None:
    for number, room in enumerate(rooms[:2], start=1):
        assert node.plug(number, room.name).name == "vip0"
        up(room, number)
    server = rooms[0].socket(socket.AF_INET, socket.SOCK_STREAM)
    server.bind(("10.9.0.1", 80))
    server.listen()
    client = rooms[1].socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(20)
    client.connect(("10.9.0.1", 80))
    accepted, peer = server.accept()
    accepted.sendall(b"hello")
    assert client.recv(16) == b"hello"
    assert peer[0] == "10.9.0.2"
    for one in (server, client, accepted):
        one.close()


def test_a_port_is_down_until_its_inhabitants_bring_it_up(
    node: Node, rooms: list[Namespace]
) -> None:
    node.plug(1, rooms[0].name)
    shown = rooms[0].ip("link", "show", "vip0")
    assert "state DOWN" in shown
    assert "mtu 1400" in shown
    assert mac(1) in shown


def test_a_forged_address_does_not_pass(node: Node, rooms: list[Namespace]) -> None:
    for number, room in enumerate(rooms[:2], start=1):
        node.plug(number, room.name)
        up(room, number)
    with netns.tap(rooms[0], "vip0") as sender, netns.tap(rooms[1], "vip0") as receiver:
        sender.send(frame(mac(9)))
        assert not sees(receiver, 0.5)
        sender.send(frame(mac(1)))
        assert sees(receiver, 5)
        # not even from an interface that has taken the address
        rooms[0].ip("link", "set", "vip0", "address", mac(9))
        sender.send(frame(mac(9)))
        assert not sees(receiver, 0.5)
    assert "packets 0" not in node.space.nft("list", "table", "netdev", "svh00000001-00")


def test_another_segment_hears_nothing(node: Node, rooms: list[Namespace]) -> None:
    for number, vlan in ((1, 101), (2, 101), (3, 102)):
        node.plug(number, rooms[number - 1].name, vlan)
        up(rooms[number - 1], number)
    with (
        netns.tap(rooms[0], "vip0") as sender,
        netns.tap(rooms[1], "vip0") as same,
        netns.tap(rooms[2], "vip0") as other,
    ):
        sender.send(frame(mac(1)))
        assert sees(same, 5)
        assert not sees(other, 0.2)


def test_the_host_is_not_on_the_segment(node: Node, rooms: list[Namespace]) -> None:
    node.plug(1, rooms[0].name)
    up(rooms[0], 1)
    node.space.ip("addr", "add", "10.9.0.77/32", "dev", "lo")
    node.space.ip("route", "add", "10.9.0.0/24", "dev", bridge_name("physnet1 101"))
    ask = bytes(Ether(src=mac(1), dst=ALL) / ARP(hwsrc=mac(1), psrc="10.9.0.1", pdst="10.9.0.77"))
    reply = socket.inet_aton("10.9.0.77") + bytes.fromhex(mac(1).replace(":", ""))
    with netns.tap(rooms[0], "vip0") as wire:
        wire.send(ask)
        assert not sees(wire, 0.5, reply)
        # It would answer if it were let.
        node.space.nft("delete", "table", "netdev", bridge_name("physnet1 101"))
        wire.send(ask)
        assert sees(wire, 5, reply)


def test_nothing_is_left(node: Node, rooms: list[Namespace]) -> None:
    assert node.left() == NOTHING
    for number, room in enumerate(rooms, start=1):
        node.plug(number, room.name, 100 + number % 2)
        node.plug(number, room.name, 100 + number % 2)
    assert len(node.left()["links"]) == 5
    assert len(node.do(lambda ports: ports.plugged())) == 3
    for number in (1, 2, 3, 3):
        node.do(lambda ports, n=number: ports.unplug(port_id(n)))  # type: ignore[misc]
    assert node.left() == NOTHING


def test_a_namespace_that_ends_takes_its_stand_in_with_it(node: Node) -> None:
    with netns.namespace("short") as room:
        node.plug(1, room.name)
    assert node.do(lambda ports: ports.plugged()) == ()
    report = node.do(lambda ports: ports.reconcile([port_id(1)]))
    assert (report.lost, report.foreign) == ((port_id(1),), ())
    assert node.left() == NOTHING


def test_another_namespace_of_the_same_name(node: Node) -> None:
    with netns.namespace("short") as room:
        node.plug(1, room.name)
    netns.run("ip", "netns", "add", room.name)
    try:
        node.plug(1, room.name)
        assert mac(1) in room.ip("link", "show", "vip0")
    finally:
        netns.run("ip", "netns", "del", room.name)


def test_a_move_to_another_namespace(node: Node, rooms: list[Namespace]) -> None:
    node.plug(1, rooms[0].name)
    node.plug(1, rooms[1].name)
    assert "vip0" not in rooms[0].ip("link")
    assert "vip0" in rooms[1].ip("link")


def test_a_port_of_the_host_itself(node: Node) -> None:
    own = f"/run/netns/{node.space.name}"
    made = node.plug(1, own)
    node.space.ip("link", "set", "vip0", "up")
    assert node.plug(1, own) == made
    assert node.do(lambda ports: ports.plugged()) == (made,)
    assert "state UP" in node.space.ip("link", "show", "vip0")
    node.space.ip("link", "delete", "vip0")
    assert node.do(lambda ports: ports.plugged()) == ()
    node.plug(1, own)
    assert mac(1) in node.space.ip("link", "show", "vip0")
    node.do(lambda ports: ports.unplug(port_id(1)))
    assert node.left() == NOTHING


def test_an_interface_its_inhabitants_have_moved_on(node: Node, rooms: list[Namespace]) -> None:
    node.plug(1, rooms[0].name)
    rooms[0].ip("link", "set", "vip0", "netns", rooms[1].name)
    assert [p.port_id for p in node.do(lambda ports: ports.plugged())] == [port_id(1)]
    node.plug(1, rooms[0].name)
    assert "vip0" in rooms[1].ip("link")
    node.do(lambda ports: ports.unplug(port_id(1)))
    assert "vip0" not in rooms[1].ip("link")
    assert node.left() == NOTHING
