"""What may come to an address of an amphora and what may not: every sort of traffic. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from scapy.layers.dhcp6 import DHCP6_Reply
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLQuery,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NIQueryName,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    RouterAlert,
)
from scapy.packet import Packet, Raw

from tests.functional.agent import conftest as world
from tests.functional.agent.packets import icmp, ip, sctp, tcp, udp, vrrp

LINK = "fe80::1"
# Packets that must pass, packets that must not.
Packets = tuple[list[Packet], list[Packet]]


@dataclasses.dataclass(frozen=True)
class Place:
    """One address of the amphora.

    :ivar configured: the interface uses DHCP and SLAAC
    """

    role: str
    interface: str
    address: str
    configured: bool = False

    @property
    def version(self) -> int:
        return 6 if ":" in self.address else 4

    def __str__(self) -> str:
        return f"{self.role}-{self.interface}-{self.address}"

    def of(self, four: str, six: str) -> str:
        """The address of the place's IP version."""
        return six if self.version == 6 else four

    client = property(lambda self: self.of("10.9.8.7", "2001:db8:a::7"))
    stranger = property(lambda self: self.of("192.0.2.7", "2001:db8:b::7"))
    member = property(lambda self: self.of(world.SERVER4, world.SERVER6))
    peer = property(lambda self: self.of(world.PEER4, world.PEER6))
    pinged = property(lambda self: self.of(world.PINGED4, world.PINGED6))


PLACES = [
    *(Place("vip", "eth1", a) for a in (world.VIP4, world.VIP6)),
    *(Place("vip", "eth1", a) for a in ("198.18.16.6", "2001:db8:1::6")),
    *(Place("vip", "eth5", a, True) for a in ("198.18.64.5", "2001:db8:5::5")),
    *(Place("vrrp", "eth1", a) for a in (world.BASE4, world.BASE6)),
    *(Place("vrrp", "eth5", a, True) for a in ("198.18.64.9", "2001:db8:5::9")),
    *(Place("member", "eth2", a) for a in (world.MEMBER4, world.MEMBER6)),
    *(Place("member", "eth4", a, True) for a in ("198.18.48.40", "2001:db8:4::40")),
]


# Overlapping, repeated, touching, and with bits set behind the prefix.
ALLOWED = [
    *("10.1.2.3/8", "10.0.0.0/8", "10.128.0.0/9", "11.0.0.0/8"),
    *("2001:db8:a::5/48", "2001:db8:a:8000::/49", "2001:db8:a::/48"),
]
LISTENERS = [
    ("open", "tcp", 80, []),
    ("restricted", "tcp", 443, ALLOWED),
    ("quic", "udp", 443, []),
    ("dns", "udp", 53, ALLOWED),
    ("sip", "sctp", 5060, []),
    ("v4", "tcp", 4444, ["0.0.0.0/0"]),
    ("v6", "tcp", 6666, ["::/0"]),
]
MEMBERS = [("tcp", 8080), ("udp", 5353), ("sctp", 5070)]


def body(echo: bool = False) -> dict[str, Any]:
    """The rule document with all these places."""
    filtered = [_interface(name) for name in ("eth1", "eth2", "eth4", "eth5")]
    return world.document(
        interfaces=[*filtered, {"mac": world.MACS["eth3"], "filter": "neutron"}],
        listeners=[
            {"id": i, "protocol": p, "port": n, "allowed_cidrs": c} for i, p, n, c in LISTENERS
        ],
        members=[
            {"address": a, "protocol": p, "port": n}
            for a in (world.SERVER4, world.SERVER6)
            for p, n in MEMBERS
        ],
        echo=echo,
    )


def _interface(name: str) -> dict[str, Any]:
    here = [place for place in PLACES if place.interface == name]
    return {
        "mac": world.MACS[name],
        "filter": "amphora",
        "vips": [place.address for place in here if place.role == "vip"],
        "addresses": [place.address for place in here if place.role != "vip"],
        "dhcp": any(place.configured for place in here),
        "slaac": any(place.configured for place in here),
    }


