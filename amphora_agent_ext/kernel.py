"""The kernel's side of the table: written through libnftables, in process; read over netlink."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import nftables

from amphora_agent_ext import content, namespace, netlink
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.render import TABLE
from amphora_agent_ext.totals import Tally

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# Without it the kernel logs packets of its first network namespace only.
_LOG_ALL = Path("/proc/sys/net/netfilter/nf_log_all_netns")


def replace(name: str, transaction: str) -> None:
    """Send one transaction to namespace ``name``: all of it takes effect, or nothing.

    :raises FirewallError: with what nft said
    """
    namespace.inside(name, lambda: _run(transaction))


def sweep(name: str, transaction: str) -> None:
    """Take away what no rule uses any more; as :func:`replace`."""
    if transaction:
        namespace.inside(name, lambda: _run(transaction))


def generation(name: str) -> int:
    """Another number after every change of any table of the namespace."""
    return _read(name, netlink.generation)


def fingerprint(name: str) -> tuple[int, str]:
    """The generation, and a digest of what the table holds; empty when there is no table."""
    return _read(name, content.fingerprint)


def tally(name: str) -> Tally:
    """What the table in force has counted."""
    return _read(name, content.tally)


def listing(name: str) -> str:
    """The table in force as nft prints it."""
    return namespace.inside(name, lambda: _run(f"list table inet {TABLE}"))


def log_everywhere() -> None:
    """Let the kernel log what is dropped in the amphora's namespace."""
    try:
        if _LOG_ALL.read_text().strip() == "0":
            _LOG_ALL.write_text("1")
    except OSError as error:
        LOG.warning("The kernel may log no dropped packet of the amphora: %s", error)


def _read(name: str, work: Callable[[socket.socket], T]) -> T:
    def connected() -> T:
        with netlink.connected() as opened:
            return work(opened)

    return namespace.inside(name, connected)


def _run(command: str) -> str:
    # The netlink socket belongs to the namespace in which this object is made.
    try:
        nft = nftables.Nftables()
    except OSError as problem:
        raise FirewallError("libnftables cannot be loaded", str(problem)) from problem
    code, output, error = nft.cmd(command)
    if code != 0:
        raise FirewallError("nft refused", str(error).strip()[:1000])
    return str(output)
