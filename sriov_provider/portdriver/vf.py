"""The steps of one VF: to what a port needs, and back to what it was.

Only what differs is set. Cards refuse a limit of 0 while their link is down, or a MAC address that
is there already; and what was never changed need not be changed back.
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import time
from collections.abc import Iterator

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.card import AUTO, DISABLE, ZERO, Card, Pf, Vf, VfChange, VfState
from sriov_provider.portdriver.claims import Saved
from sriov_provider.portdriver.kernel import USER, Change, Link, Links, RefusedError
from sriov_provider.portdriver.namespaces import by_name
from sriov_provider.portdriver.wish import Wish

LOG = logging.getLogger(__name__)
APPEAR_TIMEOUT = 15.0  # seconds
_APPEAR_INTERVAL = 0.05


def target(wish: Wish, now: VfState) -> VfState:
    """What the PF is to hold of the VF; its MAC address is another matter. Pure."""
    return VfState(
        mac=now.mac,
        vlan=(wish.vlan, 0, wish.proto if wish.vlan else 0x8100),
        spoofchk=True,
        trust=False,
        rates=(0, wish.rate),
        link_state=AUTO if wish.up else DISABLE,
    )


def changes(now: VfState, wanted: VfState) -> Iterator[VfChange]:
    """One by one: cards refuse some and take others. Pure.

    What the card does not tell is set to what is wanted, if that is known.
    """
    for field in ("vlan", "spoofchk", "trust", "rates", "link_state"):
        value = getattr(wanted, field)
        if value is not None and value != getattr(now, field):
            yield VfChange(**{field: value})


def optional(change: VfChange) -> bool:
    """Whether a card that does not know of it does without. Pure."""
    return change.link_state is not None or change.trust is False


@dataclasses.dataclass(frozen=True)
class Steps:
    """The steps of one VF on this machine.

    :ivar pf: its PF's name
    :ivar index: its number there
    :ivar address: its PCI address
    """

    card: Card
    links: Links
    pf: str
    index: int
    address: str

    @classmethod
    def of(cls, card: Card, links: Links, found: tuple[Pf, Vf]) -> Steps:
        pf, vf = found
        return cls(card, links, pf.name, vf.index, vf.address)

    def read(self) -> Saved:
        """The VF as it is; its interface is on the host."""
        link = self.link()
        vf = self.card.state(self.pf, self.index)
        return Saved(vf=vf, name=link.name, mac=link.mac, mtu=link.mtu, up=link.up)

    def apply(self, wish: Wish, inside: bool) -> None:
        """:param inside: the interface is in a namespace, and has had all of its own already"""
        now = self.card.state(self.pf, self.index)
        if not inside:
            # Down while its VLAN and its address change: nothing goes out under the wrong ones.
            self._down()
        self._set(now, target(wish, now))
        if inside:
            self._admin_mac(wish.mac)
        else:
            self._both_macs(wish.mac)
            self._own(Change(mtu=wish.mtu))

    def restore(self, saved: Saved) -> None:
        """Back to what it was; its interface is on the host."""
        now = self.card.state(self.pf, self.index)
        self._down()
        self._set(now, saved.vf)
        if self.link().mac != saved.mac:
            # While an administrative address is set the VF may not have another of its own.
            self._admin_mac(ZERO)
            self._own_mac(saved.mac)
        self._own(Change(mtu=saved.mtu))
        self._rename(saved.name)
        if saved.up:
            self.links.change(self.link().index, Change(up=True))
        # Last: with each of these the VF calls itself by its own address, and some PFs take that
        # for the administrative one. It was so before where both are the same.
        self._admin_mac(saved.vf.mac)

    def link(self) -> Link:
        """The interface on the host; it may take a while to get there.

        :raises ProviderError: when it does not come
        """
        deadline = time.monotonic() + APPEAR_TIMEOUT
        while (found := self.seen()) is None:
            if time.monotonic() > deadline:
                text = f"VF {self.address} of {self.pf} has no interface on the host"
                raise ProviderError(Code.PORT_BUSY, USER, text, retriable=True)
            time.sleep(_APPEAR_INTERVAL)
        return found

    def seen(self) -> Link | None:
        """The interface, if it is on the host now."""
        name = self.card.netdev(self.address)
        return by_name(self.links, name) if name else None

    def _set(self, now: VfState, wanted: VfState) -> None:
        for change in changes(now, wanted):
            try:
                self.card.change(self.pf, self.index, change)
            except RefusedError as error:
                if error.errno != errno.EOPNOTSUPP or not optional(change):
                    raise
                off = change.link_state == DISABLE
                LOG.log(
                    logging.WARNING if off else logging.DEBUG,
                    "VF %s: the card cannot be given %s",
                    self.address,
                    change,
                )

    def _both_macs(self, mac: str) -> None:
        """The VF's own address and the administrative one, whatever of it the card refuses.

        The VF asks first: once the PF has an address for it, some refuse the VF even that one,
        and a VF whose driver runs does not hear of what the PF has decided.
        """
        if self.link().mac != mac:
            try:
                self._own_mac(mac)
            except RefusedError as error:
                LOG.debug("VF %s may not name itself: %s", self.address, error)
        # Even if it is there already: a PF that has only heard of it does not insist on it.
        self.card.change(self.pf, self.index, VfChange(mac=mac))
        if self.link().mac == mac:
            return
        try:
            self._own_mac(mac)
        except RefusedError:
            self.card.rebind(self.address)
            if self.link().mac != mac:
                raise

    def _own_mac(self, mac: str) -> None:
        self.links.change(self.link().index, Change(mac=mac))

    def _admin_mac(self, mac: str) -> None:
        if self.card.state(self.pf, self.index).mac != mac:
            self.card.change(self.pf, self.index, VfChange(mac=mac))

    def _own(self, change: Change) -> None:
        link = self.link()
        if change.mtu and change.mtu != link.mtu:
            self.links.change(link.index, change)

    def _down(self) -> None:
        link = self.link()
        if link.up:
            self.links.change(link.index, Change(up=False))

    def _rename(self, name: str) -> None:
        link = self.link()
        if link.name == name:
            return
        try:
            self.links.change(link.index, Change(name=name))
        except RefusedError as error:
            if error.errno != errno.EEXIST:
                raise
            LOG.warning("VF %s stays %s: there is another %s", self.address, link.name, name)
