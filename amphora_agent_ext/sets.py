"""Maps and sets of the table that hold addresses, ports and interfaces. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from amphora_agent_ext import model
from amphora_agent_ext.ruleset import Block, block, constant


@dataclasses.dataclass(frozen=True)
class Family:
    """How one IP version is written.

    :ivar n: suffix of the names of its maps, sets and chains
    """

    version: int
    n: str
    ip: str
    hops: str
    icmp: str
    address: str


IPV4 = Family(4, "4", "ip", "ip ttl", "icmp", "ipv4_addr")
IPV6 = Family(6, "6", "ip6", "ip6 hoplimit", "icmpv6", "ipv6_addr")

_PORT = "typeof meta l4proto . th dport;"
_VERDICTS = {
    model.Filter.AMPHORA: "goto link",
    model.Filter.NEUTRON: "goto neutron",
    model.Filter.DROP: "goto undecided",
}
# VRRP by number: nft knows its name only where /etc/protocols is installed.
VRRP = 112
_ERRORS = ("destination-unreachable", "time-exceeded", "parameter-problem")
CONSTANTS = (
    constant("errors4", "type icmp_type;", *_ERRORS),
    constant("errors6", "type icmpv6_type;", *_ERRORS, "packet-too-big"),
    constant("neighbour", "type icmpv6_type;", "nd-neighbor-solicit", "nd-neighbor-advert"),
    # Next headers that tell that there is no fragment header.
    constant("whole6", "type inet_proto;", "tcp", "udp", "sctp", "icmpv6", str(VRRP)),
    constant("nearby", "type ipv6_addr; flags interval;", "fe80::/10", "ff00::/8"),
    # Of FIN, SYN, RST and ACK what a TCP may send together.
    constant(
        "possible", "type tcp_flag;", "syn", "syn | ack", "ack", "fin | ack", "rst", "rst | ack"
    ),
    constant("lvs", "type inet_proto;", "udp", "sctp"),
)


def interface_blocks(document: model.Document, names: Mapping[str, str]) -> Iterator[Block]:
    """Who filters an interface, and which ones configure themselves from the network."""
    named = [(names[i.mac], i) for i in document.interfaces if i.mac in names]
    ours = [(name, i) for name, i in named if i.filter is model.Filter.AMPHORA]
    verdicts = (f'"{name}" : {_VERDICTS[i.filter]}' for name, i in named)
    yield block("map", "links", "typeof iifname : verdict;", verdicts)
    yield block("set", "dhcp", "typeof iifname;", (f'"{n}"' for n, i in ours if i.dhcp))
    yield block("set", "slaac", "typeof iifname;", (f'"{n}"' for n, i in ours if i.slaac))


def listener_blocks(document: model.Document) -> Iterator[Block]:
    """Counters of restricted listeners: clients that were found, and clients that were not."""
    restricted = [
        f"{x.protocol} . {x.port}" for x in document.listeners if not (x.open(4) and x.open(6))
    ]
    yield block("set", "accepted", _PORT, restricted, counted=True)
    yield block("set", "refused", _PORT, restricted, counted=True)


def family_blocks(
    document: model.Document, names: Mapping[str, str], family: Family
) -> Iterator[Block]:
    """The maps and sets of one IP version."""
    n, ip = family.n, family.ip
    single, back = f"type {family.address};", f"typeof {ip} saddr . meta l4proto . th sport;"
    roles, ports = f"typeof iifname . {ip} daddr : verdict;", f"{_PORT[:-1]} : verdict;"
    yield block("map", f"role{n}", roles, _roles(document, names, family))
    yield block("map", f"port{n}", ports, _ports(document, family), counted=True)
    yield block("set", f"own{n}", single, _own(document, family))
    yield block("set", f"back{n}", back, _back(document, family))
    yield block("set", f"peers{n}", single, _only(document.peers, family))
    yield block("set", f"ping{n}", single, _only(document.ping, family))


def _ports(document: model.Document, family: Family) -> Iterator[str]:
    for listener in document.listeners:
        if listener.open(family.version):
            verdict = "accept"
        elif listener.reachable(family.version):
            verdict = f"goto source{family.n}"
        else:
            verdict = f"goto refuse{family.n}"
        yield f"{listener.protocol} . {listener.port} : {verdict}"


def _roles(document: model.Document, names: Mapping[str, str], family: Family) -> Iterator[str]:
    for interface in document.interfaces:
        name = names.get(interface.mac)
        if name is None or interface.filter is not model.Filter.AMPHORA:
            continue
        base = "vrrp" if interface.vips else "member"
        for chain, addresses in (("vip", interface.vips), (base, interface.addresses)):
            for address in _only(addresses, family):
                yield f'"{name}" . {address} : goto {chain}{family.n}'


def _own(document: model.Document, family: Family) -> list[str]:
    every = {a for i in document.interfaces for a in (*i.vips, *i.addresses)}
    return sorted(_only(every, family))


def _back(document: model.Document, family: Family) -> Iterator[str]:
    for member in document.members:
        if member.address.version == family.version:
            yield f"{member.address} . {member.protocol} . {member.port}"


def _only(addresses: Iterable[model.Address], family: Family) -> Iterator[str]:
    return (str(a) for a in addresses if a.version == family.version)
