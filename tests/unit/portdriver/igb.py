"""A card and the interfaces of its host, in a file: they outlive whoever works with them.

It does what igb and igbvf do, the unpleasant things above all:

* a VF whose driver runs does not hear of an administrative MAC address;
* while one is set the VF may not call itself anything else;
* what a VF calls itself becomes its administrative address where none is set, whenever its driver
  resets it: at the driver's start, when it goes up or down, when it gets another MTU;
* the link state of a VF cannot be set, limits only while there is a link;
* the number of VFs cannot be changed, only made of none;
* a VF in a namespace is invisible in sysfs, and comes back a moment after the namespace's end,
  under the name it had inside or, if that is taken, under another.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sriov_provider.portdriver.base import Namespace
from sriov_provider.portdriver.card import ZERO, Pf, Vf, VfChange, VfState
from sriov_provider.portdriver.kernel import Change, Link, NamespaceGoneError, RefusedError

HOST = ""
INIT = 1  # a process that is in the host's own namespace
_LATE = 3  # looks at the host before a VF is back


def _refuse(number: int) -> RefusedError:
    return RefusedError("refused", number, os.strerror(number))


class Igb:
    """:param path: of the file, made when it is not there"""

    def __init__(self, path: Path, pfs: dict[str, int] | None = None, total: int = 7) -> None:
        self._path = path
        if not path.exists():
            path.write_text(
                json.dumps({"next": 2, "pfs": {}, "links": {}, "namespaces": {}, "tables": {}})
            )
            for number, (name, vfs) in enumerate((pfs or {}).items()):
                self._add_pf(name, number, vfs, total)

    @contextlib.contextmanager
    def world(self) -> Iterator[dict[str, Any]]:
        """All there is; what is changed in it stays."""
        world = json.loads(self._path.read_text())
        yield world
        fresh = self._path.with_suffix(".fresh")
        fresh.write_text(json.dumps(world))
        fresh.replace(self._path)

    # the card

    def pf(self, name: str) -> Pf | None:
        with self.world() as world:
            card = world["pfs"].get(name)
            if card is None:
                return None
            _come_back(world)
            vfs = [self._shown(world, n, vf) for n, vf in enumerate(card["vfs"])]
            return Pf(name, card["total"], tuple(vfs))

    def locate(self, address: str) -> tuple[Pf, Vf] | None:
        with self.world() as world:
            names = list(world["pfs"])
        found = [pf for name in names if (pf := self.pf(name))]
        return next(((pf, vf) for pf in found for vf in pf.vfs if vf.address == address), None)

    def netdev(self, address: str) -> str | None:
        located = self.locate(address)
        return located[1].netdev if located else None

    def create(self, pf: str, number: int) -> None:
        with self.world() as world:
            card = world["pfs"][pf]
            if card["vfs"]:
                raise _refuse(errno.EBUSY)
            for index in range(number):
                self._add_vf(world, card, index)

    def state(self, pf: str, index: int) -> VfState:
        with self.world() as world:
            vf = world["pfs"][pf]["vfs"][index]
            return VfState(
                vf["admin"],
                (*vf["vlan"],),
                vf["spoofchk"],
                vf["trust"],
                (*vf["rates"],),
                link_state=0,
            )

    def change(self, pf: str, index: int, change: VfChange) -> None:
        with self.world() as world:
            card = world["pfs"][pf]
            vf = card["vfs"][index]
            if change.link_state is not None:
                raise _refuse(errno.EOPNOTSUPP)
            if change.rates is not None and (change.rates[0] or not card["link"]):
                raise _refuse(errno.EINVAL)
            if change.vlan is not None and change.vlan[2] != 0x8100:
                raise _refuse(errno.EPROTONOSUPPORT)
            for key in ("vlan", "spoofchk", "trust", "rates"):
                if getattr(change, key) is not None:
                    vf[key] = getattr(change, key)
            if change.mac is not None:
                vf["admin"], vf["pf_set"] = change.mac, change.mac != ZERO

    def rebind(self, address: str) -> None:
        with self.world() as world:
            vf = self._vf(world, address)
            # What the PF has only heard of the VF does not outlive its driver.
            vf["perm"] = vf["admin"] = vf["admin"] if vf["pf_set"] else _random(world)
            for index in [i for i, x in world["links"].items() if x["parent"] == address]:
                del world["links"][index]
            self._add_link(world, f"eth{world['next']}", vf["perm"], parent=address)

    # for tests

    def add_namespace(self, name: str) -> None:
        with self.world() as world:
            world["namespaces"][name] = world["next"]
            world["next"] += 1

    def drop_namespace(self, name: str) -> None:
        with self.world() as world:
            del world["namespaces"][name]
            for index, link in list(world["links"].items()):
                if link["ns"] != name:
                    continue
                if link["parent"] is None:
                    _unlink(world, index)
                else:
                    link.update(ns=None, late=_LATE, up=False)

    @property
    def links(self) -> IgbLinks:
        return IgbLinks(self)

    def _add_pf(self, name: str, number: int, vfs: int, total: int) -> None:
        with self.world() as world:
            card = {"total": total, "link": True, "vfs": [], "bus": number + 1}
            world["pfs"][name] = card
            self._add_link(world, name, f"02:00:00:00:00:{number:02x}", up=True)
            for index in range(vfs):
                self._add_vf(world, card, index)

    def _add_vf(self, world: dict[str, Any], card: dict[str, Any], index: int) -> None:
        address = f"0000:{card['bus']:02x}:10.{index}"
        own = _random(world)
        off = {"vlan": (0, 0, 0x8100), "spoofchk": True, "trust": False, "rates": (0, 0)}
        card["vfs"].append({"address": address, "admin": own, "pf_set": False, "perm": own, **off})
        self._add_link(world, f"eth{world['next']}", own, parent=address)

    def _add_link(
        self,
        world: dict[str, Any],
        name: str,
        mac: str,
        parent: str | None = None,
        up: bool = False,
        peer: int | None = None,
        kind: str | None = None,
    ) -> int:
        index = int(world["next"])
        world["next"] += 1
        world["links"][str(index)] = {
            **{"name": name, "mac": mac, "mtu": 1500, "up": up, "ns": HOST, "parent": parent},
            **{"master": None, "late": 0, "peer": peer, "kind": kind, "addresses": []},
        }
        return index

    def _shown(self, world: dict[str, Any], index: int, vf: dict[str, Any]) -> Vf:
        mine = [x for x in world["links"].values() if x["parent"] == vf["address"]]
        names = [x["name"] for x in mine if x["ns"] == HOST]
        return Vf(index, vf["address"], names[0] if names else None, vf.get("driver", "igbvf"))

    def _vf(self, world: dict[str, Any], address: str) -> dict[str, Any]:
        cards = world["pfs"].values()
        return next(vf for card in cards for vf in card["vfs"] if vf["address"] == address)


class IgbLinks:
    """The interfaces of the host and its namespaces."""

    def __init__(self, igb: Igb) -> None:
        self._igb = igb

    def named(self, name: str, namespace: Namespace | None = None) -> Link | None:
        return next((link for link in self.all(namespace) if link.name == name), None)

    def all(self, namespace: Namespace | None = None, addresses: bool = False) -> tuple[Link, ...]:
        with self._igb.world() as world:
            where = _where(world, namespace)
            if where == HOST:
                _come_back(world)
            mine = {i: x for i, x in world["links"].items() if x["ns"] == where}
        return tuple(
            Link(
                index=int(index),
                addresses=tuple(x["addresses"]),
                **{k: x[k] for k in ("name", "mac", "mtu", "up", "parent", "master", "kind")},
            )
            for index, x in mine.items()
        )

    def change(self, index: int, change: Change, namespace: Namespace | None = None) -> None:
        with self._igb.world() as world:
            link = _there(world, index, _where(world, namespace))
            if change.name is not None:
                if link["up"]:
                    raise _refuse(errno.EBUSY)
                _free_name(world, link["ns"], change.name)
                link["name"] = change.name
            if change.mac is not None:
                self._name_itself(world, link, change.mac)
            if change.mtu is not None:
                link["mtu"] = change.mtu
                self._tell(world, link)
            if change.master is not None:
                link["master"] = change.master
            if change.up is not None:
                self._switch(world, link, change.up)

    def move(
        self, index: int, name: str, source: Namespace | None, target: Namespace | None
    ) -> None:
        with self._igb.world() as world:
            there = _where(world, target)
            link = _there(world, index, _where(world, source))
            moved = {"ns": there, "up": False, "master": None, "addresses": []}
            try:
                _free_name(world, there, name)
                link.update(moved, name=name)
                return
            except RefusedError:
                _free_name(world, there, link["name"])
                link.update(moved)
        raise _refuse(errno.EEXIST)

    def add_pair(self, name: str, peer: str, mac: str | None = None) -> None:
        with self._igb.world() as world:
            for one in (name, peer):
                _free_name(world, HOST, one)
            first = self._igb._add_link(world, name, _random(world), kind="veth")
            own = mac or _random(world)
            second = self._igb._add_link(world, peer, own, peer=first, kind="veth")
            world["links"][str(first)]["peer"] = second

    def add_bridge(self, name: str, alias: str, mac: str | None = None) -> None:
        with self._igb.world() as world:
            _free_name(world, HOST, name)
            self._igb._add_link(world, name, mac or _random(world), kind="bridge")

    def delete(self, name: str) -> None:
        with self._igb.world() as world:
            mine = [i for i, x in world["links"].items() if (x["ns"], x["name"]) == (HOST, name)]
            for index in mine:
                _unlink(world, index)

    def identity(self, namespace: Namespace | None) -> str | None:
        if namespace in (None, INIT):
            return "the host's"
        with self._igb.world() as world:
            found = world["namespaces"].get(str(namespace))
        return None if found is None else str(found)

    def namespaces(self) -> tuple[Namespace, ...]:
        with self._igb.world() as world:
            return tuple(world["namespaces"])

    def _name_itself(self, world: dict[str, Any], link: dict[str, Any], mac: str) -> None:
        if link["parent"] is not None:
            vf = self._igb._vf(world, link["parent"])
            if vf["pf_set"] and not vf["trust"]:
                if mac != vf["perm"]:
                    raise _refuse(errno.EADDRNOTAVAIL)
            else:
                vf["admin"] = mac
        link["mac"] = mac

    def _switch(self, world: dict[str, Any], link: dict[str, Any], up: bool) -> None:
        if up != link["up"]:
            self._tell(world, link)
        link["up"] = up

    def _tell(self, world: dict[str, Any], link: dict[str, Any]) -> None:
        """The VF's driver has reset it: it asks for an address, and tells the one it has."""
        if link["parent"] is not None:
            vf = self._igb._vf(world, link["parent"])
            if vf["admin"] != ZERO:
                vf["perm"] = vf["admin"]
            if not vf["pf_set"]:
                vf["admin"] = link["mac"]


