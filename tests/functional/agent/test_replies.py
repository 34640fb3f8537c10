"""What members may send: replies, never connections."""

from __future__ import annotations

import pytest

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
    document,
)
from tests.functional.agent.packets import frame, tcp, udp

pytestmark = pytest.mark.root

PLACES = [
    ("eth1", SERVER4, VIP4),
    ("eth1", SERVER6, VIP6),
    ("eth1", SERVER4, BASE4),
    ("eth1", SERVER6, BASE6),
    ("eth2", SERVER4, MEMBER4),
    ("eth2", SERVER6, MEMBER6),
]


@pytest.mark.parametrize(("interface", "member", "address"), PLACES)
@pytest.mark.parametrize("flags", ["SA", "A", "PA", "FA", "R"])
def test_a_reply_is_known_by_address_and_port(
    ready: Amphora, interface: str, member: str, address: str, flags: str
) -> None:
    reply = tcp(member, address, 8080, 50000, flags)
    assert ready.passes(interface, frame(interface, reply))
    other_port = tcp(member, address, 8081, 50000, flags)
    assert not ready.passes(interface, frame(interface, other_port))
    stranger = "198.18.32.99" if ":" not in member else "2001:db8:2::99"
    other_host = tcp(stranger, address, 8080, 50000, flags)
    assert not ready.passes(interface, frame(interface, other_host))


@pytest.mark.parametrize(("interface", "member", "address"), PLACES)
@pytest.mark.parametrize("flags", ["S", "SEC", "SF", "SR"])
def test_a_member_cannot_connect_from_its_port(
    ready: Amphora, interface: str, member: str, address: str, flags: str
) -> None:
    opening = frame(interface, tcp(member, address, 8080, 50000, flags))
    assert not ready.passes(interface, opening)
    assert ready.dropped("new" if flags in ("S", "SEC") else "flags") == 1


@pytest.mark.parametrize(("interface", "member", "address"), PLACES)
@pytest.mark.parametrize("flags", ["", "F", "P", "FPU", "SF", "SR", "SFA", "FRA", "SRA"])
def test_flags_no_connection_has(
    ready: Amphora, interface: str, member: str, address: str, flags: str
) -> None:
    """Neither as replies of a member nor to an open listener."""
    bogus = frame(interface, tcp(member, address, 8080, 80, flags))
    assert not ready.passes(interface, bogus)
    assert ready.dropped("flags") == 1


@pytest.mark.parametrize(("interface", "member", "address"), PLACES)
def test_the_protocol_is_part_of_the_member(
    ready: Amphora, interface: str, member: str, address: str
) -> None:
    reply = frame(interface, udp(member, address, 8080, 50000))
    assert not ready.passes(interface, reply)
    members = [{"address": member, "protocol": "udp", "port": 8080}]
    assert ready.post(document(members=members)).status_code == 200
    assert ready.passes(interface, reply)


def test_a_reply_to_the_port_of_an_lvs_listener(ready: Amphora) -> None:
    """LVS may keep the port of a client that itself uses the listener's port."""
    listener = {"id": "dns", "protocol": "udp", "port": 53, "allowed_cidrs": ["10.0.0.0/8"]}
    members = [{"address": SERVER4, "protocol": "udp", "port": 53}]
    assert ready.post(document(listeners=[listener], members=members)).status_code == 200
    assert ready.passes("eth1", frame("eth1", udp(SERVER4, VIP4, 53, 53)))
    assert not ready.passes("eth1", frame("eth1", udp("198.18.32.99", VIP4, 53, 53)))
