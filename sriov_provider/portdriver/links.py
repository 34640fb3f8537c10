"""Network interfaces over netlink."""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Iterator
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from sriov_provider.portdriver import entered
from sriov_provider.portdriver.base import Namespace
from sriov_provider.portdriver.kernel import Change, Link, RefusedError

_UP = 1  # IFF_UP
_GLOBAL = 0  # RT_SCOPE_UNIVERSE


class KernelLinks:
    """:class:`~sriov_provider.portdriver.kernel.Links` of this machine."""

    def all(self, namespace: Namespace | None = None, addresses: bool = False) -> tuple[Link, ...]:
        return entered.inside(namespace, lambda: _read(addresses))

    def named(self, name: str, namespace: Namespace | None = None) -> Link | None:
        return entered.inside(namespace, lambda: _one(name))

    def change(self, index: int, change: Change, namespace: Namespace | None = None) -> None:
        with refused(f"interface {index} cannot be given {_words(change)}"):
            entered.inside(namespace, lambda: _change(index, change))

    def move(
        self, index: int, name: str, source: Namespace | None, target: Namespace | None
    ) -> None:
        with (
            entered.opened(target) as handle,
            refused(f"interface {index} cannot be moved to {target or 'the host'} as {name}"),
        ):
            # A small number inside: the stock agent fails on an interface's above 255.
            small = {"new_ifindex": self._free(target)} if target is not None else {}
            entered.inside(source, lambda: _set(index, net_ns_fd=handle, ifname=name, **small))

    def _free(self, namespace: Namespace) -> int:
        taken = {link.index for link in self.all(namespace)}
        return next(number for number in itertools.count(2) if number not in taken)

    def add_pair(self, name: str, peer: str, mac: str | None = None) -> None:
        inner, outer = ({"address": mac}, {"address": _beside(mac)}) if mac else ({}, {})
        with refused(f"the pair {name}, {peer} cannot be made"), IPRoute() as ip:
            ip.link("add", ifname=name, kind="veth", peer={"ifname": peer, **inner}, **outer)

    def add_bridge(self, name: str, alias: str, mac: str | None = None) -> None:
        own = {"address": mac} if mac else {}
        with refused(f"bridge {name} cannot be made"), IPRoute() as ip:
            ip.link("add", ifname=name, kind="bridge", **own)
            index = _index(ip, name)
            ip.link("set", index=index, ifalias=alias)

    def delete(self, name: str) -> None:
        with refused(f"interface {name} cannot be deleted", gone=True), IPRoute() as ip:
            index = _index(ip, name)
            if index is not None:
                ip.link("del", index=index)

    def identity(self, namespace: Namespace | None) -> str | None:
        return entered.identity(namespace)

    def namespaces(self) -> tuple[Namespace, ...]:
        return entered.found()


@contextlib.contextmanager
def refused(what: str, gone: bool = False) -> Iterator[None]:
    """Tell of the kernel's refusals in our words.

    :param gone: whether it is fine when the interface is no longer there
    """
    try:
        yield
    except NetlinkError as error:
        if gone and error.code == errno.ENODEV:
            return
        raise RefusedError(what, error.code, str(error)) from error
    except OSError as error:
        raise RefusedError(what, error.errno or 0, str(error)) from error


def _beside(mac: str) -> str:
    """An address for the other end, which nobody sees on the wire."""
    return "fe" + mac[2:]


def _index(ip: Any, name: str) -> int | None:
    return next(iter(ip.link_lookup(ifname=name)), None)


def _read(with_addresses: bool) -> tuple[Link, ...]:
    with IPRoute() as ip:
        addresses: dict[int, list[str]] = {}
        for one in ip.get_addr() if with_addresses else ():
            if one["scope"] == _GLOBAL:
                addresses.setdefault(one["index"], []).append(one.get_attr("IFA_ADDRESS"))
        return tuple(_link(one, addresses.get(one["index"], [])) for one in ip.get_links())


def _one(name: str) -> Link | None:
    try:
        with IPRoute() as ip:
            return next((_link(one, []) for one in ip.link("get", ifname=name)), None)
    except NetlinkError as error:
        if error.code != errno.ENODEV:
            raise
    return None


def _link(told: Any, addresses: list[str]) -> Link:
    info = told.get_attr("IFLA_LINKINFO")
    return Link(
        index=told["index"],
        name=told.get_attr("IFLA_IFNAME"),
        mac=(told.get_attr("IFLA_ADDRESS") or "").lower(),
        mtu=told.get_attr("IFLA_MTU") or 0,
        up=bool(told["flags"] & _UP),
        parent=told.get_attr("IFLA_PARENT_DEV_NAME"),
        master=told.get_attr("IFLA_MASTER"),
        kind=info.get_attr("IFLA_INFO_KIND") if info else None,
        addresses=tuple(addresses),
    )


def _change(index: int, change: Change) -> None:
    named: tuple[tuple[str, Any], ...] = (
        ("ifname", change.name),
        ("address", change.mac),
        ("mtu", change.mtu),
        ("master", change.master),
        ("ifalias", change.alias),
        ("state", None if change.up is None else "up" if change.up else "down"),
    )
    _set(index, **{key: value for key, value in named if value is not None})


def _set(index: int, **values: Any) -> None:
    with IPRoute() as ip:
        ip.link("set", index=index, **values)


def _words(change: Change) -> str:
    return str(change).removeprefix("Change")
