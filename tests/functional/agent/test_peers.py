"""The other amphora of the pair: VRRP and haproxy peers, on the base address only."""

from __future__ import annotations

import pytest

from tests.functional.agent.conftest import (
    BASE4,
    BASE6,
    MEMBER4,
    PEER4,
    PEER6,
    VIP4,
    VIP6,
    Amphora,
    document,
)
from tests.functional.agent.packets import frame, tcp, vrrp

pytestmark = pytest.mark.root

PAIRS = [(PEER4, BASE4), (PEER6, BASE6)]
ELSEWHERE = [("eth1", PEER4, VIP4), ("eth1", PEER6, VIP6), ("eth2", PEER4, MEMBER4)]


def stranger(peer: str) -> str:
    return peer + "1"


@pytest.mark.parametrize(("peer", "base"), PAIRS)
def test_vrrp_comes_from_the_peer_next_door(ready: Amphora, peer: str, base: str) -> None:
    assert ready.passes("eth1", frame("eth1", vrrp(peer, base)))
    assert not ready.passes("eth1", frame("eth1", vrrp(peer, base, hops=254)))
    assert not ready.passes("eth1", frame("eth1", vrrp(stranger(peer), base)))


@pytest.mark.parametrize(("peer", "base"), PAIRS)
def test_haproxy_peers_both_ways(ready: Amphora, peer: str, base: str) -> None:
    for packet in (
        tcp(peer, base, 50000, 1025, "S"),
        tcp(peer, base, 50000, 1025, "A"),
        tcp(peer, base, 1025, 50000, "SA"),
    ):
        assert ready.passes("eth1", frame("eth1", packet)), packet
    for packet in (
        tcp(peer, base, 1025, 50000, "S"),
        tcp(peer, base, 50000, 1026, "S"),
        tcp(stranger(peer), base, 50000, 1025, "S"),
        tcp(stranger(peer), base, 1025, 50000, "SA"),
    ):
        assert not ready.passes("eth1", frame("eth1", packet)), packet


@pytest.mark.parametrize(("interface", "peer", "address"), ELSEWHERE)
def test_the_peer_is_a_stranger_at_other_addresses(
    ready: Amphora, interface: str, peer: str, address: str
) -> None:
    assert not ready.passes(interface, frame(interface, vrrp(peer, address)))
    packet = frame(interface, tcp(peer, address, 50000, 1025))
    assert not ready.passes(interface, packet)


def test_a_peer_may_be_a_member_too(ready: Amphora) -> None:
    assert ready.passes("eth1", frame("eth1", tcp(PEER4, BASE4, 9000, 50000, "SA")))
    assert not ready.passes("eth1", frame("eth1", tcp(PEER4, BASE4, 9000, 50000, "S")))


@pytest.mark.parametrize(("peer", "base"), PAIRS)
def test_a_single_amphora_has_no_peer(ready: Amphora, peer: str, base: str) -> None:
    assert ready.post(document(peers=[], peer_port=None)).status_code == 200
    assert not ready.passes("eth1", frame("eth1", vrrp(peer, base)))
    assert not ready.passes("eth1", frame("eth1", tcp(peer, base, 50000, 1025)))
