"""What the port driver needs of an SR-IOV card."""

from __future__ import annotations

import dataclasses
from typing import Protocol

ZERO = "00:00:00:00:00:00"
AUTO, ENABLE, DISABLE = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class VfState:
    """What the PF holds of one of its VFs; None: the card does not tell.

    :ivar mac: the administrative MAC address
    :ivar vlan: tag, its priority, its ethertype; 0: no tag
    :ivar link_state: AUTO, ENABLE or DISABLE
    :ivar rates: smallest and largest, in Mbit/s; 0: none
    """

    mac: str = ZERO
    vlan: tuple[int, int, int] = (0, 0, 0x8100)
    spoofchk: bool | None = None
    trust: bool | None = None
    rates: tuple[int, int] = (0, 0)
    link_state: int | None = None


@dataclasses.dataclass(frozen=True)
class VfChange:
    """One thing to set of a VF, through its PF; what it is not about is None."""

    mac: str | None = None
    vlan: tuple[int, int, int] | None = None
    spoofchk: bool | None = None
    trust: bool | None = None
    rates: tuple[int, int] | None = None
    link_state: int | None = None


@dataclasses.dataclass(frozen=True)
class Vf:
    """A VF as sysfs shows it to the host.

    :ivar index: its number on the PF
    :ivar address: PCI address
    :ivar netdev: name of its interface; None while that is in a namespace or there is none
    :ivar driver: the kernel driver it is bound to
    :ivar upper: an interface on top of it
    """

    index: int
    address: str
    netdev: str | None = None
    driver: str | None = None
    upper: str | None = None


@dataclasses.dataclass(frozen=True)
class Pf:
    """:ivar total: VFs the card can have"""

    name: str
    total: int
    vfs: tuple[Vf, ...] = ()


class Card(Protocol):
    """PFs and VFs; all that the kernel refuses is a RefusedError."""

    def pf(self, name: str) -> Pf | None:
        """None: no such interface, or it has no VFs to offer."""

    def locate(self, address: str) -> tuple[Pf, Vf] | None:
        """A VF and its PF by the VF's PCI address; None: gone."""

    def netdev(self, address: str) -> str | None:
        """Name of a VF's interface; None while that is in a namespace or there is none."""

    def create(self, pf: str, number: int) -> None:
        """Make VFs on a PF that has none; they appear some time after."""

    def state(self, pf: str, index: int) -> VfState: ...

    def change(self, pf: str, index: int, change: VfChange) -> None: ...

    def rebind(self, address: str) -> None:
        """Let the VF's driver start afresh: it asks the PF for everything again."""
