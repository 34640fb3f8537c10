"""What both port drivers have in common: kuryr's calls on top of bind and free."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import wish as wishes
from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.claims import LEAVING, Claim
from sriov_provider.portdriver.kernel import USER, Link
from sriov_provider.portdriver.machine import Machine, machine
from sriov_provider.portdriver.namespaces import by_name
from sriov_provider.portdriver.wish import Wish


class Driver(abc.ABC):
    """:param settings: of the port driver
    :param host: the machine; by default this one
    """

    name: str
    bindings: tuple[str, ...]

    def __init__(self, settings: Settings | None = None, host: Machine | None = None) -> None:
        self._settings = settings or Settings()
        self._machine = host or machine(self._settings)
        self._claims = self._machine.claims
        self._links = self._machine.links

    @abc.abstractmethod
    def bind(self, wish: Wish, claim: Claim | None) -> Claim:
        """Set the device up, in the host's namespace or wherever it is already. Locked.

        :param claim: of an earlier, perhaps unfinished, time
        """

    @abc.abstractmethod
    def free(self, claim: Claim) -> None:
        """Leave the device as it was before its first change, or gone, and no claim. Locked."""

    @abc.abstractmethod
    def on_host(self, claim: Claim) -> Link | None:
        """The interface that goes into a namespace, while it is in the host's."""

    @abc.abstractmethod
    def present(self, claim: Claim) -> bool:
        """Whether there is still such a device as was claimed, wherever it is."""

    @abc.abstractmethod
    def foreign(self) -> tuple[str, ...]:
        """Devices of this driver's kind that nobody has claimed and somebody has, and who."""

    @abc.abstractmethod
    def mend(self, device: str) -> None:
        """Do without a claim that cannot be read, where that is safe. Locked."""

    def release(self, claim: Claim) -> None:
        """Free it; the claim says so first, so that nobody goes on with it. Locked."""
        self.free(self._claims.write(dataclasses.replace(claim, phase=LEAVING)))

    def inside(self, claim: Claim) -> bool:
        """Whether the interface is in the namespace of its claim.

        Also where those who live there have moved it on to a namespace of their own, which the
        host does not see: it is not here, so it is there.
        """
        if claim.namespace is None or not self.present(claim):
            return False
        if claim.identity != self._links.identity(claim.namespace):
            return False
        if claim.identity == self._links.identity(None):
            # A port of the host itself: here is where it was put, under its name.
            link = by_name(self._links, claim.name)
            return link is not None and link.mac == claim.mac
        return self.on_host(claim) is None

    def ready(self, wish: Wish) -> Claim | None:
        """The port's claim, if it can go on with it; what the port has outgrown is freed."""
        claim = self.claim(wish.port_id)
        if claim is None:
            return None
        if claim.mac == wish.mac and claim.segment in ("", wish.segment):
            return claim
        self.release(claim)
        return None

    def get_supported_bindings(self) -> tuple[str, ...]:
        return self.bindings

    def get_default_network_id(self) -> str | None:
        return None

    def create_host_iface(
        self,
        endpoint_id: str,
        neutron_port: Mapping[str, Any],
        subnets: Sequence[Mapping[str, Any]],
        network: Mapping[str, Any] | None = None,
    ) -> tuple[str, str]:
        wish = wishes.wish(neutron_port, network, subnets)
        with self._claims.locked(), self.undone(wish.port_id):
            claim = self.bind(wish, self.ready(wish))
            self._claims.write(dataclasses.replace(claim, endpoint=endpoint_id))
        return claim.device, ""

    def delete_host_iface(
        self, endpoint_id: str, neutron_port: Mapping[str, Any]
    ) -> tuple[str, str]:
        with self._claims.locked():
            claim = self.claim(neutron_port["id"])
            if claim is None:
                return "", ""
            self.release(claim)
        return claim.device, ""

    def get_container_iface_name(self, neutron_port: Mapping[str, Any]) -> str:
        claim = self.claim(neutron_port["id"])
        link = self.on_host(claim) if claim else None
        if link is None:
            text = f"port {neutron_port['id']} has no interface in the host's namespace"
            raise ProviderError(Code.NOT_FOUND, USER, text)
        return link.name

    def update_port(
        self,
        port: Mapping[str, Any],
        endpoint_id: str,
        interface_mac: str | None = None,
        tags: bool = True,
    ) -> Mapping[str, Any]:
        """What is to be asked of Neutron is the difference between the answer and ``port``."""
        changed: dict[str, Any] = {"binding:host_id": socket.gethostname(), "admin_state_up": True}
        if not tags:
            changed["name"] = f"{endpoint_id}-port"
        if not port.get("device_id"):
            changed["device_id"] = endpoint_id
        if interface_mac:
            changed["mac_address"] = interface_mac
        return {**port, **changed}

    def claim(self, port_id: str) -> Claim | None:
        ours = (c for c in self._claims.of_port(port_id) if c.driver == self.name)
        return next(ours, None)

    @contextlib.contextmanager
    def undone(self, port_id: str) -> Iterator[None]:
        """Free what was set up for a port that had nothing before, when the rest fails."""
        before = self.claim(port_id)
        try:
            yield
        except ProviderError:
            claim = self.claim(port_id)
            if before is None and claim is not None:
                # When even that fails the claim stays, and the next reconciliation tries again.
                with contextlib.suppress(ProviderError):
                    self.release(claim)
            raise
