"""A stand-in for a VF: one end of a pair whose other end is on a bridge of the port's segment.

Unlike a VF it ends with the namespace it is in.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import STANDIN
from sriov_provider.portdriver.claims import BOUND, STANDIN_PREFIX, TAKEN, Claim
from sriov_provider.portdriver.driver import Driver
from sriov_provider.portdriver.kernel import USER, Change, Link
from sriov_provider.portdriver.namespaces import by_name, outside_name
from sriov_provider.portdriver.wish import Wish

_SYSCTL = Path("/proc/sys/net/ipv6/conf")


def bridge_name(segment: str) -> str:
    """Of the bridge all stand-ins of a segment are on.

    :param segment: as :attr:`sriov_provider.portdriver.wish.Wish.segment` has it
    """
    return "svb" + hashlib.sha256(segment.encode()).hexdigest()[:11]


def _bridge_mac(segment: str) -> str:
    digest = hashlib.sha256(segment.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


class StandinDriver(Driver):
    """A claim's device is the name of the end that stays on the host."""

    name = STANDIN
    bindings = ("veth",)

    def bind(self, wish: Wish, claim: Claim | None) -> Claim:
        if not self._settings.standin:
            text = f"port {wish.port_id}: [port_driver] standin does not allow stand-ins"
            raise ProviderError(Code.CONFIGURATION, USER, text)
        claim = self._take(wish, claim)
        self._pair(claim)
        self._bridge(wish.segment)
        end = self._host_end(claim)
        bridge = by_name(self._links, bridge_name(wish.segment))
        if end is None or bridge is None:
            text = f"port {wish.port_id}: its stand-in was taken away while it was set up"
            raise ProviderError(Code.HOST_NETWORK, USER, text, retriable=True)
        self._machine.fence.guard(claim.device, wish.mac)
        change = Change(mtu=wish.mtu, master=bridge.index, up=wish.up)
        self._links.change(end.index, change)
        inner = self.on_host(claim)
        if inner is not None:
            self._links.change(inner.index, Change(mac=wish.mac, mtu=wish.mtu))
        if claim.phase == TAKEN:
            claim = self._claims.write(dataclasses.replace(claim, phase=BOUND))
        return claim

    def free(self, claim: Claim) -> None:
        self._links.delete(claim.device)
        self._machine.fence.open(claim.device)
        self._tidy(claim.segment)
        self._claims.remove(claim.device)

    def on_host(self, claim: Claim) -> Link | None:
        named = (_inner(claim.device), outside_name(claim.mac))
        return next((link for link in self._links.all() if link.name in named), None)

    def present(self, claim: Claim) -> bool:
        return self._host_end(claim) is not None

    def foreign(self) -> tuple[str, ...]:
        held = {claim.device for claim in self._claims.all()} | {*self._claims.unreadable()}
        names = (link.name for link in self._links.all())
        return tuple(
            f"{name}: a stand-in without a claim"
            for name in sorted(names)
            if name.startswith(STANDIN_PREFIX) and name not in held
        )

    def mend(self, device: str) -> None:
        names = {link.name for link in self._links.all()}
        if device in names and _inner(device) not in names:
            return  # somebody has the other end
        self._links.delete(device)
        self._machine.fence.open(device)
        self._claims.remove(device)

    def _take(self, wish: Wish, claim: Claim | None) -> Claim:
        boot = self._machine.boot
        if claim is not None and claim.boot == boot:
            return claim
        device = STANDIN_PREFIX + wish.port_id[:11]
        taken = Claim(wish.port_id, wish.mac, device, STANDIN, boot=boot, segment=wish.segment)
        return self._claims.write(taken)

    def _pair(self, claim: Claim) -> None:
        if self._host_end(claim) is not None:
            if self.on_host(claim) is not None or self.inside(claim):
                return
            # Its namespace has ended, and the kernel has not yet come round to it.
            self._links.delete(claim.device)
        self._links.add_pair(claim.device, _inner(claim.device), claim.mac)
        _silence(claim.device)

    def _bridge(self, segment: str) -> None:
        name = bridge_name(segment)
        if by_name(self._links, name) is None:
            self._links.add_bridge(name, segment, _bridge_mac(segment))
        self._machine.fence.shut(name)
        _silence(name)
        bridge = by_name(self._links, name)
        if bridge is not None and not bridge.up:
            self._links.change(bridge.index, Change(up=True))

    def _tidy(self, segment: str) -> None:
        """Take the bridge away after its last port."""
        links = self._links.all()
        bridge = next((x for x in links if x.name == bridge_name(segment)), None)
        if bridge is None or not any(x.master == bridge.index for x in links):
            self._links.delete(bridge_name(segment))
            self._machine.fence.open(bridge_name(segment))

    def _host_end(self, claim: Claim) -> Link | None:
        return by_name(self._links, claim.device)


def _inner(device: str) -> str:
    return "svc" + device.removeprefix(STANDIN_PREFIX)


def _silence(device: str) -> None:
    """No IPv6 of the host's own on it: neither address nor solicitations."""
    path = _SYSCTL / device / "disable_ipv6"
    if path.exists():
        path.write_text("1")