def echo_request(source: str, destination: str) -> Packet:
    if ":" in destination:
        return ip(source, destination) / ICMPv6EchoRequest()
    return icmp(source, destination, 8)


def listeners(at: Place) -> Packets:
    here, version = at.address, at.version
    edges = at.of("10.0.0.0 11.255.255.255", "2001:db8:a:: 2001:db8:a:ffff::ffff").split()
    outside = at.of("9.255.255.255 12.0.0.0", "2001:db8:9:ffff::ffff 2001:db8:b::").split()
    right = [
        *(tcp(source, here, 40000, 443) for source in edges),
        *(tcp(at.stranger, here, 40000, 80, flags) for flags in ("S", "A", "PA", "FA", "R")),
        *(tcp(at.client, here, 40000, 443, flags) for flags in ("S", "A")),
        *(udp(at.stranger, here, 40000, 443), udp(at.client, here, 40000, 53)),
        *(sctp(at.stranger, here, 40000, 5060), tcp(at.client, here, 40000, 1111 * version)),
    ]
    wrong = [
        *(tcp(source, here, 40000, 443) for source in outside),
        *(tcp(at.stranger, here, 40000, 443, flags) for flags in ("S", "A", "PA", "R")),
        *(udp(at.stranger, here, 40000, 53), sctp(at.stranger, here, 40000, 5061)),
        *(tcp(at.client, here, 40000, 53), tcp(at.client, here, 40000, 5060)),
        *(udp(at.client, here, 40000, 80), tcp(at.client, here, 40000, 22)),
        tcp(at.client, here, 40000, 1111 * (10 - version)),
    ]
    return (right, wrong) if at.role == "vip" else ([], right + wrong)


def replies(at: Place) -> Packets:
    here = at.address
    right = [
        *(tcp(at.member, here, 8080, 50000, flags) for flags in ("SA", "A", "PA", "FA", "R", "RA")),
        *(udp(at.member, here, 5353, 50000), sctp(at.member, here, 5070, 50000)),
    ]
    wrong = [
        *(tcp(at.member, here, 8080, 50000, flags) for flags in ("S", "SP", "SEC")),
        *(tcp(at.member, here, 8081, 50000, "A"), udp(at.member, here, 8080, 50000)),
        *(tcp(at.stranger, here, 8080, 50000, "A"), udp(at.stranger, here, 5353, 50000)),
        *(sctp(at.stranger, here, 5070, 50000), tcp(at.pinged, here, 8080, 50000, "A")),
    ]
    return right, wrong


def vrrp_of_the_peer(at: Place) -> Packets:
    right = [vrrp(at.peer, at.address)]
    wrong = [vrrp(at.peer, at.address, 254), vrrp(at.stranger, at.address)]
    return (right, wrong) if at.role == "vrrp" else ([], right + wrong)


def haproxy_peers(at: Place) -> Packets:
    here = at.address
    right = [
        *(tcp(at.peer, here, 50000, 1025, flags) for flags in ("S", "A", "FA")),
        *(tcp(at.peer, here, 1025, 50000, flags) for flags in ("SA", "A", "R")),
    ]
    wrong = [
        *(tcp(at.stranger, here, 50000, 1025), tcp(at.stranger, here, 1025, 50000, "A")),
        *(tcp(at.peer, here, 1025, 50000, "S"), tcp(at.peer, here, 50000, 1026)),
        udp(at.peer, here, 50000, 1025),
    ]
    return (right, wrong) if at.role == "vrrp" else ([], right + wrong)


