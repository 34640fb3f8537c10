"""The ports of one host: plugged into network namespaces, taken out, and put right again."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import namespaces, wish
from sriov_provider.portdriver.base import (
    OSVIF,
    SRIOV,
    STANDIN,
    Namespace,
    Plugged,
    Report,
    Settings,
)
from sriov_provider.portdriver.claims import PLUGGED, Claim, driver_of
from sriov_provider.portdriver.driver import Driver
from sriov_provider.portdriver.kernel import USER
from sriov_provider.portdriver.machine import Machine, machine
from sriov_provider.portdriver.sriov import SriovDriver
from sriov_provider.portdriver.standin import StandinDriver

LOG = logging.getLogger(__name__)
__all__ = ["HostPorts", "Plugged", "Report", "Settings"]


class _Drivers(dict[str, Driver]):
    """By name. That of switches is made when it is needed: it brings os-vif along, which hosts
    without switches do without."""

    def __init__(self, settings: Settings, host: Machine) -> None:
        super().__init__(
            {SRIOV: SriovDriver(settings, host), STANDIN: StandinDriver(settings, host)}
        )
        self._settings = settings
        self._machine = host

    def __missing__(self, name: str) -> Driver:
        from sriov_provider.portdriver.osvif.driver import SwitchDriver

        if name != OSVIF:
            raise KeyError(name)
        return self.setdefault(OSVIF, SwitchDriver(self._settings, self._machine))


class HostPorts:
    """Plugs a VF where the port's physical network is mapped to a PF, else a stand-in; where
    os-vif is to plug ordinary ports, those that Neutron was asked to bind are left to it.

    :param settings: of the port driver
    :param host: the machine; by default this one
    """

    def __init__(self, settings: Settings, host: Machine | None = None) -> None:
        self._settings = settings
        self._machine = host or machine(settings)
        self._claims = self._machine.claims
        self._drivers = _Drivers(settings, self._machine)

    def driver(self, neutron_port: Mapping[str, Any], network: Mapping[str, Any] | None) -> Driver:
        """The one that serves the port.

        :raises ProviderError: UNSUPPORTED for other kinds of port; CONFIGURATION when none does
        """
        wish.check_kind(neutron_port)
        asked = wish.wish(neutron_port, network)
        mapped = asked.physnet in {physnet for physnet, _ in self._settings.mappings}
        if self._settings.osvif and wish.of_switch(neutron_port, mapped):
            return self._drivers[OSVIF]
        if mapped:
            return self._drivers[SRIOV]
        if self._settings.standin:
            return self._drivers[STANDIN]
        told = ", ".join(f"{n}:{pf}" for n, pf in self._settings.mappings) or "nothing"
        text = (
            f"port {asked.port_id}: physical network {asked.physnet} is not in [port_driver] "
            f"physical_device_mappings ({told}), and [port_driver] standin allows no stand-in"
        )
        raise ProviderError(Code.CONFIGURATION, USER, text)

    def plug(
        self,
        neutron_port: Mapping[str, Any],
        subnets: Sequence[Mapping[str, Any]],
        network: Mapping[str, Any] | None,
        namespace: Namespace,
        name: str,
    ) -> Plugged:
        """Make the port's interface and put it into a namespace, down; twice makes one.

        :param network: as somebody sees it who sees ``provider:*``
        :param name: of the interface inside
        :raises ProviderError: with the reason; what had been done is undone
        """
        driver = self.driver(neutron_port, network)
        asked = wish.wish(neutron_port, network, subnets)
        identity = self._machine.links.identity(namespace)
        if identity is None:
            text = f"port {asked.port_id} cannot be put into network namespace {namespace}: gone"
            raise ProviderError(Code.NOT_FOUND, USER, text)
        with self._claims.locked(), driver.undone(asked.port_id):
            claim = self._bound(driver, asked, namespace, identity)
            there = dataclasses.replace(
                claim, endpoint="", namespace=namespace, identity=identity, name=name
            )
            return self._move(driver, self._claims.write(there), namespace, asked.mtu)

    def _bound(
        self, driver: Driver, asked: wish.Wish, namespace: Namespace, identity: str
    ) -> Claim:
        for old in self._claims.of_port(asked.port_id):
            elsewhere = (old.namespace, old.identity) not in ((None, None), (namespace, identity))
            if old.driver != driver.name or elsewhere:
                self._drivers[old.driver].release(old)
        return driver.bind(asked, driver.ready(asked))

    def _move(self, driver: Driver, claim: Claim, namespace: Namespace, mtu: int | None) -> Plugged:
        links = self._machine.links
        link = driver.on_host(claim)
        if link is not None or namespaces.by_mac(links, claim.mac, namespace):
            device = link.name if link else claim.device
            namespaces.move_in(device, namespace, claim.name, claim.mac, mtu, links)
        return _plugged(self._claims.write(dataclasses.replace(claim, phase=PLUGGED)))

    def unplug(self, neutron_port_id: str) -> None:
        """Take the port's interface away, wherever it is; nothing happens where there is none.

        :raises ProviderError: when the device could not be put back; call again
        """
        with self._claims.locked():
            for claim in self._claims.of_port(neutron_port_id):
                self._drivers[claim.driver].release(claim)

    def unplug_endpoint(self, endpoint_id: str, neutron_port_id: str) -> None:
        """As :meth:`unplug`, but not what was plugged for somebody else meanwhile.

        :param endpoint_id: of the container engine that had asked for it
        """
        with self._claims.locked():
            for claim in self._claims.of_port(neutron_port_id):
                # What was set up for an endpoint and got no further is on record as nobody's.
                nobodys = not claim.endpoint and claim.namespace is None
                if nobodys or claim.endpoint == endpoint_id:
                    self._drivers[claim.driver].release(claim)

    def plugged(self) -> tuple[Plugged, ...]:
        """The ports that are where they were put, as disk and kernel tell."""
        return tuple(_plugged(c) for c in self._claims.all() if self._whole(c))

    def reconcile(self, wanted: Collection[str]) -> Report:
        """Put right what a crash, a reboot or somebody else's hand has left.

        Interfaces that a container engine has asked for are the engine's: they are let alone.

        :param wanted: ids of the ports that should be plugged
        """
        kept: list[str] = []
        released: list[str] = []
        lost: list[str] = []
        stuck: list[str] = []
        with self._claims.locked():
            for claim in self._claims.all():
                if claim.endpoint and claim.boot == self._machine.boot:
                    continue
                if claim.port_id in wanted and self._whole(claim):
                    kept.append(claim.port_id)
                elif (problem := self._released(claim)) is not None:
                    stuck.append(problem)
                else:
                    (lost if claim.port_id in wanted else released).append(claim.port_id)
            stuck += self._mended()
        return Report(tuple(kept), tuple(released), tuple(lost), tuple(stuck))

    def _released(self, claim: Claim) -> str | None:
        """What is in the way of giving the device back; one of them holds up no other."""
        try:
            self._drivers[claim.driver].release(claim)
        except ProviderError as error:
            LOG.warning("Port %s keeps %s: %s", claim.port_id, claim.device, error)
            return f"{claim.device}: {error.reason.operator}"
        return None

    def _mended(self) -> list[str]:
        """Do without claims that cannot be read; what nobody has claimed is somebody else's."""
        for device in self._claims.unreadable():
            name = driver_of(device)
            LOG.warning("The claim of %s cannot be read; its state is lost", device)
            try:
                if name is not None:
                    self._drivers[name].mend(device)
            except ProviderError as error:
                LOG.warning("The claim of %s stays: %s", device, error)
        left = [f"{device}: a claim that cannot be read" for device in self._claims.unreadable()]
        return left + [told for driver in self._drivers.values() for told in driver.foreign()]

    def _whole(self, claim: Claim) -> bool:
        return claim.phase == PLUGGED and self._drivers[claim.driver].inside(claim)


def _plugged(claim: Claim) -> Plugged:
    assert claim.namespace is not None
    return Plugged(
        claim.port_id, claim.mac, claim.device, claim.driver, claim.namespace, claim.name
    )
