"""VFs and the cable, without anything of a load balancer."""

from __future__ import annotations

from tests.igb.guest.ground import Ground


def reach(ground: Ground) -> None:
    """Within one card, and over the cable to the other one."""
    a, _ = ground.station("a", "198.18.16.1", host=0)
    ground.station("b", "198.18.16.2", host=0)
    ground.station("c", "198.18.16.3", host=1)
    assert a.reaches("198.18.16.2"), "not within a card"
    assert a.reaches("198.18.16.3"), "not from card to card"