def errors(at: Place) -> Packets:
    here, said = at.address, Raw(bytes(48))
    if at.version == 4:
        kinds = [(3, 0), (3, 1), (3, 4), (11, 0), (12, 0)]
        wrong = [icmp(at.stranger, here, kind) for kind in (4, 5, 9, 10, 13, 15, 17)]
        return [icmp(at.stranger, here, *kind) for kind in kinds], wrong
    some = (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, ICMPv6ParamProblem)
    redirect = ICMPv6ND_Redirect(tgt=LINK, dst=at.stranger)
    wrong = [ip(LINK, here, 255) / redirect, ip(at.stranger, here) / ICMPv6NIQueryName()]
    return [ip(at.stranger, here) / kind() / said for kind in some], wrong


def echo_requests(at: Place) -> Packets:
    """Without the option."""
    sources = (at.stranger, at.client, at.member, at.peer, at.pinged)
    return [], [echo_request(source, at.address) for source in sources]


def echo_replies(at: Place) -> Packets:
    def reply(source: str) -> Packet:
        if at.version == 4:
            return icmp(source, at.address, 0)
        return ip(source, at.address) / ICMPv6EchoReply()

    return [reply(at.pinged)], [reply(source) for source in (at.member, at.stranger, at.peer)]


def neighbours(at: Place) -> Packets:
    if at.version == 4:
        return [], []
    both = [kind(tgt=at.address) for kind in (ICMPv6ND_NS, ICMPv6ND_NA)]
    everybody = ("ff02::1", "ff02::1:ff00:5", "fe80::9", at.address)
    right = [ip(s, d, 255) / m for s in (LINK, at.stranger) for d in everybody for m in both]
    return right, [ip(s, d, 254) / m for s in (LINK, at.stranger) for d in everybody for m in both]


def listener_queries(at: Place) -> Packets:
    if at.version == 4:
        return [], []

    def query(source: str, destination: str) -> Packet:
        alert = IPv6ExtHdrHopByHop(options=[RouterAlert()])
        return ip(source, destination, 1) / alert / ICMPv6MLQuery()

    places = ("ff02::1", at.address)
    return [query(LINK, to) for to in places], [query(at.stranger, to) for to in places]


def router_advertisements(at: Place) -> Packets:
    if at.version == 4:
        return [], []
    places = ("ff02::1", at.address)
    right = [ip(LINK, to, 255) / ICMPv6ND_RA() for to in places]
    wrong = [ip(LINK, to, 254) / ICMPv6ND_RA() for to in places]
    wrong += [ip(at.stranger, to, 255) / ICMPv6ND_RA() for to in places]
    return (right, wrong) if at.configured else ([], right + wrong)


def dhcp(at: Place) -> Packets:
    if at.version == 4:
        server, places = "198.18.16.2", ("255.255.255.255", at.address)
        right = [udp(server, to, 67, 68) for to in places]
        wrong = [udp(server, to, *ports) for to in places for ports in ((68, 67), (67, 69))]
    else:
        places = ("fe80::9", at.address)
        right = [udp(LINK, to, 547, 546) / DHCP6_Reply() for to in places]
        wrong = [udp(at.stranger, to, 547, 546) / DHCP6_Reply() for to in places]
        wrong += [udp(LINK, to, 546, 547) / DHCP6_Reply() for to in places]
    return (right, wrong) if at.configured else ([], right + wrong)


def fragments(at: Place) -> Packets:
    """Later ones pass, first ones are filtered as a whole packet is."""

    def part(protocol: int, offset: int, more: int, content: Packet) -> Packet:
        if at.version == 4:
            flags = "MF" if more else 0
            head = ip(at.stranger, at.address, proto=protocol, frag=offset, flags=flags)
            return head / content
        header = IPv6ExtHdrFragment(offset=offset, m=more, id=7, nh=protocol)
        return ip(at.stranger, at.address) / header / content

    rest = Raw(bytes(64))
    right = [part(p, 100, more, rest) for p in (6, 17, 132) for more in (0, 1)]
    wrong = [
        *(part(6, 0, 1, TCP(dport=port, flags=f) / rest) for port in (22, 443) for f in ("S", "A")),
        *(part(17, 0, 1, UDP(dport=port) / rest) for port in (22, 53)),
        part(6, 1, 0, rest),
    ]
    if at.role == "vip":
        right += [part(6, 0, 1, TCP(dport=80) / rest), part(17, 0, 1, UDP(dport=443) / rest)]
    return right, wrong