def _where(world: dict[str, Any], namespace: Namespace | None) -> str:
    if namespace in (None, INIT):
        return HOST
    if str(namespace) not in world["namespaces"]:
        raise NamespaceGoneError(str(namespace))
    return str(namespace)


def _there(world: dict[str, Any], index: int, where: str) -> dict[str, Any]:
    link: dict[str, Any] | None = world["links"].get(str(index))
    if link is None or link["ns"] != where:
        raise _refuse(errno.ENODEV)
    return link


def _free_name(world: dict[str, Any], where: str, name: str) -> None:
    if any((x["ns"], x["name"]) == (where, name) for x in world["links"].values()):
        raise _refuse(errno.EEXIST)


def _unlink(world: dict[str, Any], index: str) -> None:
    link = world["links"].pop(index)
    world["links"].pop(str(link["peer"]), None)


def _come_back(world: dict[str, Any]) -> None:
    names = {x["name"] for x in world["links"].values() if x["ns"] == HOST}
    for number, link in enumerate(world["links"].values()):
        if link["ns"] is not None:
            continue
        link["late"] -= 1
        if link["late"] <= 0:
            name = link["name"] if link["name"] not in names else f"dev{number}"
            link.update(ns=HOST, name=name)


def _random(world: dict[str, Any]) -> str:
    world["macs"] = world.get("macs", 0) + 1
    return f"0a:00:00:00:00:{world['macs']:02x}"


class IgbFence:
    """What nftables was told."""

    def __init__(self, igb: Igb) -> None:
        self._igb = igb

    def guard(self, device: str, mac: str) -> None:
        with self._igb.world() as world:
            world["tables"][device] = mac

    def shut(self, bridge: str) -> None:
        with self._igb.world() as world:
            world["tables"][bridge] = "shut"

    def open(self, device: str) -> None:
        with self._igb.world() as world:
            world["tables"].pop(device, None)
