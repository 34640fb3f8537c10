"""Wires: one bridge per Neutron network, one veth pair per plugged port.

A port of vnic_type direct gets the same veth as any other: the PCI claim is Nova's own, the wire
stands in for the VF.
"""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.demo.settings import LIVE


def run(*command: str, check: bool = True) -> str:
    """Runs a command and returns its output; RuntimeError when it fails and *check* is set."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


@contextmanager
def lock() -> Iterator[None]:
    """Only one process at a time changes the wiring."""
    with (LIVE / "links.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def bridge_name(network_id: str) -> str:
    """The bridge of a Neutron network."""
    return "br" + network_id[:11]


def bridge_address(network_id: str) -> str:
    """The MAC address of that bridge. Of its own: a bridge without one takes the lowest of its
    ports', and each time that port goes nobody reaches the host's address on it for a minute."""
    digits = network_id.replace("-", "")[:10]
    return ":".join(("0e", *(digits[i : i + 2] for i in range(0, 10, 2))))


def host_end(port_id: str) -> str:
    """The end of a port's wire on the side of the hypervisor."""
    return "v" + port_id[:11]


def bridge(network_id: str) -> str:
    """Makes a network's bridge unless it is there; call it with the lock held."""
    name = bridge_name(network_id)
    options = ("type", "bridge", "stp_state", "0", "forward_delay", "0")
    run("ip", "link", "add", name, "address", bridge_address(network_id), *options, check=False)
    run("ip", "link", "set", name, "up")
    return name


def plug(namespace: str, name: str, host: str, network_id: str, mac: str | None = None) -> None:
    """A veth pair: *name* in the namespace, *host* on the bridge of the network."""
    with lock():
        switch = bridge(network_id)
        address = ("address", mac) if mac else ()
        # made inside the namespace, so that its ifindex is small: the stock amphora-interface
        # fails when an ifindex is above 255
        peer = ("peer", "name", name, *address, "netns", namespace)
        run("ip", "link", "add", host, "type", "veth", *peer)
        run("ip", "link", "set", host, "master", switch, "up")


def unplug(host: str) -> None:
    """Removes a wire; it may be gone already."""
    run("ip", "link", "del", host, check=False)
