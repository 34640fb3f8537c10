"""What IP needs to work: errors, echo, fragments, neighbour discovery, address configuration."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.dhcp6 import DHCP6_Reply
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLQuery,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    RouterAlert,
)
from scapy.packet import Packet, Raw

from tests.functional.agent.conftest import (
    BASE4,
    BASE6,
    DOCUMENT,
    MACS,
    MEMBER4,
    MEMBER6,
    PINGED4,
    PINGED6,
    SERVER4,
    VIP4,
    VIP6,
    Amphora,
    document,
)
from tests.functional.agent.packets import ROUTER_MAC, frame, icmp, ip, tcp, udp
from tests.functional.netns import MARK

pytestmark = pytest.mark.root

OURS4 = [("eth1", VIP4), ("eth1", BASE4), ("eth2", MEMBER4)]
OURS6 = [("eth1", VIP6), ("eth1", BASE6), ("eth2", MEMBER6)]
STRANGER4, STRANGER6 = "192.0.2.66", "2001:db8:f::66"
ROUTER = "fe80::1"
ALL_NODES_MAC = "33:33:00:00:00:01"


@pytest.mark.parametrize(("interface", "address"), OURS4)
def test_icmp_errors_get_in(ready: Amphora, interface: str, address: str) -> None:
    for kind, code in ((3, 1), (3, 4), (11, 0), (12, 0)):
        packet = frame(interface, icmp(STRANGER4, address, kind, code))
        assert ready.passes(interface, packet), kind
    for kind in (5, 13, 17):  # redirect, timestamp, address mask
        packet = frame(interface, icmp(STRANGER4, address, kind))
        assert not ready.passes(interface, packet), kind


@pytest.mark.parametrize(("interface", "address"), OURS6)
def test_icmpv6_errors_get_in(ready: Amphora, interface: str, address: str) -> None:
    inner = bytes(IPv6(src=address, dst=STRANGER6) / TCP())
    for error in (
        ICMPv6DestUnreach(code=1),
        ICMPv6PacketTooBig(mtu=1280),
        ICMPv6TimeExceeded(),
        ICMPv6ParamProblem(),
    ):
        packet = ip(STRANGER6, address) / error / Raw(inner)
        assert ready.passes(interface, frame(interface, packet)), error.name
    redirect = ip(ROUTER, address, 255) / ICMPv6ND_Redirect(tgt=ROUTER, dst=STRANGER6)
    assert not ready.passes(interface, frame(interface, redirect))


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize(
    ("interface", "address", "answers"),
    [
        *((i, a, i == "eth1") for i, a in OURS4),
        *((i, a, i == "eth1") for i, a in OURS6),
    ],
)
def test_echo_requests_only_with_the_option_and_never_to_members_interfaces(
    ready: Amphora, interface: str, address: str, answers: bool, echo: bool
) -> None:
    assert ready.post(document(echo=echo)).status_code == 200
    if ":" in address:
        packet = ip(STRANGER6, address) / ICMPv6EchoRequest()
    else:
        packet = icmp(STRANGER4, address, 8)
    assert ready.passes(interface, frame(interface, packet)) is (answers and echo)


@pytest.mark.parametrize(("interface", "address"), OURS4)
def test_echo_replies_of_pinged_members(ready: Amphora, interface: str, address: str) -> None:
    assert ready.passes(interface, frame(interface, icmp(PINGED4, address, 0)))
    assert not ready.passes(interface, frame(interface, icmp(SERVER4, address, 0)))


@pytest.mark.parametrize(("interface", "address"), OURS6)
def test_echo_replies_of_pinged_members_v6(ready: Amphora, interface: str, address: str) -> None:
    reply = ip(PINGED6, address) / ICMPv6EchoReply()
    assert ready.passes(interface, frame(interface, reply))
    reply = ip(STRANGER6, address) / ICMPv6EchoReply()
    assert not ready.passes(interface, frame(interface, reply))


@pytest.mark.parametrize(
    ("interface", "target"), [*OURS6, ("eth1", "fe80::9"), ("eth1", "ff02::1:ff00:5")]
)
@pytest.mark.parametrize("message", [ICMPv6ND_NS, ICMPv6ND_NA])
def test_neighbour_discovery(
    ready: Amphora, interface: str, target: str, message: type[Packet]
) -> None:
    for hops, expected in ((255, True), (254, False)):
        packet = ip(STRANGER6, target, hops) / message(tgt=VIP6)
        assert ready.passes(interface, frame(interface, packet)) is expected


def test_duplicate_address_detection_of_others(ready: Amphora) -> None:
    probe = ip("::", "ff02::1:ff00:5", 255) / ICMPv6ND_NS(tgt=VIP6)
    assert ready.passes("eth1", frame("eth1", probe, "33:33:ff:00:00:05"))


def test_multicast_listener_queries_from_the_link(ready: Amphora) -> None:
    for source, expected in ((ROUTER, True), (STRANGER6, False)):
        query = (
            ip(source, "ff02::1", 1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLQuery()
        )
        assert ready.passes("eth1", frame("eth1", query, ALL_NODES_MAC)) is expected


@pytest.mark.parametrize("destination", ["ff02::1", VIP6, BASE6])
@pytest.mark.parametrize(
    ("slaac", "source", "hops", "expected"),
    [
        (True, ROUTER, 255, True),
        (True, ROUTER, 254, False),
        (True, STRANGER6, 255, False),
        (False, ROUTER, 255, False),
    ],
)
def test_router_advertisements(
    ready: Amphora, destination: str, slaac: bool, source: str, hops: int, expected: bool
) -> None:
    assert ready.post(configured(slaac=slaac)).status_code == 200
    packet = ip(source, destination, hops) / ICMPv6ND_RA()
    assert ready.passes("eth1", frame("eth1", packet)) is expected
    assert not ready.passes("eth2", frame("eth2", packet))


@pytest.mark.parametrize("dhcp", [False, True])
def test_dhcp(ready: Amphora, dhcp: bool) -> None:
    assert ready.post(configured(dhcp=dhcp)).status_code == 200
    for destination, mac in (("255.255.255.255", "ff:ff:ff:ff:ff:ff"), (BASE4, None)):
        offer = udp("198.18.16.2", destination, 67, 68)
        assert ready.passes("eth1", frame("eth1", offer, mac)) is dhcp
        assert not ready.passes("eth2", frame("eth2", offer, mac))
        wrong = udp("198.18.16.2", destination, 68, 67)
        assert not ready.passes("eth1", frame("eth1", wrong, mac))
    for destination in ("fe80::9", BASE6):
        reply = udp(ROUTER, destination, 547, 546) / DHCP6_Reply()
        assert ready.passes("eth1", frame("eth1", reply)) is dhcp
        remote = udp(STRANGER6, destination, 547, 546) / DHCP6_Reply()
        assert not ready.passes("eth1", frame("eth1", remote))


@pytest.mark.parametrize(("interface", "address"), OURS4)
def test_fragments(ready: Amphora, interface: str, address: str) -> None:
    later = ip(STRANGER4, address, frag=100, proto=6) / Raw(bytes(64))
    assert ready.passes(interface, frame(interface, later))
    first = ip(STRANGER4, address, flags="MF") / TCP(dport=22) / Raw(bytes(44))
    assert not ready.passes(interface, frame(interface, first))
    # A second fragment at byte 8 would bring flags that no rule has seen.
    overlapping = ip(STRANGER4, address, frag=1, proto=6) / Raw(bytes(64))
    assert not ready.passes(interface, frame(interface, overlapping))


@pytest.mark.parametrize(("interface", "address"), OURS6)
def test_fragments_v6(ready: Amphora, interface: str, address: str) -> None:
    def fragment(offset: int, more: int, payload: Packet) -> bytes:
        header = IPv6ExtHdrFragment(offset=offset, m=more, id=7, nh=6)
        return frame(interface, ip(STRANGER6, address) / header / payload)

    assert ready.passes(interface, fragment(100, 0, Raw(bytes(64))))
    assert not ready.passes(interface, fragment(0, 1, TCP(dport=22) / Raw(bytes(44))))
    assert not ready.passes(interface, fragment(1, 0, Raw(bytes(64))))


LOOKS_LIKE_SYN = Raw(bytes(TCP(sport=8080, dport=80, flags="S")))


@pytest.mark.parametrize(("interface", "address"), OURS4)
def test_the_data_of_a_later_fragment_is_not_taken_for_a_header(
    ready: Amphora, interface: str, address: str
) -> None:
    later = ip(STRANGER4, address, frag=100, proto=6) / LOOKS_LIKE_SYN
    assert ready.passes(interface, frame(interface, later))
    overlapping = ip(SERVER4, address, frag=1, proto=6) / LOOKS_LIKE_SYN
    assert not ready.passes(interface, frame(interface, overlapping))


def test_the_flow_label_of_a_later_fragment_is_not_taken_for_a_port(ready: Amphora) -> None:
    listener = {"id": "unlucky", "protocol": "tcp", "port": MARK}
    assert ready.post(document(listeners=[listener])).status_code == 200
    header = IPv6ExtHdrFragment(offset=1, m=0, id=7, nh=6)
    later = ip(STRANGER6, VIP6) / header / LOOKS_LIKE_SYN
    assert not ready.passes("eth1", frame("eth1", later))


def test_a_fragment_header_behind_another_is_found(ready: Amphora) -> None:
    for offset, expected in ((100, True), (1, False)):
        header = IPv6ExtHdrFragment(offset=offset, m=0, id=7, nh=6)
        later = ip(STRANGER6, VIP6) / IPv6ExtHdrDestOpt() / header / LOOKS_LIKE_SYN
        assert ready.passes("eth1", frame("eth1", later)) is expected


def test_fragments_to_the_link_are_dropped(ready: Amphora) -> None:
    later = ip(STRANGER4, "255.255.255.255", frag=100, proto=17) / Raw(bytes(64))
    assert not ready.passes("eth1", frame("eth1", later))
    header = IPv6ExtHdrFragment(offset=100, m=0, id=7, nh=58)
    assert not ready.passes("eth1", frame("eth1", ip(ROUTER, "ff02::1") / header / Raw(bytes(64))))


def test_the_first_fragment_of_a_listeners_client_gets_in(ready: Amphora) -> None:
    first = ip(STRANGER4, VIP4, flags="MF") / TCP(dport=80, flags="A") / Raw(bytes(44))
    assert ready.passes("eth1", frame("eth1", first))


@pytest.mark.parametrize(("interface", "address"), [*OURS4, *OURS6])
def test_nobody_outside_has_our_addresses(ready: Amphora, interface: str, address: str) -> None:
    ours = (VIP6, BASE6, MEMBER6) if ":" in address else (VIP4, BASE4, MEMBER4)
    for source in ours:
        packet = frame(interface, tcp(source, address, 8080, 80, "A"))
        assert not ready.passes(interface, packet), source
    assert ready.dropped("spoofed") == len(ours)


def test_our_own_neighbour_advertisement_does_not_come_back(ready: Amphora) -> None:
    packet = ip(VIP6, "ff02::1", 255) / ICMPv6ND_NA(tgt=VIP6)
    assert not ready.passes("eth1", frame("eth1", packet, ALL_NODES_MAC))


@pytest.mark.parametrize(
    "destination", ["192.0.2.99", "224.0.0.1", "2001:db8:ffff::1", "fe80::9", "ff02::1"]
)
def test_what_is_not_for_us_is_dropped(ready: Amphora, destination: str) -> None:
    source = STRANGER6 if ":" in destination else STRANGER4
    assert not ready.passes("eth1", frame("eth1", tcp(source, destination, 40000, 80)))
    assert ready.dropped("stray") == 1


def test_other_protocols_are_dropped_and_counted(ready: Amphora) -> None:
    tunnel = ip(STRANGER4, VIP4) / IP(src=STRANGER4, dst=VIP4) / TCP(dport=80)
    assert not ready.passes("eth1", frame("eth1", tunnel))
    assert ready.dropped("other") == 1


def configured(**options: bool) -> dict[str, Any]:
    """The usual document with the VIP interface configured from its network."""
    first, *others = DOCUMENT["interfaces"]
    return document(interfaces=[{**first, **options}, *others])


def test_the_frames_of_this_file_reach_the_amphora(ready: Amphora) -> None:
    assert frame("eth1", ip(STRANGER4, VIP4))[:12] == bytes.fromhex(
        (MACS["eth1"] + ROUTER_MAC).replace(":", "")
    )
