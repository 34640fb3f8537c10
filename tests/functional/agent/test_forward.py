"""The forward hook: replies of members of LVS listeners on their way to the client."""

from __future__ import annotations

import pytest

from tests.functional import netns
from tests.functional.agent.conftest import MEMBER4, SERVER4, Amphora, Cabling, document
from tests.functional.agent.packets import frame, icmp, tcp, udp

pytestmark = pytest.mark.root

CLIENT = "10.9.8.7"
# What masquerading does for LVS: a reply to the amphora's address goes on to the client.
_NAT = f"""
table ip way_back {{
  chain back {{
    type nat hook prerouting priority dstnat;
    ip daddr {MEMBER4} dnat to {CLIENT}
  }}
}}
"""
UDP = [{"id": "dns", "protocol": "udp", "port": 53}]
MEMBERS = [
    {"address": SERVER4, "protocol": protocol, "port": 53} for protocol in ("udp", "sctp", "tcp")
]


@pytest.fixture(scope="module")
def observer(cabling: Cabling) -> netns.Observer:
    """Makes the amphora a router, for all tests of this file."""
    space = cabling.space
    for key in ("ip_forward", "conf.eth1.forwarding", "conf.eth2.forwarding"):
        space.sysctl(f"net.ipv4.{key}", "1")
    for interface in ("all", "eth2", "eth3"):
        space.sysctl(f"net.ipv4.conf.{interface}.rp_filter", "0")
    space.ip("addr", "add", f"{MEMBER4}/20", "dev", "eth2")
    space.ip("route", "add", "default", "dev", "eth1")
    space.nft("-f", "-", stdin=_NAT)
    return netns.Observer(space.nft, "forward", 0)


def test_replies_of_lvs_members_are_forwarded(amphora: Amphora, observer: netns.Observer) -> None:
    assert amphora.post(document(listeners=UDP, members=MEMBERS)).status_code == 200
    wires = amphora.cabling.wires
    assert observer.passes(wires["eth2"], frame("eth2", udp(SERVER4, MEMBER4, 53, 5000)))
    # Errors on the way to the client, here from a member whose interface Neutron filters.
    assert observer.passes(wires["eth3"], frame("eth3", icmp(SERVER4, CLIENT, 3, 1)))


@pytest.mark.parametrize("listeners", [UDP, []])
def test_the_amphora_is_no_router(
    amphora: Amphora, observer: netns.Observer, listeners: list[dict[str, object]]
) -> None:
    """Not even where Neutron filters and everything comes in."""
    assert amphora.post(document(listeners=listeners, members=MEMBERS)).status_code == 200
    wire = amphora.cabling.wires["eth3"]
    for packet in (
        tcp("198.18.48.66", CLIENT, 40000, 80),
        tcp(SERVER4, CLIENT, 53, 5001, "A"),
        udp("198.18.48.66", CLIENT, 53, 5000),
    ):
        assert not observer.passes(wire, frame("eth3", packet))
    assert amphora.dropped("forward") == 3


def test_without_lvs_not_even_members_are_forwarded(
    amphora: Amphora, observer: netns.Observer
) -> None:
    assert amphora.post(document(members=MEMBERS)).status_code == 200
    reply = frame("eth2", udp(SERVER4, MEMBER4, 53, 5000))
    assert not observer.passes(amphora.cabling.wires["eth2"], reply)
