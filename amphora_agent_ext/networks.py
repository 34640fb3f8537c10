"""Networks as numbers. Pure.

A document may name a hundred thousand of them; ``ipaddress`` takes ten times as long.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from typing import NamedTuple

WIDTHS = {4: 32, 6: 128}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Network(NamedTuple):
    """:ivar value: the first address
    :ivar bits: length of the prefix
    """

    version: int
    value: int
    bits: int

    def __str__(self) -> str:
        return f"{address(self.version, self.value)}/{self.bits}"


def parse(text: str) -> Network:
    """The network a CIDR means: host bits (10.0.0.1/8) are dropped.

    :raises ValueError: it is none
    """
    version = 6 if ":" in text else 4
    host, slash, prefix = text.partition("/")
    try:
        packed = socket.inet_pton(_FAMILIES[version], host)
        bits = _bits(prefix, WIDTHS[version]) if slash else WIDTHS[version]
    except (OSError, ValueError):
        return _unusual(text)
    unused = WIDTHS[version] - bits
    return Network(version, int.from_bytes(packed, "big") >> unused << unused, bits)


def address(version: int, value: int) -> str:
    """An address in its usual form."""
    return socket.inet_ntop(_FAMILIES[version], value.to_bytes(WIDTHS[version] // 8, "big"))


def collapse(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Networks without overlap, duplicates or neighbours that could be one; IPv4 first, sorted."""
    numbers: dict[int, set[int]] = {4: set(), 6: set()}
    for version, value, bits in networks:
        numbers[version].add(value << 8 | bits)
    return tuple(n for version in WIDTHS for n in _collapse(version, sorted(numbers[version])))


def _collapse(version: int, numbers: Iterable[int]) -> Iterator[Network]:
    """:param numbers: ascending, first address and prefix length in one number"""
    width = WIDTHS[version]
    kept: list[tuple[int, int]] = []
    last = -1
    for number in numbers:
        value, bits = number >> 8, number & 255
        if value <= last:
            continue  # in the one before: they start in order, the larger one first
        last = value | (1 << (width - bits)) - 1
        while kept and bits and kept[-1][1] == bits and kept[-1][0] ^ value == 1 << (width - bits):
            value, _ = kept.pop()
            bits -= 1
        kept.append((value, bits))
    return (Network(version, value, bits) for value, bits in kept)


def _bits(text: str, width: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > width:
        raise ValueError(text)
    return int(text)


def _unusual(text: str) -> Network:
    """What only the library understands (netmasks), or its words about what is wrong."""
    if "%" in text:
        raise ValueError(f"{text!r} has a scope")
    network = ipaddress.ip_network(text, strict=False)
    return Network(network.version, int(network.network_address), network.prefixlen)
