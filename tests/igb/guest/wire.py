"""VFs and the cable, without anything of a load balancer."""

from __future__ import annotations

from tests.igb.guest.ground import Ground


def reach(ground: Ground) -> None:
    """Within one card, and over the cable to the other one."""
    a, _ = ground.station("a", "198.18.16.1", host=0)
    ground.station("b", "198.18.16.2", host=0)
    ground.station("c", "198.18.16.3", host=1)
    ground.ready()
    assert a.reaches("198.18.16.2"), "not within a card"
    assert a.reaches("198.18.16.3"), "not from card to card"


def vlans(ground: Ground) -> None:
    """Ports of different segments do not reach each other, on one card or on two."""
    a, _ = ground.station("a", "198.18.16.1", host=0, vlan=7)
    ground.station("b", "198.18.16.2", host=0, vlan=8)
    ground.station("c", "198.18.16.3", host=1, vlan=8)
    ground.station("d", "198.18.16.4", host=0, vlan=7)
    ground.station("e", "198.18.16.5", host=1, vlan=7)
    ground.ready()
    assert a.reaches("198.18.16.4"), "not within segment 7, one card"
    assert a.reaches("198.18.16.5"), "not within segment 7, two cards"
    for address in ("198.18.16.2", "198.18.16.3"):
        assert not a.reaches(address, 1), f"segment 7 reaches {address} of segment 8"
