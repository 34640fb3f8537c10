"""What gets in, by traffic, role of the address and IP version: every cell with real packets.

Each row below is tried at every place: the VIP, a second VIP beside it and the VIP of a second VIP
interface; the base addresses of both; the addresses of two member interfaces. At each the packets
that must pass pass, and those that must not are dropped and counted. ``test_every_cell`` holds the
rows against the table of what shall be.

More about single rows is in the other files of this directory: listeners in ``test_listeners``,
replies in ``test_replies``, VRRP and haproxy peers in ``test_peers``; ICMP errors, echo, fragments,
neighbour discovery, router advertisements, DHCP and our own addresses in ``test_control``;
interfaces that are not filtered or must not be opened in ``test_interfaces``, forwarding in
``test_forward``, whole connections in ``test_sockets``.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import flask
import pytest
from scapy.packet import Packet

from amphora_agent_ext import blueprint
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration
from amphora_agent_ext.render import TABLE
from tests.functional import netns
from tests.functional.agent import conftest as world
from tests.functional.agent import matrix
from tests.functional.agent.packets import frame
from tests.functional.agent.tracking import assert_nothing_is_tracked

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def filtered(
    cabling: world.Cabling, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[world.Amphora]:
    """With the document of this file in force for all its tests."""
    directory = tmp_path_factory.mktemp("matrix")
    firewall = Firewall(cabling.space.name, directory / "firewall.json", directory / "plugged")
    app = flask.Flask("agent")
    app.register_blueprint(blueprint.create(firewall, Configuration(directory)))
    found = world.Amphora(cabling, firewall, app.test_client())
    answer = found.post(matrix.body())
    assert answer.status_code == 200, answer.text
    yield found


class Sieve:
    """Sends packets and tells how many passed."""

    def __init__(self, amphora: world.Amphora, observer: netns.Observer) -> None:
        self._amphora = amphora
        self._observer = observer

    def passed(self, interface: str, packets: list[Packet]) -> int:
        observer, wire = self._observer, self._amphora.cabling.wires[interface]
        before = observer.read()
        for packet in packets:
            wire.send(frame(interface, packet))
        deadline = time.monotonic() + 5
        while (seen := observer.read())["arrived"] - before["arrived"] < len(packets):
            assert time.monotonic() < deadline, "not all packets arrived"
            time.sleep(0.005)
        time.sleep(0.01)
        assert observer.read()["arrived"] == seen["arrived"]
        return observer.read()["passed"] - before["passed"]

    def check(self, interface: str, packets: list[Packet], expected: bool) -> None:
        """All pass, or none; those that do not are looked for one by one."""
        if self.passed(interface, packets) == (len(packets) if expected else 0):
            return
        odd = [p for p in packets if bool(self.passed(interface, [p])) is not expected]
        assert not odd, [p.summary() for p in odd]

    def dropped(self) -> int:
        told = self._amphora.space.nft("-j", "list", "counters", "table", "inet", TABLE)
        found = (i["counter"] for i in json.loads(told)["nftables"] if "counter" in i)
        return sum(c["packets"] for c in found if c["name"].startswith("drop_"))


@pytest.fixture(scope="module")
def sieve(filtered: world.Amphora) -> Sieve:
    return Sieve(filtered, filtered.cabling.observer)


@pytest.mark.parametrize("place", matrix.PLACES, ids=str)
@pytest.mark.parametrize("row", matrix.ROWS)
def test_packets(sieve: Sieve, row: str, place: matrix.Place) -> None:
    right, wrong = matrix.ROWS[row][0](place)
    sieve.check(place.interface, right, True)
    before = sieve.dropped()
    sieve.check(place.interface, wrong, False)
    # The kernel may loop a multicast of its own back at the same time.
    assert len(wrong) <= sieve.dropped() - before <= len(wrong) + 5


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("role", ["vip", "vrrp", "member"])
@pytest.mark.parametrize("row", matrix.ROWS)
def test_every_cell(row: str, role: str, version: int) -> None:
    """A cell where traffic gets in has packets that must and others that must not."""
    packets, roles = matrix.ROWS[row]
    here = [packets(p) for p in matrix.PLACES if (p.role, p.version) == (role, version)]
    applies = version == 6 or row not in matrix.SIX_ONLY
    assert any(right for right, _ in here) is (role in roles and applies)
    assert all(wrong for _, wrong in here) is applies


@pytest.mark.parametrize("place", matrix.PLACES, ids=str)
def test_an_address_is_served_at_its_own_interface(sieve: Sieve, place: matrix.Place) -> None:
    right = [
        p for row in ("listeners", "replies of members") for p in matrix.ROWS[row][0](place)[0]
    ]
    for interface in {"eth1", "eth2", "eth4", "eth5"} - {place.interface}:
        sieve.check(interface, right, False)


@pytest.mark.parametrize("version", [4, 6])
def test_what_neutron_filters_is_let_through(sieve: Sieve, version: int) -> None:
    place = next(p for p in matrix.PLACES if p.version == version)
    for row in matrix.ROWS:
        right, wrong = matrix.ROWS[row][0](place)
        sieve.check("eth3", right + wrong, True)


def test_echo_requests_with_the_option(filtered: world.Amphora, sieve: Sieve) -> None:
    assert filtered.post(matrix.body(echo=True)).status_code == 200
    try:
        for place in matrix.PLACES:
            packet = matrix.echo_request(place.stranger, place.address)
            sieve.check(place.interface, [packet], place.role != "member")
    finally:
        assert filtered.post(matrix.body()).status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_loopback(filtered: world.Amphora, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with (
            filtered.space.socket(family, kind) as server,
            filtered.space.socket(family, kind) as client,
        ):
            server.bind((address, 0))
            if kind is socket.SOCK_STREAM:
                server.listen()
            server.settimeout(5)
            client.settimeout(5)
            client.connect(server.getsockname())
            if kind is socket.SOCK_DGRAM:
                client.send(b"x")
                assert server.recv(9) == b"x"


def test_no_connection_was_tracked(filtered: world.Amphora) -> None:
    """By all of the above, which LVS listeners and their members are part of."""
    assert_nothing_is_tracked(filtered.space)


@pytest.mark.parametrize("destination", ["10.9.8.7", "2001:db8:a::7"])
def test_forwarding(filtered: world.Amphora, destination: str) -> None:
    """The last test of this file: it makes the amphora a router."""
    space, version = filtered.space, 6 if ":" in destination else 4
    for key in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
        space.sysctl(f"net.{key}", "1")
    for interface in ("all", "eth3"):
        space.sysctl(f"net.ipv4.conf.{interface}.rp_filter", "0")
    space.ip(f"-{version}", "route", "replace", destination, "dev", "eth1")
    there = matrix.Place("client", "eth3", destination)
    sieve = Sieve(filtered, netns.Observer(space.nft, "forward", 0))
    right, wrong = matrix.forwarded(there)
    sieve.check("eth3", right, True)
    before = sieve.dropped()
    sieve.check("eth3", wrong, False)
    assert sieve.dropped() - before >= len(wrong)
