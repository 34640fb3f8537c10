"""The chains of the table. Their rules are the same for every amphora but for a few options. Pure.

A packet finds its chain by the interface it came in on and the address it goes to: ``vip`` for a
VIP, ``vrrp`` for the base address of a VIP interface, ``member`` for an address of a member
interface; ``link`` for the rest of what a filtered interface needs to work at all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from amphora_agent_ext import model
from amphora_agent_ext.sets import IPV4, IPV6, VRRP, Family
from amphora_agent_ext.totals import DROPS

# The rest of a rule that drops for a reason.
Drop = Callable[[str], str]
# A SYN without ACK opens a connection: never a reply.
_OPENING = "tcp flags & (syn | ack) == syn"
_UNREACHABLE = {4: "icmp type @errors4", 6: "icmpv6 type @errors6"}
_NEIGHBOUR = "icmpv6 type @neighbour ip6 hoplimit 255 accept"
_ROUTER = "iifname @slaac icmpv6 type nd-router-advert ip6 saddr fe80::/10 ip6 hoplimit 255 accept"
_MLD = "icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept"
_DHCP = {
    4: "iifname @dhcp meta nfproto ipv4 udp sport 67 udp dport 68 accept",
    6: "iifname @dhcp ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
}
_OFFSET = {4: "ip frag-off & 0x1fff", 6: "frag frag-off"}
# Looking for a fragment header costs; most packets have none, as their next header tells.
_LATER = {
    4: f"{_OFFSET[4]} != 0",
    6: f"ip6 nexthdr != @whole6 {_OFFSET[6]} != 0",
}


def all_chains(document: model.Document) -> dict[str, tuple[str, ...]]:
    """Name -> rules, but for the lookup of sources."""
    found: dict[str, Iterator[str]] = {}
    if document.log:
        found.update({f"drop_{r}": _logged(r, document.log) for r in DROPS})
    drop = functools.partial(_drop, document.log > 0)
    for family in (IPV4, IPV6):
        n = family.n
        found[f"control{n}"] = _control(family, drop)
        found[f"later{n}"] = _later(family, drop)
        found[f"vip{n}"] = _vip(document, family, drop)
        if document.peers:
            found[f"peer{n}"] = _peer(document, family)
        found[f"vrrp{n}"] = _vrrp(document, family, drop)
        found[f"member{n}"] = _member(family, drop)
        found[f"refuse{n}"] = _refuse(document, family, drop)
    found |= {"allow": iter(_ALLOW), "link": _link(drop), "neutron": iter(_NEUTRON)}
    found |= {"undecided": iter([drop("undecided")]), "pre": _pre(document, drop)}
    found["forward"] = _forward(document, drop)
    if document.lvs:
        found["output"] = iter(["type filter hook output priority raw; policy accept;", _NOTRACK])
    return {name: tuple(rules) for name, rules in found.items()}


def _drop(logged: bool, reason: str) -> str:
    # Counting in place costs less than a chain for it.
    return f"goto drop_{reason}" if logged else f"counter name drop_{reason} drop"


def _logged(reason: str, rate: int) -> Iterator[str]:
    """The limit holds for the rule: each reason is logged so often. All are counted."""
    yield f'limit rate {rate}/second burst {rate} packets log prefix "amphora drop {reason}: "'
    yield f"counter name drop_{reason} drop"


_NOTRACK = "meta l4proto tcp notrack"
_NEUTRON = ("counter name pass_neutron accept",)
# Counts for the listener.
_ALLOW = ("meta l4proto . th dport @accepted accept", "accept")


def _pre(document: model.Document, drop: Drop) -> Iterator[str]:
    yield "type filter hook prerouting priority raw; policy drop;"
    if document.lvs:
        # LVS brings a NAT table and with it connection tracking: keep TCP out of it.
        yield _NOTRACK
    yield "iifname . ip daddr vmap @role4"
    yield "iifname . ip6 daddr vmap @role6"
    yield "iif lo accept"
    yield "iifname vmap @links"
    yield drop("unlisted")


def _vip(document: model.Document, family: Family, drop: Drop) -> Iterator[str]:
    yield from _first(family, drop)
    yield f"meta l4proto . th dport vmap @port{family.n}"
    yield f"{_OPENING} {drop('new')}"
    yield _reply(family)
    yield from _echo(document, family)
    yield f"goto control{family.n}"


def _refuse(document: model.Document, family: Family, drop: Drop) -> Iterator[str]:
    """To a listener's port, from nobody it knows."""
    if document.lvs:
        # LVS may keep the client's port, so a member's reply can go to a listener's port.
        yield f"meta l4proto != tcp {_reply(family)}"
    yield f"meta l4proto . th dport @refused {drop('refused')}"
    yield drop("refused")


