"""Interfaces that this table does not filter, or must not open."""

from __future__ import annotations

import socket

import pytest

from tests.functional import netns
from tests.functional.agent.conftest import BASE4, MACS, VIP4, Amphora, document
from tests.functional.agent.packets import frame, tcp

pytestmark = pytest.mark.root

STRANGER = "192.0.2.66"


def test_neutrons_interface_is_open(ready: Amphora) -> None:
    for destination in ("198.18.48.9", VIP4, "2001:db8:3::9"):
        source = "2001:db8:f::66" if ":" in destination else STRANGER
        assert ready.passes("eth3", frame("eth3", tcp(source, destination, 40000, 22)))
    assert ready.get()["counters"]["named"]["pass_neutron"]["packets"] == 3


@pytest.mark.parametrize(("interface", "reason"), [("eth4", "unlisted"), ("eth5", "undecided")])
def test_an_interface_without_a_filter_is_closed(
    ready: Amphora, interface: str, reason: str
) -> None:
    for destination in ("198.18.64.9", VIP4, BASE4):
        packet = frame(interface, tcp(STRANGER, destination, 40000, 80))
        assert not ready.passes(interface, packet)
    assert ready.dropped(reason) == 3


def test_without_a_document_everything_is_closed(amphora: Amphora) -> None:
    amphora.firewall.restore()
    assert amphora.get()["digest"] == ""
    for interface in MACS:
        packet = frame(interface, tcp(STRANGER, VIP4, 40000, 80))
        assert not amphora.passes(interface, packet)


@pytest.mark.parametrize("body", [document(interfaces=[]), document()])
def test_loopback_works(amphora: Amphora, body: dict[str, object]) -> None:
    amphora.space.ip("addr", "add", f"{VIP4}/20", "dev", "eth1")
    assert amphora.post(body).status_code == 200
    for address in ("127.0.0.1", VIP4):
        with (
            amphora.space.socket(socket.AF_INET, socket.SOCK_STREAM) as server,
            amphora.space.socket(socket.AF_INET, socket.SOCK_STREAM) as client,
        ):
            server.bind((address, 8404))
            server.listen()
            client.settimeout(5)
            client.connect((address, 8404))
    amphora.space.ip("addr", "del", f"{VIP4}/20", "dev", "eth1")


def test_an_interface_that_appears_is_closed_until_it_is_looked_at_again(
    ready: Amphora,
) -> None:
    late = "fa:16:3e:00:00:0e"
    member = {"mac": late, "filter": "neutron"}
    body = document(interfaces=[*document()["interfaces"], member])
    assert ready.post(body).json["interfaces"][late] is None
    world, observer = ready.cabling.world, ready.cabling.observer
    netns.join(ready.space, "eth9", late, world, "eth9")
    packet = frame("eth1", tcp(STRANGER, "198.18.80.9", 40000, 80), late)
    with netns.tap(world, "eth9") as wire:
        assert not observer.passes(wire, packet)
        ready.firewall.restore()
        assert observer.passes(wire, packet)
    assert ready.get()["interfaces"][late] == "eth9"
    ready.space.ip("link", "del", "eth9")
