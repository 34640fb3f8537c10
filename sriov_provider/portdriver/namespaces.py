"""Network namespaces: work inside of one, and interfaces moved in and out."""

from __future__ import annotations

import contextlib
import errno

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Namespace
from sriov_provider.portdriver.kernel import (
    USER,
    Change,
    Link,
    Links,
    NamespaceGoneError,
    RefusedError,
)
from sriov_provider.portdriver.links import KernelLinks


def move_in(
    device: str,
    namespace: Namespace,
    name: str,
    mac: str,
    mtu: int | None,
    links: Links | None = None,
) -> None:
    """Put an interface of the host into a namespace, and leave it down there.

    Whoever lives there filters first and brings it up then. Nothing happens where it is done.

    :param device: its name on the host
    :param name: its name inside
    :param mtu: None leaves it
    :raises ProviderError: when there is no such interface or namespace, or the kernel refuses
    """
    links = links or KernelLinks()
    inside = by_mac(links, mac, namespace)
    if inside is not None:
        _settle(links, inside, Change(name=name, mtu=mtu), namespace)
        return
    if by_name(links, name, namespace) is not None:
        # The kernel would move it, and only then find out.
        what = f"{device} cannot be moved to {namespace} as {name}"
        raise RefusedError(what, errno.EEXIST, "there is another")
    found = by_name(links, device)
    if found is None:
        text = f"interface {device} is neither on the host nor in namespace {namespace}"
        raise ProviderError(Code.NOT_FOUND, USER, text)
    if found.up:
        links.change(found.index, Change(up=False))
    _settle(links, found, Change(mac=mac.lower(), mtu=mtu))
    links.move(found.index, name, None, namespace)


def move_out(namespace: Namespace, mac: str, links: Links | None = None) -> None:
    """Bring an interface back to the host, under a name that nothing else has.

    Nothing happens when the namespace is gone or has no interface of this MAC address: a VF comes
    back by itself from a namespace that ends, and a stand-in ends with it.

    :raises ProviderError: when the kernel refuses
    """
    links = links or KernelLinks()
    with contextlib.suppress(NamespaceGoneError):
        found = by_mac(links, mac, namespace)
        if found is not None:
            links.move(found.index, outside_name(mac), namespace, None)


def outside_name(mac: str) -> str:
    """The name of an interface that has just come back to the host."""
    return "sv" + mac.replace(":", "").lower()


def by_mac(links: Links, mac: str, namespace: Namespace | None = None) -> Link | None:
    return next((x for x in links.all(namespace) if x.mac == mac.lower()), None)


def by_name(links: Links, name: str, namespace: Namespace | None = None) -> Link | None:
    return links.named(name, namespace)


def _settle(links: Links, link: Link, wish: Change, namespace: Namespace | None = None) -> None:
    """Set only what differs: some cards refuse a change to what already is."""
    change = Change(
        name=wish.name if wish.name != link.name else None,
        mac=wish.mac if wish.mac and wish.mac.lower() != link.mac else None,
        mtu=wish.mtu if wish.mtu != link.mtu else None,
    )
    if change == Change():
        return
    if change.name and link.up:
        links.change(link.index, Change(up=False), namespace)
    links.change(link.index, change, namespace)
