"""The rule document as values: who may send what to this amphora. Pure."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import ipaddress
import json
from collections.abc import Iterable
from typing import Any

from amphora_agent_ext.networks import Network, collapse

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    """:ivar allowed_cidrs: who may connect; nobody named means anybody. In a normalised document
    they are sorted and do not overlap, so a network that is everybody stands alone.
    """

    id: str
    protocol: str
    port: int
    allowed_cidrs: tuple[Network, ...] = ()

    def open(self, version: int) -> bool:
        """True when every address of this IP version may connect."""
        return not self.allowed_cidrs or (self.reachable(version) and self._edge(version).bits == 0)

    def reachable(self, version: int) -> bool:
        """True when some address of this IP version may connect."""
        return not self.allowed_cidrs or self._edge(version).version == version

    def _edge(self, version: int) -> Network:
        return self.allowed_cidrs[0 if version == 4 else -1]


@dataclasses.dataclass(frozen=True)
class Member:
    """Replies come from this address and port."""

    address: Address
    protocol: str
    port: int


@dataclasses.dataclass(frozen=True)
class Document:
    """Everything one amphora's firewall lets in. The empty one lets in nothing but loopback.

    :ivar log: dropped packets of each reason to log, at most so many a second; 0: none
    """

    interfaces: tuple[Interface, ...] = ()
    listeners: tuple[Listener, ...] = ()
    members: tuple[Member, ...] = ()
    ping: tuple[Address, ...] = ()
    peers: tuple[Address, ...] = ()
    peer_port: int | None = None
    echo: bool = False
    log: int = 0

    @property
    def lvs(self) -> bool:
        """True when a listener is served by LVS, which forwards and needs connection tracking."""
        return any(listener.protocol != "tcp" for listener in self.listeners)

    @functools.cached_property
    def text(self) -> str:
        """The canonical JSON text of this document, which is normalised."""
        return json.dumps(canonical(self), sort_keys=True, separators=(",", ":"))

    @functools.cached_property
    def digest(self) -> str:
        """See :func:`digest`."""
        return hashlib.sha256(self.text.encode()).hexdigest()


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
    """The JSON form of a normalised document."""
    return {
        "version": 1,
        "interfaces": [_plain_interface(i) for i in document.interfaces],
        "listeners": [_plain_listener(x) for x in document.listeners],
        "members": [
            {"address": str(m.address), "protocol": m.protocol, "port": m.port}
            for m in document.members
        ],
        "ping": [str(a) for a in document.ping],
        "peers": [str(a) for a in document.peers],
        "peer_port": document.peer_port,
        "echo": document.echo,
        # Left out as long as nobody asks for it: the digest of older versions.
        **({"log": document.log} if document.log else {}),
    }


def digest(document: Document) -> str:
    """SHA-256 (hex) of the canonical JSON; equal for documents that mean the same."""
    return document.digest


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


def _plain_interface(interface: Interface) -> dict[str, Any]:
    return {
        "mac": interface.mac,
        "filter": interface.filter.value,
        "vips": [str(a) for a in interface.vips],
        "addresses": [str(a) for a in interface.addresses],
        "dhcp": interface.dhcp,
        "slaac": interface.slaac,
    }


def _plain_listener(listener: Listener) -> dict[str, Any]:
    return {
        "id": listener.id,
        "protocol": listener.protocol,
        "port": listener.port,
        "allowed_cidrs": [str(n) for n in listener.allowed_cidrs],
    }
