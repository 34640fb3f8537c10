"""Which VFs are free, and which one to take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterable, Mapping

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.card import Card, Pf, Vf
from sriov_provider.portdriver.claims import Claim
from sriov_provider.portdriver.kernel import USER, Change, Link, Links
from sriov_provider.portdriver.namespaces import by_name
from sriov_provider.portdriver.wish import Wish

CREATE_TIMEOUT = 15.0  # seconds
_CREATE_INTERVAL = 0.1


@dataclasses.dataclass(frozen=True)
class Candidates:
    """The VFs of one physical network.

    :ivar missing: PFs that are mapped and are not there
    :ivar used: VFs that cannot be taken, by PCI address, and why
    """

    pfs: tuple[Pf, ...] = ()
    missing: tuple[str, ...] = ()
    used: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def free(self, pf: Pf) -> list[Vf]:
        return [vf for vf in pf.vfs if vf.address not in self.used]


def candidates(
    pfs: Iterable[tuple[str, Pf | None]],
    claims: Collection[Claim],
    unreadable: Collection[str],
    links: Collection[Link],
) -> Candidates:
    """Pure.

    :param pfs: names as mapped, and what was found of them
    :param links: of the host's namespace
    """
    found = tuple(pfs)
    held = {claim.device: claim for claim in claims}
    named = {link.name: link for link in links}
    there = tuple(pf for _, pf in found if pf is not None)
    reasons = {
        vf.address: _used(vf, held.get(vf.address), unreadable, named.get(vf.netdev or ""))
        for pf in there
        for vf in pf.vfs
    }
    return Candidates(
        pfs=there,
        missing=tuple(name for name, pf in found if pf is None),
        used={address: why for address, why in reasons.items() if why},
    )


def _used(
    vf: Vf, claim: Claim | None, unreadable: Collection[str], link: Link | None
) -> str | None:
    if claim is not None:
        return f"port {claim.port_id}"
    if vf.address in unreadable:
        return "a claim that cannot be read"
    if vf.netdev is None or link is None:
        if vf.driver is None:
            return "nobody: it has no driver"
        return f"somebody else: driver {vf.driver}, no interface on the host"
    if vf.upper:
        return f"{vf.upper} on top of {vf.netdev}"
    if link.master is not None:
        return f"somebody else: {vf.netdev} is on a bridge or bond"
    if link.addresses:
        return f"the host: {vf.netdev} has {', '.join(link.addresses)}"
    return None


def choose(found: Candidates, wish: Wish) -> tuple[Pf, Vf]:
    """The first free VF of the PF that has most of them. Pure.

    :raises ProviderError: NO_VF, with who holds them
    """
    if wish.pci_slot:
        return _chosen(found, wish)
    best = max(found.pfs, key=lambda pf: len(found.free(pf)), default=None)
    if best is None or not found.free(best):
        raise _none(found, wish)
    return best, found.free(best)[0]


def _chosen(found: Candidates, wish: Wish) -> tuple[Pf, Vf]:
    for pf in found.pfs:
        for vf in found.free(pf):
            if vf.address == wish.pci_slot:
                return pf, vf
    holder = found.used.get(wish.pci_slot or "", "nobody: it is on no PF of this network")
    text = f"port {wish.port_id} is to have VF {wish.pci_slot}, which is held by {holder}"
    raise ProviderError(Code.NO_VF, USER, text)


def _none(found: Candidates, wish: Wish) -> ProviderError:
    pfs = ", ".join(f"{pf.name} with {len(pf.vfs)} VFs of {pf.total}" for pf in found.pfs)
    missing = "".join(f", {name} not there or no SR-IOV card" for name in found.missing)
    holders = "; ".join(f"{address}: {why}" for address, why in sorted(found.used.items()))
    text = (
        f"port {wish.port_id}: physical network {wish.physnet} has no free VF on this host "
        f"({pfs or 'no PF'}{missing}). Held: {holders or 'none'}"
    )
    user = "No SR-IOV Virtual Function is free for the load balancer."
    return ProviderError(Code.NO_VF, user, text, retriable=True)


def pfs_of(
    card: Card, links: Links, settings: Settings, physnet: str
) -> list[tuple[str, Pf | None]]:
    """The PFs of a physical network; makes their VFs where that is asked for."""
    names = [pf for network, pf in settings.mappings if network == physnet]
    return [(name, _made(card, links, card.pf(name), settings.create_vfs)) for name in names]


def _made(card: Card, links: Links, pf: Pf | None, number: int) -> Pf | None:
    if pf is None or pf.vfs or not number:
        return pf
    link = by_name(links, pf.name)
    if link is not None and not link.up:
        # VFs of a PF that is down do not start.
        links.change(link.index, Change(up=True))
    card.create(pf.name, min(number, pf.total))
    deadline = time.monotonic() + CREATE_TIMEOUT
    while True:
        seen = card.pf(pf.name)
        if seen is None or (seen.vfs and all(vf.netdev for vf in seen.vfs)):
            return seen
        if time.monotonic() > deadline:
            # Whatever has come is used; what has not is told of when nothing is free.
            return seen
        time.sleep(_CREATE_INTERVAL)
