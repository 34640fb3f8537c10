"""Interfaces by MAC address, and all of them down. The worker knows MACs; only the amphora knows
its names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyroute2

from amphora_agent_ext import namespace
from amphora_agent_ext.errors import FirewallError

# The stock agent's list ("MAC name" lines) of what it moves into the namespace after a reboot.
PLUGGED = Path("/var/lib/octavia/plugged_interfaces")


def live(name: str) -> dict[str, str]:
    """MAC address -> name of every interface in namespace ``name`` but loopback."""
    return namespace.inside(name, _read)


def down(name: str) -> tuple[str, ...]:
    """Every interface in namespace ``name`` but loopback goes down: nothing is sent or answered.

    :returns: their names
    :raises FirewallError: there is no such namespace, or the kernel refused
    """
    return namespace.inside(name, _down)


def planned(path: Path = PLUGGED) -> dict[str, str]:
    """MAC address -> name of the interfaces the stock agent will bring back after a reboot."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0].lower(): pair[1] for pair in pairs if len(pair) == 2}


def merge(now: Mapping[str, str], later: Mapping[str, str]) -> dict[str, str]:
    """Names to render with: those in use, and planned ones nobody uses.

    The stock list is never cleaned, so one name may stand there for several MACs: the last wins.
    """
    taken = set(now.values())
    owners = {name: mac for mac, name in later.items()}
    waiting = {mac: name for name, mac in owners.items() if mac not in now and name not in taken}
    return {**waiting, **now}


def _read() -> dict[str, str]:
    with pyroute2.IPRoute() as route:
        links = [
            (link.get_attr("IFLA_ADDRESS"), link.get_attr("IFLA_IFNAME"))
            for link in route.get_links()
        ]
    return {mac.lower(): name for mac, name in links if mac and name != "lo"}


def _down() -> tuple[str, ...]:
    names = []
    with pyroute2.IPRoute() as route:
        for link in tuple(route.get_links()):
            name = link.get_attr("IFLA_IFNAME")
            if name == "lo":
                continue
            try:
                route.link("set", index=link["index"], state="down")
            except pyroute2.NetlinkError as error:
                raise FirewallError(f"Interface {name} does not go down", str(error)) from error
            names.append(name)
    return tuple(names)
