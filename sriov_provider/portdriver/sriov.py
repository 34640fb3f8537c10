"""VFs as network devices of this host."""

from __future__ import annotations

import contextlib
import dataclasses
import errno

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import pool
from sriov_provider.portdriver.base import SRIOV, Namespace
from sriov_provider.portdriver.card import VfState
from sriov_provider.portdriver.claims import BOUND, TAKEN, Claim, Saved
from sriov_provider.portdriver.driver import Driver
from sriov_provider.portdriver.kernel import USER, Link, NamespaceGoneError, RefusedError
from sriov_provider.portdriver.namespaces import outside_name
from sriov_provider.portdriver.vf import Steps
from sriov_provider.portdriver.wish import Wish


class SriovDriver(Driver):
    """A claim's device is the VF's PCI address."""

    name = SRIOV
    bindings = ("hw_veb",)

    def bind(self, wish: Wish, claim: Claim | None) -> Claim:
        if claim is not None and not self.present(claim):
            # Of a boot before this one, or of a card that is gone: another does as well.
            self._claims.remove(claim.device)
            claim = None
        claim = claim or self._take(wish)
        steps = self._steps(claim.device)
        if steps is None:
            text = f"VF {claim.device} went away while port {wish.port_id} was set up"
            raise ProviderError(Code.NO_VF, USER, text, retriable=True)
        inside = self.inside(claim)
        if not inside:
            self._fetch(claim, steps)
        steps.apply(wish, inside)
        if claim.phase == TAKEN:
            claim = self._claims.write(dataclasses.replace(claim, phase=BOUND))
        return claim

    def free(self, claim: Claim) -> None:
        steps = self._steps(claim.device)
        if steps is not None and claim.saved is not None and not self._stale(claim):
            self._fetch(claim, steps)
            steps.restore(claim.saved)
        self._claims.remove(claim.device)

    def on_host(self, claim: Claim) -> Link | None:
        steps = self._steps(claim.device)
        return steps.seen() if steps else None

    def present(self, claim: Claim) -> bool:
        return not self._stale(claim) and self._steps(claim.device) is not None

    def foreign(self) -> tuple[str, ...]:
        """VFs of the mapped PFs that somebody has who has not claimed them."""
        names = [pf for _, pf in self._settings.mappings]
        claims, unreadable = self._claims.all(), self._claims.unreadable()
        found = pool.candidates(
            [(name, self._machine.card.pf(name)) for name in names],
            claims,
            unreadable,
            self._links.all(addresses=True),
        )
        held = {claim.device for claim in claims} | {*unreadable}
        return tuple(sorted(f"{a}: {why}" for a, why in found.used.items() if a not in held))

    def mend(self, device: str) -> None:
        """A VF whose claim cannot be read, if it is on the host: as a new one; and no claim."""
        steps = self._steps(device)
        if steps is not None:
            link = steps.seen()
            if link is None:
                return
            steps.restore(Saved(VfState(trust=False), link.name, link.mac, link.mtu, up=False))
            # Its driver gives it an address nobody else has.
            self._machine.card.rebind(device)
        self._claims.remove(device)

    def _take(self, wish: Wish) -> Claim:
        if wish.physnet is None:
            text = f"port {wish.port_id}: its network shows no provider:physical_network"
            raise ProviderError(Code.CONFIGURATION, USER, text)
        machine = self._machine
        found = pool.candidates(
            pool.pfs_of(machine.card, machine.links, self._settings, wish.physnet),
            self._claims.all(),
            self._claims.unreadable(),
            machine.links.all(addresses=True),
        )
        steps = Steps.of(machine.card, machine.links, pool.choose(found, wish))
        taken = Claim(
            port_id=wish.port_id,
            mac=wish.mac,
            device=steps.address,
            driver=SRIOV,
            boot=machine.boot,
            saved=steps.read(),
        )
        return self._claims.write(taken)

    def _steps(self, address: str) -> Steps | None:
        found = self._machine.card.locate(address)
        return Steps.of(self._machine.card, self._links, found) if found else None

    def _stale(self, claim: Claim) -> bool:
        """A reboot has made the VF anew; there is nothing left to put back."""
        return claim.boot != self._machine.boot

    def _in(self, claim: Claim, namespace: Namespace) -> Link | None:
        """The VF's interface in a namespace; kernels before 5.14 know it by its address only."""
        with contextlib.suppress(NamespaceGoneError):
            links = self._links.all(namespace)
            known = [link for link in links if link.parent == claim.device]
            same = [link for link in links if link.parent is None and link.mac == claim.mac]
            return next(iter(known or same), None)
        return None

    def _fetch(self, claim: Claim, steps: Steps) -> None:
        """Bring the interface to the host, from wherever it is.

        A namespace that ends gives it back by itself, a moment later.
        """
        if steps.seen() is not None:
            return
        if claim.namespace is not None and self._out(claim, claim.namespace):
            return
        if any(self._out(claim, one) for one in self._links.namespaces()):
            return
        steps.link()

    def _out(self, claim: Claim, namespace: Namespace) -> bool:
        link = self._in(claim, namespace)
        if link is None:
            return False
        try:
            self._links.move(link.index, outside_name(claim.mac), namespace, None)
        except NamespaceGoneError:
            return False  # it comes by itself
        except RefusedError as error:
            if error.errno != errno.ENODEV:
                raise
            return False
        return True
