"""The emulated cards: their VFs, and everything of both that a test may have changed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.functional.netns import run

VFS = 4
_SYS = Path("/sys/class/net")
# What comes and goes by itself. The permanent address is what the card told at its last reset; the
# kernel gives an interface its queue when it is brought up for the first time.
_VOLATILE = ("stats64", "stats", "operstate", "flags", "ifindex", "linkmode", "permaddr", "qdisc")


@dataclass(frozen=True)
class Card:
    """:ivar pf: name of the PF"""

    pf: str

    def addresses(self) -> list[str]:
        """PCI addresses of the VFs."""
        device = _SYS / self.pf / "device"
        return [(device / f"virtfn{n}").resolve().name for n in range(VFS)]

    def make(self) -> None:
        """Bring up the PF and make its VFs."""
        run("ip", "link", "set", self.pf, "up")
        until(lambda: "LOWER_UP" in link(self.pf)["flags"], "the PF has no carrier")
        (_SYS / self.pf / "device/sriov_numvfs").write_text(str(VFS))
        until(lambda: all(map(_netdev, self.addresses())), "VFs have no interface")

    def state(self) -> dict[str, Any]:
        """What the PF holds of its VFs, and the interfaces of these."""
        told = link(self.pf)["vfinfo_list"]
        return {
            a: {"pf": vf, **_interface(a)} for a, vf in zip(self.addresses(), told, strict=True)
        }

    def vf(self, address: str) -> dict[str, Any]:
        """What the PF holds of one VF."""
        found: dict[str, Any] = link(self.pf)["vfinfo_list"][self.addresses().index(address)]
        return found


def cards() -> tuple[Card, ...]:
    """In the order of their slots."""
    pfs = sorted(_SYS.glob("*/device/sriov_totalvfs"), key=lambda path: path.resolve())
    return tuple(Card(path.parent.parent.name) for path in pfs)


def link(name: str, namespace: str | None = None) -> dict[str, Any]:
    """An interface as ``ip`` tells it, with its counters."""
    where = ("-n", namespace) if namespace else ()
    told = json.loads(run("ip", *where, "-j", "-d", "-s", "link", "show", "dev", name))
    found: dict[str, Any] = told[0]
    return found


def until(true: Any, what: str, seconds: float = 60.0) -> float:
    """Wait for it; the seconds it took."""
    begun = time.monotonic()
    while not true():
        waited = time.monotonic() - begun
        assert waited < seconds, f"{what} after {waited:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - begun


def _netdev(address: str) -> str | None:
    below = Path("/sys/bus/pci/devices") / address / "net"
    names = [path.name for path in below.iterdir()] if below.exists() else []
    return names[0] if names else None


def _interface(address: str) -> dict[str, Any]:
    name = _netdev(address)
    if name is None:
        return {"name": None}
    kept = {key: value for key, value in link(name).items() if key not in _VOLATILE}
    return {**kept, "up": "UP" in link(name)["flags"]}
