"""The wires of the demo's cloud."""

from __future__ import annotations

import pytest

from tests.demo.virt import links
from tests.functional import netns

pytestmark = pytest.mark.root

NETWORK = "c3f903e0-2d32-4463-86d7-ee22427a3520"
LOW = "02:00:00:00:00:01"


def test_a_bridge_keeps_its_address_when_ports_come_and_go() -> None:
    """Who knows the host's address on it by the old one would not reach it for a minute."""
    with netns.namespace("links") as space:
        name = space.inside(lambda: links.bridge(NETWORK))

        def address() -> str:
            return space.ip("-br", "link", "show", "dev", name).split()[2]

        before = address()
        space.ip("link", "add", "wire", "address", LOW, "type", "veth")
        space.ip("link", "set", "wire", "master", name)
        assert address() == before
        space.ip("link", "del", "wire")
        assert address() == before
