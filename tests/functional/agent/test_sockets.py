"""Real connections through the firewall, with ARP and neighbour discovery in between."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.functional import netns
from tests.functional.agent.conftest import (
    BASE4,
    BASE6,
    MEMBER4,
    MEMBER6,
    SERVER4,
    SERVER6,
    VIP4,
    VIP6,
    Amphora,
    Cabling,
)

pytestmark = pytest.mark.root

ALLOWED = {4: "10.9.8.7", 6: "2001:db8:a::7"}
REFUSED = {4: "192.0.2.7", 6: "2001:db8:b::7"}
VIP = {4: VIP4, 6: VIP6}
SERVER = {4: SERVER4, 6: SERVER6}
AMPHORA = {4: MEMBER4, 6: MEMBER6}
GATEWAY = {4: "198.18.16.1", 6: "2001:db8:1::1"}


@pytest.fixture(scope="module")
def addressed(cabling: Cabling) -> None:
    """Addresses and routes on both sides; clients live behind the world's address."""
    space, world = cabling.space, cabling.world
    for interface in ("eth1", "eth2"):
        world.sysctl(f"net.ipv6.conf.{interface}.disable_ipv6", "0")
    here = [
        *((a, "eth1") for a in (f"{VIP4}/20", f"{BASE4}/20", f"{VIP6}/64", f"{BASE6}/64")),
        *((a, "eth2") for a in (f"{MEMBER4}/20", f"{MEMBER6}/64")),
    ]
    there = [
        *((f"{GATEWAY[v]}/{bits}", "eth1") for v, bits in ((4, 20), (6, 64))),
        *((f"{a}/{32 if v == 4 else 128}", "lo") for c in (ALLOWED, REFUSED) for v, a in c.items()),
        *((f"{SERVER[v]}/{bits}", "eth2") for v, bits in ((4, 20), (6, 64))),
    ]
    for place, addresses in ((space, here), (world, there)):
        for address, interface in addresses:
            place.ip("addr", "add", address, "dev", interface, *nodad(address))
    for version, gateway in GATEWAY.items():
        space.ip(f"-{version}", "route", "replace", "default", "via", gateway)


@pytest.fixture
def network(addressed: None, ready: Amphora) -> Amphora:
    return ready


@pytest.mark.parametrize("version", [4, 6])
def test_the_allowed_client_is_served_and_the_refused_one_hears_nothing(
    network: Amphora, version: int
) -> None:
    with listening(network.space, VIP[version], 443) as server:
        with connecting(network.cabling.world, ALLOWED[version]) as client:
            client.settimeout(5)
            client.connect((VIP[version], 443))
            accepted, _ = server.accept()
            with accepted:
                client.sendall(b"question")
                assert accepted.recv(100) == b"question"
                accepted.sendall(b"answer")
                assert client.recv(100) == b"answer"
        before = network.dropped("refused")
        with connecting(network.cabling.world, REFUSED[version]) as client:
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.connect((VIP[version], 443))
        assert network.dropped("refused") > before


@pytest.mark.parametrize("version", [4, 6])
def test_the_amphora_reaches_members_and_they_do_not_reach_it(
    network: Amphora, version: int
) -> None:
    world = network.cabling.world
    with (
        listening(world, SERVER[version], 8080) as server,
        connecting(network.space, AMPHORA[version]) as client,
    ):
        client.settimeout(5)
        client.connect((SERVER[version], 8080))
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"reply")
            assert client.recv(100) == b"reply"
    with listening(network.space, AMPHORA[version], 9999):
        client = opened(world, version)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind((SERVER[version], 8080))
        with client:
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.connect((AMPHORA[version], 9999))


@contextlib.contextmanager
def listening(space: netns.Namespace, address: str, port: int) -> Iterator[socket.socket]:
    with opened(space, 6 if ":" in address else 4) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        server.settimeout(5)
        yield server


@contextlib.contextmanager
def connecting(space: netns.Namespace, source: str) -> Iterator[socket.socket]:
    with opened(space, 6 if ":" in source else 4) as client:
        client.bind((source, 0))
        yield client


def opened(space: netns.Namespace, version: int) -> socket.socket:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    return space.socket(family, socket.SOCK_STREAM)


def nodad(address: str) -> list[str]:
    return ["nodad"] if ":" in address else []
