"""The chains of the table. Their rules are the same for every amphora but for a few options. Pure.

A packet finds its chain by the interface it came in on and the address it goes to: ``vip`` for a
VIP, ``vrrp`` for the base address of a VIP interface, ``member`` for an address of a member
interface; ``link`` for the rest of what a filtered interface needs to work at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from amphora_agent_ext import model
from amphora_agent_ext.sets import IPV4, IPV6, Family

# A SYN without ACK opens a connection: never a reply.
_OPENING = "tcp flags & (syn | ack) == syn"
_UNREACHABLE = {
    4: "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
    6: "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
}
_NEIGHBOUR = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept"
_ROUTER = "iifname @slaac icmpv6 type nd-router-advert ip6 saddr fe80::/10 ip6 hoplimit 255 accept"
_MLD = "icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept"
_DHCP = {
    4: "iifname @dhcp meta nfproto ipv4 udp sport 67 udp dport 68 accept",
    6: "iifname @dhcp ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
}
# VRRP by number: nft knows its name only where /etc/protocols is installed.
_VRRP = 112
_OFFSET = {4: "ip frag-off & 0x1fff", 6: "frag frag-off"}
# Looking for a fragment header costs; most packets have none, as their next header tells.
_LATER = {
    4: f"{_OFFSET[4]} != 0",
    6: f"ip6 nexthdr != {{ tcp, udp, sctp, icmpv6, {_VRRP} }} {_OFFSET[6]} != 0",
}


def all_chains(document: model.Document) -> Iterator[str]:
    """All chains, those that are jumped to first."""
    for family in (IPV4, IPV6):
        yield _chain(f"control{family.n}", *_control(family))
        yield _chain(f"later{family.n}", *_later(family))
        yield _chain(f"vip{family.n}", *_vip(document, family))
        if document.peers:
            yield _chain(f"peer{family.n}", *_peer(document, family))
        yield _chain(f"vrrp{family.n}", *_vrrp(document, family))
        yield _chain(f"member{family.n}", *_member(family))
    yield _chain("link", *_link())
    yield _chain("neutron", "counter name pass_neutron accept")
    yield _chain("undecided", _drop("undecided"))
    yield _chain("pre", *_pre(document))
    yield _chain("forward", *_forward(document))
    if document.lvs:
        yield _chain("output", "type filter hook output priority raw; policy accept;", _NOTRACK)


_NOTRACK = "meta l4proto tcp notrack"


def _pre(document: model.Document) -> Iterator[str]:
    yield "type filter hook prerouting priority raw; policy drop;"
    if document.lvs:
        # LVS brings a NAT table and with it connection tracking: keep TCP out of it.
        yield _NOTRACK
    yield "iifname . ip daddr vmap @role4"
    yield "iifname . ip6 daddr vmap @role6"
    yield "iif lo accept"
    yield "iifname vmap @links"
    yield _drop("unlisted")


def _vip(document: model.Document, family: Family) -> Iterator[str]:
    n, ip = family.n, family.ip
    yield from _first(family)
    yield f"meta l4proto . th dport @open{n} accept"
    yield f"{ip} saddr . meta l4proto . th dport @allow{n} accept"
    if document.lvs:
        # LVS may keep the client's port, so a member's reply can go to a listener's port.
        yield f"meta l4proto != tcp {_reply(family)}"
    yield f"meta l4proto . th dport @listen {_drop('refused')}"
    yield f"{_OPENING} {_drop('new')}"
    yield _reply(family)
    yield from _echo(document, family)
    yield f"goto control{n}"


def _vrrp(document: model.Document, family: Family) -> Iterator[str]:
    yield from _first(family)
    if document.peers:
        yield f"{family.ip} saddr @peers{family.n} jump peer{family.n}"
    yield f"{_OPENING} {_drop('new')}"
    yield _reply(family)
    yield from _echo(document, family)
    yield f"goto control{family.n}"


def _member(family: Family) -> Iterator[str]:
    yield from _first(family)
    yield f"{_OPENING} {_drop('new')}"
    yield _reply(family)
    yield f"goto control{family.n}"


def _peer(document: model.Document, family: Family) -> Iterator[str]:
    """The other amphora: VRRP and the stick tables of haproxy, both ways."""
    yield f"meta l4proto {_VRRP} {family.hops} 255 accept"
    if document.peer_port is not None:
        yield f"tcp dport {document.peer_port} accept"
        yield f"tcp sport {document.peer_port} tcp flags & (syn | ack) != syn accept"


def _first(family: Family) -> Iterator[str]:
    """Before any rule that looks at a transport header.

    Later fragments have none, yet the kernel's short way of reading up to four bytes of it
    (ports, flags) reads whatever the fragment has there.
    """
    yield _spoofed(family)
    yield f"{_LATER[family.version]} goto later{family.n}"


def _later(family: Family) -> Iterator[str]:
    """Later fragments come to nothing without the first, which is filtered by its port."""
    # At offset 1 (8 bytes) it would bring TCP flags that no rule has seen.
    yield f"meta l4proto tcp {_OFFSET[family.version]} == 1 {_drop('other')}"
    yield "accept"


def _control(family: Family) -> Iterator[str]:
    """What any of our addresses must hear so that IP itself works."""
    version = family.version
    if version == 6:
        yield _NEIGHBOUR
    yield f"{_UNREACHABLE[version]} accept"
    yield f"{family.icmp} type echo-reply {family.ip} saddr @ping{family.n} accept"
    yield _DHCP[version]
    if version == 6:
        yield _ROUTER
    yield _drop("other")


def _link() -> Iterator[str]:
    """To no address of ours: neighbour discovery and, where used, address configuration."""
    yield _spoofed(IPV4)
    yield _spoofed(IPV6)
    yield f"{_LATER[4]} {_drop('stray')}"
    yield f"{_LATER[6]} {_drop('stray')}"
    yield _DHCP[4]
    yield f"ip6 daddr != {{ fe80::/10, ff00::/8 }} {_drop('stray')}"
    yield _NEIGHBOUR
    yield _MLD
    yield _ROUTER
    yield _DHCP[6]
    yield _drop("stray")


def _forward(document: model.Document) -> Iterator[str]:
    yield "type filter hook forward priority filter; policy drop;"
    if document.lvs:
        for family in (IPV4, IPV6):
            yield f"meta l4proto {{ udp, sctp }} {_reply(family)}"
            yield f"{_UNREACHABLE[family.version]} accept"
    yield _drop("forward")


def _spoofed(family: Family) -> str:
    return f"{family.ip} saddr @own{family.n} {_drop('spoofed')}"


def _reply(family: Family) -> str:
    return f"{family.ip} saddr . meta l4proto . th sport @back{family.n} accept"


def _echo(document: model.Document, family: Family) -> Iterator[str]:
    if document.echo:
        yield f"{family.icmp} type echo-request accept"


def _drop(reason: str) -> str:
    return f"counter name drop_{reason} drop"


def _chain(name: str, *rules: str) -> str:
    return f"  chain {name} {{\n    " + "\n    ".join(rules) + "\n  }"
