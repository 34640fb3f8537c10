"""Maps and sets of the table: everything whose size depends on the rule document. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from amphora_agent_ext import model
from amphora_agent_ext.totals import Count


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

# Sets whose elements are networks.
INTERVALS = {"allow4": IPV4, "allow6": IPV6}
_VERDICTS = {
    model.Filter.AMPHORA: "goto link",
    model.Filter.NEUTRON: "goto neutron",
    model.Filter.DROP: "goto undecided",
}


def interface_sets(document: model.Document, names: Mapping[str, str]) -> Iterator[str]:
    """Who filters an interface, and which ones configure themselves from the network."""
    named = [(names[i.mac], i) for i in document.interfaces if i.mac in names]
    ours = [(name, i) for name, i in named if i.filter is model.Filter.AMPHORA]
    verdicts = (f'"{name}" : {_VERDICTS[i.filter]}' for name, i in named)
    yield _block("map", "links", "typeof iifname : verdict;", verdicts)
    yield _block("set", "dhcp", "typeof iifname;", (f'"{n}"' for n, i in ours if i.dhcp))
    yield _block("set", "slaac", "typeof iifname;", (f'"{n}"' for n, i in ours if i.slaac))


def listen_set(document: model.Document, counts: Mapping[tuple[str, int], Count]) -> str:
    """Every listener's port. What is looked up here was not allowed: a hit is a refused client."""
    elements = (
        _counted(f"{x.protocol} . {x.port}", counts.get((x.protocol, x.port), Count()))
        for x in document.listeners
    )
    return _block("set", "listen", "typeof meta l4proto . th dport; counter;", elements)


def family_sets(
    document: model.Document, names: Mapping[str, str], family: Family
) -> Iterator[str]:
    """The maps and sets of one IP version."""
    n, ip = family.n, family.ip
    port, sport = "meta l4proto . th dport", "meta l4proto . th sport"
    roles = f"typeof iifname . {ip} daddr : verdict;"
    interval = f"typeof {ip} saddr . {port}; flags interval;"
    single = f"type {family.address};"
    yield _block("map", f"role{n}", roles, _roles(document, names, family))
    yield _block("set", f"own{n}", single, _own(document, family))
    yield _block("set", f"open{n}", f"typeof {port};", _open(document, family))
    yield _block("set", f"allow{n}", interval, allowed(document, family))
    yield _block("set", f"back{n}", f"typeof {ip} saddr . {sport};", _back(document, family))
    yield _block("set", f"peers{n}", single, _only(document.peers, family))
    yield _block("set", f"ping{n}", single, _only(document.ping, family))


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


def _open(document: model.Document, family: Family) -> Iterator[str]:
    for listener in document.listeners:
        if any(n.prefixlen == 0 for n in listener.sources(family.version)):
            yield f"{listener.protocol} . {listener.port}"


def allowed(document: model.Document, family: Family) -> Iterator[str]:
    """Elements of the interval set: who may connect to restricted listeners."""
    for listener in document.listeners:
        for network in listener.sources(family.version):
            if network.prefixlen:
                yield f"{network} . {listener.protocol} . {listener.port}"


def _back(document: model.Document, family: Family) -> Iterator[str]:
    for member in document.members:
        if member.address.version == family.version:
            yield f"{member.address} . {member.protocol} . {member.port}"


def _only(addresses: Iterable[model.Address], family: Family) -> Iterator[str]:
    return (str(a) for a in addresses if a.version == family.version)


def _counted(element: str, count: Count) -> str:
    return f"{element} counter packets {count.packets} bytes {count.bytes}"


def _block(kind: str, name: str, declaration: str, elements: Iterable[str]) -> str:
    inside = ",\n      ".join(elements)
    filled = f" elements = {{\n      {inside} }};" if inside else ""
    return f"  {kind} {name} {{ {declaration}{filled} }}"
