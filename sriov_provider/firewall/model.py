"""What the document's parts have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider import tree

VERSION = 1
FIRST_PEER_PORT = 1025
_LAST_PORT = 65535
_L4 = {"UDP": "udp", "SCTP": "sctp"}

Document = Mapping[str, Any]
"""A rule document, JSON-ready."""


def deny_all() -> dict[str, Any]:
    """Drops everything but loopback."""
    return {
        "version": VERSION,
        "interfaces": [],
        "listeners": [],
        "members": [],
        "ping": [],
        "peers": [],
        "peer_port": None,
        "echo": False,
    }


def listeners(load_balancer: tree.LoadBalancer) -> Iterator[tree.Listener]:
    """The listeners that are open: enabled, on an enabled load balancer."""
    if load_balancer.enabled:
        yield from (listener for listener in load_balancer.listeners if listener.enabled)


def l4(protocol: str) -> str:
    """The transport under an Octavia protocol: ``tcp``, ``udp`` or ``sctp``."""
    return _L4.get(protocol, "tcp")


def peer_port(load_balancer: tree.LoadBalancer) -> int:
    """The first port from 1025 on that no TCP listener uses."""
    used = {i.port for i in load_balancer.listeners if l4(i.protocol) == "tcp"}
    return next(p for p in range(FIRST_PEER_PORT, _LAST_PORT + 1) if p not in used)