def own_addresses(at: Place) -> Packets:
    """As source, from outside."""
    found: list[Packet] = []
    for source in (p.address for p in PLACES if p.version == at.version):
        found += [
            *(tcp(source, at.address, 40000, 80), tcp(source, at.address, 8080, 50000, "A")),
            *(udp(source, at.address, 40000, 443), vrrp(source, at.address)),
        ]
        if at.version == 4:
            found += [icmp(source, at.address, 3, 4), ip(source, at.address, frag=100, proto=17)]
        else:
            found.append(ip(source, "ff02::1", 255) / ICMPv6ND_NA(tgt=source))
    return [], found


# As no TCP ever sends them.
BOGUS = ["", "P", "U", "F", "FPU", "SF", "SR", "SFA", "SRA", "SFR", "FR", "FRA", "FSRPAU"]


def bogus_flags(at: Place) -> Packets:
    """Wherever a packet with better flags would pass."""
    ends = [(at.stranger, 40000, 80), (at.member, 8080, 50000), (at.peer, 50000, 1025)]
    return [], [tcp(s, at.address, sp, dp, flags) for s, sp, dp in ends for flags in BOGUS]


def anything_else(at: Place) -> Packets:
    source, here = at.client, at.address
    numbers = (2, 4, 41, 47, 50, 51, 88, 89, 103, 115, 136, 253)
    key = "proto" if at.version == 4 else "nh"
    return [], [ip(source, here, **{key: n}) / Raw(bytes(40)) for n in numbers]


def forwarded(at: Place) -> Packets:
    """On their way from members of UDP and SCTP listeners through the amphora to this address."""
    there, said = at.address, Raw(bytes(48))
    right = [udp(at.member, there, 5353, 5000), sctp(at.member, there, 5070, 5000)]
    wrong = [
        *(tcp(at.member, there, 8080, 5000, flags) for flags in ("S", "A")),
        *(udp(at.member, there, 53, 5000), sctp(at.member, there, 5060, 5000)),
        *(udp(at.stranger, there, 5353, 5000), sctp(at.stranger, there, 5070, 5000)),
        *(tcp(at.stranger, there, 40000, 80), echo_request(at.member, there)),
    ]
    if at.version == 4:
        return [*right, icmp(at.stranger, there, 3, 4)], wrong
    return [*right, ip(at.stranger, there) / ICMPv6PacketTooBig() / said], wrong


ROWS: dict[str, tuple[Callable[[Place], Packets], set[str]]] = {
    "listeners": (listeners, {"vip"}),
    "replies of members": (replies, {"vip", "vrrp", "member"}),
    "VRRP": (vrrp_of_the_peer, {"vrrp"}),
    "haproxy peers": (haproxy_peers, {"vrrp"}),
    "ICMP errors": (errors, {"vip", "vrrp", "member"}),
    "echo requests": (echo_requests, set()),
    "echo replies": (echo_replies, {"vip", "vrrp", "member"}),
    "neighbours": (neighbours, {"vip", "vrrp", "member"}),
    "MLD queries": (listener_queries, {"vip", "vrrp", "member"}),
    "router advertisements": (router_advertisements, {"vip", "vrrp", "member"}),
    "DHCP": (dhcp, {"vip", "vrrp", "member"}),
    "fragments": (fragments, {"vip", "vrrp", "member"}),
    "own addresses": (own_addresses, set()),
    "bogus flags": (bogus_flags, set()),
    "anything else": (anything_else, set()),
}
"""Traffic, and the roles it has business with."""
SIX_ONLY = {"neighbours", "MLD queries", "router advertisements"}
