"""Whether somebody on this host listens for heartbeats, as the kernel tells. Nothing is sent."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sriov_provider.cmd.checks.model import Check, Result, fail, ok
from sriov_provider.config import Settings

_TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))
_ANY = frozenset(ipaddress.ip_address(text) for text in ("0.0.0.0", "::"))
_START = (
    "start the worker or 'sriov-provider health' on this host, or correct [sriov_provider] "
    "heartbeat_bind"
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def checks(settings: Settings) -> Iterator[Check]:
    """None where nobody is told to listen: that is told with the heartbeats themselves."""
    bind = settings.health.bind
    if bind:
        yield Check("heartbeat port", lambda: listening(bind), _START)


def listening(addresses: Sequence[str]) -> Result:
    """:param addresses: as in ``heartbeat_bind``"""
    wanted = [_parse(address) for address in addresses]
    foreign = [a for a, (ip, _) in zip(addresses, wanted, strict=True) if not _ours(ip)]
    if foreign:
        return fail(f"no address of this host: {', '.join(foreign)}", _START)
    open_ports = {entry for table in _TABLES if table.exists() for entry in sockets(table)}
    deaf = [
        address
        for address, (ip, port) in zip(addresses, wanted, strict=True)
        if open_ports.isdisjoint({(ip, port), *((any_, port) for any_ in _ANY)})
    ]
    if deaf:
        return fail(f"nobody listens on {', '.join(deaf)}", _START)
    return ok(f"somebody listens on {', '.join(addresses)}")


def sockets(table: Path) -> Iterator[tuple[Address, int]]:
    """Address and port of each UDP socket in the kernel's table."""
    for line in table.read_text().splitlines()[1:]:
        ip, _, port = line.split()[1].partition(":")
        words = [ip[n : n + 8] for n in range(0, len(ip), 8)]
        packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
        yield ipaddress.ip_address(packed), int(port, 16)


def _parse(address: str) -> tuple[Address, int]:
    host, _, port = address.rpartition(":")
    try:
        return ipaddress.ip_address(host.strip("[]")), int(port)
    except ValueError as error:
        raise OSError(f"[sriov_provider] heartbeat_bind: {address}: {error}") from error


def _ours(ip: Address) -> bool:
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try:
            one.bind((str(ip), 0))
        except OSError:
            return False
    return True
