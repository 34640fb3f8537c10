"""Sets of addresses as lists of CIDRs, where the empty list means any address. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY4 = ipaddress.IPv4Network("0.0.0.0/0")
ANY6 = ipaddress.IPv6Network("::/0")


def normalise(cidrs: Iterable[str]) -> tuple[str, ...]:
    """Without overlaps, duplicates and host bits; IPv4 first, sorted. Any stays empty."""
    return _texts(_collapse(ipaddress.ip_network(c, strict=False) for c in cidrs))


def union(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """What one of the two contains."""
    if not first or not second:
        return ()
    return normalise([*first, *second])


def intersection(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...] | None:
    """What both contain; None when that is nothing, because the empty list means any."""
    common = [
        network
        for version in (4, 6)
        for network in _overlap(_networks(first, version), _networks(second, version))
    ]
    return _texts(common) if common else None


def _networks(cidrs: Sequence[str], version: int) -> list[Network]:
    every = [ipaddress.ip_network(c, strict=False) for c in cidrs] or [ANY4, ANY6]
    return _collapse(n for n in every if n.version == version)


def _collapse(networks: Iterable[Network]) -> list[Network]:
    every = list(networks)
    four = [n for n in every if isinstance(n, ipaddress.IPv4Network)]
    six = [n for n in every if isinstance(n, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)]


def _overlap(first: list[Network], second: list[Network]) -> list[Network]:
    """Common part of two sorted lists without overlaps, of one family, in linear time."""
    found: list[Network] = []
    i = j = 0
    while i < len(first) and j < len(second):
        a, b = first[i], second[j]
        if a.overlaps(b):
            found.append(a if a.prefixlen >= b.prefixlen else b)
        # Networks nest or are disjoint, so the one that ends first is done with.
        if a.broadcast_address <= b.broadcast_address:  # type: ignore[operator]
            i += 1
        else:
            j += 1
    return found


def _texts(networks: list[Network]) -> tuple[str, ...]:
    if ANY4 in networks and ANY6 in networks:
        return ()
    return tuple(str(n) for n in networks)
