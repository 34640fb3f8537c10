"""The rule document as values: who may send what to this amphora. Pure."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import ipaddress
import json
from collections.abc import Iterable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WHOLE: dict[int, Network] = {
    4: ipaddress.IPv4Network("0.0.0.0/0"),
    6: ipaddress.IPv6Network("::/0"),
}


class Filter(str, enum.Enum):
    """Who filters an interface: this table, Neutron (all passes), or nobody yet (all drops)."""

    AMPHORA = "amphora"
    NEUTRON = "neutron"
    DROP = "drop"


@dataclasses.dataclass(frozen=True)
class Interface:
    """:ivar vips: VIP addresses served here, none on a member interface
    :ivar addresses: base (VRRP) addresses on a VIP interface, else fixed addresses
    """

    mac: str
    filter: Filter
    vips: tuple[Address, ...] = ()
    addresses: tuple[Address, ...] = ()
    dhcp: bool = False
    slaac: bool = False


@dataclasses.dataclass(frozen=True)
class Listener:
    """:ivar allowed_cidrs: who may connect; nobody named means anybody"""

    id: str
    protocol: str
    port: int
    allowed_cidrs: tuple[Network, ...] = ()

    def sources(self, version: int) -> tuple[Network, ...]:
        """Networks of one IP version that may connect; the whole range when all may."""
        if not self.allowed_cidrs:
            return (_WHOLE[version],)
        return tuple(n for n in self.allowed_cidrs if n.version == version)


@dataclasses.dataclass(frozen=True)
class Member:
    """Replies come from this address and port."""

    address: Address
    protocol: str
    port: int


@dataclasses.dataclass(frozen=True)
class Document:
    """Everything one amphora's firewall lets in. The empty one lets in nothing but loopback."""

    interfaces: tuple[Interface, ...] = ()
    listeners: tuple[Listener, ...] = ()
    members: tuple[Member, ...] = ()
    ping: tuple[Address, ...] = ()
    peers: tuple[Address, ...] = ()
    peer_port: int | None = None
    echo: bool = False

    @property
    def lvs(self) -> bool:
        """True when a listener is served by LVS, which forwards and needs connection tracking."""
        return any(listener.protocol != "tcp" for listener in self.listeners)


def collapse(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Networks without overlap, duplicates or neighbours that could be one; IPv4 first."""
    known = tuple(networks)
    v4 = [n for n in known if isinstance(n, ipaddress.IPv4Network)]
    v6 = [n for n in known if isinstance(n, ipaddress.IPv6Network)]
    return (*ipaddress.collapse_addresses(v4), *ipaddress.collapse_addresses(v6))


def normalise(document: Document) -> Document:
    """The one form of all documents that mean the same: sorted, without duplicates."""
    return dataclasses.replace(
        document,
        interfaces=tuple(sorted(map(_interface, document.interfaces), key=lambda i: i.mac)),
        listeners=tuple(
            sorted(map(_listener, document.listeners), key=lambda x: (x.protocol, x.port))
        ),
        members=tuple(sorted(set(document.members), key=_member_key)),
        ping=_ordered(document.ping),
        peers=_ordered(document.peers),
    )


def canonical(document: Document) -> dict[str, Any]:
    """The normalised document in its JSON form."""
    plain = dataclasses.asdict(normalise(document), dict_factory=_plain)
    return {"version": 1, **plain}


def digest(document: Document) -> str:
    """SHA-256 (hex) of the canonical JSON; equal for documents that mean the same."""
    text = json.dumps(canonical(document), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _interface(interface: Interface) -> Interface:
    return dataclasses.replace(
        interface,
        mac=interface.mac.lower(),
        vips=_ordered(interface.vips),
        addresses=_ordered(interface.addresses),
    )


def _listener(listener: Listener) -> Listener:
    return dataclasses.replace(listener, allowed_cidrs=collapse(listener.allowed_cidrs))


def _ordered(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted(set(addresses), key=lambda a: (a.version, int(a))))


def _member_key(member: Member) -> tuple[int, int, str, int]:
    return member.address.version, int(member.address), member.protocol, member.port


def _plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: _json(value) for key, value in items}


def _json(value: Any) -> Any:
    if isinstance(value, Filter):
        return value.value
    if isinstance(value, Address | Network):
        return str(value)
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return value
