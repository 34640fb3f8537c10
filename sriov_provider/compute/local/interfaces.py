"""Interfaces of amphorae: those the agent does not set up, and those it has taken further in."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, NetlinkError

from sriov_provider.compute.local.records import Nic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import entered, namespaces
from sriov_provider.portdriver.base import Namespace
from sriov_provider.portdriver.kernel import NamespaceGoneError
from sriov_provider.portdriver.links import KernelLinks

USER = "No amphora could be started for the load balancer."
_NODAD = 0x02
_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


def make_namespace(name: str) -> Path:
    """A fresh network namespace, with its loopback up.

    :returns: its file
    """
    remove_namespace(name)
    _ip_netns("add", name)
    entered.inside(name, _loopback)
    return entered.path(name)


def remove_namespace(name: str) -> None:
    if entered.path(name).exists():
        _ip_netns("delete", name)


def _ip_netns(verb: str, name: str) -> None:
    """The command, not the library, which would fork a process of many threads."""
    words = ("ip", "netns", verb, name)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        text = f"{' '.join(words)}: {done.stderr.strip()}"
        raise ProviderError(Code.BOOT_FAILED, USER, text, retriable=True)


def _loopback() -> None:
    with IPRoute() as ip:
        ip.link("set", index=1, state="up")


def configure(nic: Nic, namespace: Namespace, name: str) -> None:
    """What DHCP would do on a network an amphora is booted on: addresses, routes, up.

    :raises ProviderError: the kernel refuses
    """
    try:
        entered.inside(namespace, lambda: _configure(nic, name))
    except (NetlinkError, NamespaceGoneError) as error:
        text = f"Interface {name} of port {nic.port_id} cannot be set up: {error!r}"
        raise ProviderError(Code.BOOT_FAILED, USER, text, retriable=True) from error


def _configure(nic: Nic, name: str) -> None:
    with IPRoute() as ip:
        index = next(iter(ip.link_lookup(ifname=name)), None)
        if index is None:
            text = f"Interface {name} of port {nic.port_id} is not there any more"
            raise ProviderError(Code.BOOT_FAILED, USER, text, retriable=True)
        ip.link("set", index=index, state="up")
        for address in nic.addresses:
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            # An IPv6 address could not be used for a second otherwise.
            more = {"flags": _NODAD} if address.version == 6 else {}
            ip.addr(
                "replace",
                index=index,
                family=family,
                address=str(address.ip),
                prefixlen=address.network.prefixlen,
                **more,
            )
        for route in routes(nic.subnets):
            _route(ip, index, route)


def _route(ip: Any, index: int, route: Mapping[str, str]) -> None:
    """One that is there already came with the address."""
    try:
        ip.route("replace", oif=index, dst=route["destination"], gateway=route["nexthop"])
    except NetlinkError as error:
        if error.code != errno.EEXIST:
            raise


def routes(subnets: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, str], ...]:
    """The routes a host on these subnets gets. Pure."""
    found = []
    for subnet in subnets:
        version = ipaddress.ip_network(subnet["cidr"]).version
        if subnet.get("gateway_ip"):
            found.append({"destination": _DEFAULT[version], "nexthop": subnet["gateway_ip"]})
        found += subnet.get("host_routes") or ()
    return tuple(found)


def bring_back(pid: int, mac: str, namespace: Namespace) -> None:
    """Take an interface out of a namespace inside the amphora.

    :param pid: of the amphora's first process, whose files tell the namespaces inside
    :param namespace: the amphora's own
    """
    links = KernelLinks()
    for inner in _names(Path(f"/proc/{pid}/root/run/netns")):
        with contextlib.suppress(NamespaceGoneError):
            found = namespaces.by_mac(links, mac, inner)
            if found is not None:
                links.move(found.index, namespaces.outside_name(mac), inner, namespace)


def _names(directory: Path) -> list[str]:
    """The amphora has ended, or has put something else in its place."""
    try:
        return [str(path) for path in directory.iterdir()]
    except OSError:
        return []