def _vrrp(document: model.Document, family: Family, drop: Drop) -> Iterator[str]:
    yield from _first(family, drop)
    if document.peers:
        yield f"{family.ip} saddr @peers{family.n} jump peer{family.n}"
    yield f"{_OPENING} {drop('new')}"
    yield _reply(family)
    yield from _echo(document, family)
    yield f"goto control{family.n}"


def _member(family: Family, drop: Drop) -> Iterator[str]:
    yield from _first(family, drop)
    yield f"{_OPENING} {drop('new')}"
    yield _reply(family)
    yield f"goto control{family.n}"


def _peer(document: model.Document, family: Family) -> Iterator[str]:
    """The other amphora: VRRP and the stick tables of haproxy, both ways."""
    yield f"meta l4proto {VRRP} {family.hops} 255 accept"
    if document.peer_port is not None:
        yield f"tcp dport {document.peer_port} accept"
        yield f"tcp sport {document.peer_port} tcp flags & (syn | ack) != syn accept"


def _first(family: Family, drop: Drop) -> Iterator[str]:
    """Before any rule that looks at a transport header.

    Later fragments have none, yet the kernel's short way of reading up to four bytes of it
    (ports, flags) reads whatever the fragment has there.
    """
    yield _spoofed(family, drop)
    yield f"{_LATER[family.version]} goto later{family.n}"
    yield f"tcp flags & (fin | syn | rst | ack) != @possible {drop('flags')}"


def _later(family: Family, drop: Drop) -> Iterator[str]:
    """Later fragments come to nothing without the first, which is filtered by its port."""
    # At offset 1 (8 bytes) it would bring TCP flags that no rule has seen.
    yield f"meta l4proto tcp {_OFFSET[family.version]} == 1 {drop('other')}"
    yield "accept"


def _control(family: Family, drop: Drop) -> Iterator[str]:
    """What any of our addresses must hear so that IP itself works."""
    version = family.version
    if version == 6:
        yield _NEIGHBOUR
    yield f"{_UNREACHABLE[version]} accept"
    yield f"{family.icmp} type echo-reply {family.ip} saddr @ping{family.n} accept"
    yield _DHCP[version]
    if version == 6:
        yield _MLD
        yield _ROUTER
    yield drop("other")


def _link(drop: Drop) -> Iterator[str]:
    """To no address of ours: neighbour discovery and, where used, address configuration."""
    yield _spoofed(IPV4, drop)
    yield _spoofed(IPV6, drop)
    yield f"{_LATER[4]} {drop('stray')}"
    yield f"{_LATER[6]} {drop('stray')}"
    yield _DHCP[4]
    yield f"ip6 daddr != @nearby {drop('stray')}"
    yield _NEIGHBOUR
    yield _MLD
    yield _ROUTER
    yield _DHCP[6]
    yield drop("stray")


def _forward(document: model.Document, drop: Drop) -> Iterator[str]:
    yield "type filter hook forward priority filter; policy drop;"
    if document.lvs:
        for family in (IPV4, IPV6):
            yield f"meta l4proto @lvs {_reply(family)}"
            yield f"{_UNREACHABLE[family.version]} accept"
    yield drop("forward")


def _spoofed(family: Family, drop: Drop) -> str:
    return f"{family.ip} saddr @own{family.n} {drop('spoofed')}"


def _reply(family: Family) -> str:
    return f"{family.ip} saddr . meta l4proto . th sport @back{family.n} accept"


def _echo(document: model.Document, family: Family) -> Iterator[str]:
    if document.echo:
        yield f"{family.icmp} type echo-request accept"
