"""SR-IOV cards as this machine's sysfs and netlink show them."""

from __future__ import annotations

import errno
import re
import time
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from sriov_provider.portdriver.card import Pf, Vf, VfChange, VfState
from sriov_provider.portdriver.kernel import RefusedError
from sriov_provider.portdriver.links import refused

_VF_INFO = 1  # RTEXT_FILTER_VF
_VIRTFN = re.compile(r"virtfn(\d+)\Z")
_8021Q = 0x8100
# A PF that is busy (a reset, a change of its own) says so for a moment.
_BUSY = (errno.EBUSY, errno.EAGAIN)
_TRIES = 10
_PAUSE = 0.2  # seconds


class KernelCard:
    """:class:`~sriov_provider.portdriver.card.Card` of this machine.

    :param sysfs: where it is mounted
    """

    def __init__(self, sysfs: Path = Path("/sys")) -> None:
        self._net = sysfs / "class/net"
        self._pci = sysfs / "bus/pci/devices"

    def pf(self, name: str) -> Pf | None:
        device = self._net / name / "device"
        total = _number(device / "sriov_totalvfs")
        if not total:
            return None
        found = ((_VIRTFN.match(entry.name), entry) for entry in device.iterdir())
        vfs = [self._vf(int(match[1]), entry) for match, entry in found if match]
        return Pf(name, total, tuple(sorted(vfs, key=lambda vf: vf.index)))

    def locate(self, address: str) -> tuple[Pf, Vf] | None:
        for name in _names(self._pci / address / "physfn/net"):
            pf = self.pf(name)
            found = next((vf for vf in pf.vfs if vf.address == address), None) if pf else None
            if pf and found:
                return pf, found
        return None

    def netdev(self, address: str) -> str | None:
        return next(iter(_names(self._pci / address / "net")), None)

    def create(self, pf: str, number: int) -> None:
        with refused(f"{number} VFs cannot be made on {pf}"):
            (self._net / pf / "device/sriov_numvfs").write_text(str(number))

    def state(self, pf: str, index: int) -> VfState:
        with refused(f"the VFs of {pf} cannot be read"), IPRoute() as ip:
            (link,) = ip.link("get", ifname=pf, ext_mask=_VF_INFO)
        listed = link.get_attr("IFLA_VFINFO_LIST")
        for one in listed.get_attrs("IFLA_VF_INFO") if listed else ():
            if one.get_attr("IFLA_VF_MAC")["vf"] == index:
                return _state(one)
        raise RefusedError(f"VF {index} of {pf} cannot be read", errno.ENODEV, "not listed")

    def change(self, pf: str, index: int, change: VfChange) -> None:
        with refused(f"VF {index} of {pf} cannot be given {change}"):
            for tries in range(_TRIES):
                try:
                    _set(pf, _spec(index, change))
                    return
                except NetlinkError as error:
                    if error.code not in _BUSY or tries == _TRIES - 1:
                        raise
                time.sleep(_PAUSE)

    def rebind(self, address: str) -> None:
        driver = self._pci / address / "driver"
        where = driver.resolve()
        with refused(f"VF {address} cannot be given to its driver again"):
            if driver.exists():
                (driver / "unbind").write_text(address)
                (where / "bind").write_text(address)
            else:
                (self._pci.parent / "drivers_probe").write_text(address)

    def _vf(self, index: int, entry: Path) -> Vf:
        driver = entry / "driver"
        netdev = next(iter(_names(entry / "net")), None)
        upper = [n for n in _names(entry / f"net/{netdev}") if n.startswith("upper_")]
        return Vf(
            index=index,
            address=entry.resolve().name,
            netdev=netdev,
            driver=driver.resolve().name if driver.exists() else None,
            upper=upper[0].removeprefix("upper_") if upper else None,
        )


def _names(directory: Path) -> list[str]:
    """What is in it; nothing when it goes away meanwhile."""
    try:
        return sorted(entry.name for entry in directory.iterdir())
    except OSError:
        return []


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _set(pf: str, spec: dict[str, Any]) -> None:
    with IPRoute() as ip:
        (index,) = ip.link_lookup(ifname=pf) or [0]
        ip.link("set", index=index, vf=spec)


def _spec(index: int, change: VfChange) -> dict[str, Any]:
    """As pyroute2 wants it."""
    spec: dict[str, Any] = {"vf": index}
    if change.mac is not None:
        spec["mac"] = change.mac
    if change.vlan is not None:
        vlan, qos, proto = change.vlan
        tag = {"vlan": vlan, "qos": qos}
        spec["vlan"] = tag if proto == _8021Q else [{**tag, "proto": proto}]
    if change.spoofchk is not None:
        spec["spoofchk"] = int(change.spoofchk)
    if change.trust is not None:
        spec["trust"] = int(change.trust)
    if change.rates is not None:
        spec["rate"] = {"min_tx_rate": change.rates[0], "max_tx_rate": change.rates[1]}
    if change.link_state is not None:
        spec["link_state"] = change.link_state
    return spec


def _state(told: Any) -> VfState:
    rate = told.get_attr("IFLA_VF_RATE") or {}
    link = told.get_attr("IFLA_VF_LINK_STATE")
    return VfState(
        mac=told.get_attr("IFLA_VF_MAC")["mac"],
        vlan=_vlan(told),
        spoofchk=_flag(told.get_attr("IFLA_VF_SPOOFCHK"), "spoofchk"),
        trust=_flag(told.get_attr("IFLA_VF_TRUST"), "trust"),
        rates=(rate.get("min_tx_rate", 0), rate.get("max_tx_rate", 0)),
        link_state=link["link_state"] if link else None,
    )


def _vlan(told: Any) -> tuple[int, int, int]:
    tags = told.get_attr("IFLA_VF_VLAN_LIST")
    tag = tags.get_attr("IFLA_VF_VLAN_INFO") if tags else None
    if tag is not None:
        return tag["vlan"], tag["qos"], tag["proto"]
    tag = told.get_attr("IFLA_VF_VLAN") or {}
    return tag.get("vlan", 0), tag.get("qos", 0), _8021Q


def _flag(told: Any, key: str) -> bool | None:
    """A driver that does not know says -1."""
    return bool(told[key]) if told and told[key] in (0, 1) else None
