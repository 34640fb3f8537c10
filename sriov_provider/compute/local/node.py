"""This host as a node of amphorae: makes them, takes them away, brings them back."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import logging
import os
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from sriov_provider import cloud_errors
from sriov_provider.compute.base import ServerSpec
from sriov_provider.compute.local import files, interfaces
from sriov_provider.compute.local.cgroups import Cgroups
from sriov_provider.compute.local.leg import Leg
from sriov_provider.compute.local.neutron import Ports
from sriov_provider.compute.local.processes import Processes
from sriov_provider.compute.local.records import Amphora, Nic, Records
from sriov_provider.config_local import Local
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.host import HostPorts

LOG = logging.getLogger(__name__)

# MiB an amphora believes to have whose flavor says nothing.
_MEMORY = 1024
# Amphorae that are started at the same time, after a reboot.
_AT_ONCE = 4
_ALL = "all"
_USUAL = (ProviderError, OSError)


class Wanted(Collection[str]):
    """Ids that are read when the first is asked for: whoever asks lets nothing be plugged
    meanwhile, and what is plugged was on record before."""

    def __init__(self, read: Callable[[], frozenset[str]]) -> None:
        self._read = functools.cache(read)

    def __contains__(self, port_id: object) -> bool:
        return port_id in self._read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


class Node:
    """Thread-safe; several processes may work on one host."""

    def __init__(
        self,
        settings: Local,
        records: Records,
        ports: Ports,
        wires: HostPorts,
        processes: Processes,
        cgroups: Cgroups,
    ) -> None:
        self._settings = settings
        self.records = records
        self._ports = ports
        self._wires = wires
        self.processes = processes
        self._cgroups = cgroups
        self._leg = Leg(settings, ports, wires)

    def create(self, spec: ServerSpec, image_id: str) -> Amphora:
        """An amphora whose processes run.

        :raises ProviderError: with the reason; nothing is left of it
        """
        amphora = Amphora(
            id=str(uuid.uuid4()),
            name=spec.name,
            flavor=spec.flavor,
            image_id=image_id,
            owner=spec.owner,
            created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        with self.records.locked(amphora.id):
            self.records.save(amphora)
            try:
                return self._build(amphora, spec)
            except BaseException:
                with self._tolerant(f"Amphora {amphora.id} is not removed as a whole"):
                    self._remove(amphora.id)
                    self.records.forget_lock(amphora.id)
                raise

    def _build(self, amphora: Amphora, spec: ServerSpec) -> Amphora:
        place = self.records.directory(amphora.id) / "files"
        files.lay_out(place, amphora.name, spec.files, self.processes.commands)
        for network in spec.networks:
            port = self._ports.create(network, amphora.name, amphora.id, spec.security_groups)
            nic = self._ports.nic(port, amphora.next_number(), ours=True)
            amphora = self.records.save(amphora.with_nic(nic))
        for port_id in spec.port_ids:
            port = self._ports.take(port_id, amphora.id)
            nic = self._ports.nic(port, amphora.next_number())
            amphora = self.records.save(amphora.with_nic(nic))
        amphora = self._run(amphora)
        return self.records.save(dataclasses.replace(amphora, built=True))

    def _run(self, amphora: Amphora) -> Amphora:
        """Namespace, ports, processes: all that a reboot takes away."""
        namespace = interfaces.make_namespace(amphora.namespace)
        for nic in amphora.nics:
            amphora = self._wire(amphora, nic)
            if nic.ours:
                interfaces.configure(nic, amphora.namespace, nic.name)
        limits = self._settings.flavors.get(amphora.flavor)
        self.processes.start(
            amphora.id,
            amphora.name,
            namespace,
            self.records.directory(amphora.id) / "files",
            (limits.memory if limits else _MEMORY) << 20,
            self._cgroups.make(amphora.id, limits),
        )
        return amphora

    def _wire(self, amphora: Amphora, nic: Nic) -> Amphora:
        plugged = self._wires.plug(nic.port, nic.subnets, nic.network, amphora.namespace, nic.name)
        nic = dataclasses.replace(nic, driver=plugged.driver, device=plugged.device, lost=False)
        return self.records.save(amphora.with_nic(nic))

    def in_place(self, amphora_id: str, port_id: str) -> Nic | None:
        """The port as it was plugged, if the host still has it that way."""
        amphora = self.records.get(amphora_id)
        nic = amphora.nic(port_id) if amphora else None
        if nic is None or nic.lost or not nic.driver:
            return None
        return nic if any(p.port_id == port_id for p in self._wires.plugged()) else None

    def attach(self, amphora_id: str, port_id: str) -> None:
        """Hot-plug; the agent finds the interface by its MAC address."""
        with self.records.locked(amphora_id):
            amphora = self._known(amphora_id)
            before = amphora.nic(port_id)
            if self.in_place(amphora_id, port_id):
                return
            port = self._ports.take(port_id, amphora_id)
            nic = before or self._ports.nic(port, amphora.next_number())
            # On record first: a restart must not take it for a port nobody wants.
            amphora = self.records.save(amphora.with_nic(nic))
            try:
                self._wire(amphora, nic)
            except ProviderError:
                self._not_attached(amphora, nic)
                raise

    def _not_attached(self, amphora: Amphora, nic: Nic) -> None:
        """What an amphora had once stays on its record: it is not whole without it."""
        with self._tolerant(f"Port {nic.port_id} is left half plugged"):
            self._wires.unplug(nic.port_id)
        if nic.driver:
            self.records.save(amphora.with_nic(dataclasses.replace(nic, lost=True)))
            return
        self.records.save(amphora.without_nic(nic.port_id))
        with self._tolerant(f"Port {nic.port_id} still names amphora {amphora.id}"):
            self._ports.leave(nic.port_id, amphora.id)

    def detach(self, amphora_id: str, port_id: str) -> None:
        with self.records.locked(amphora_id):
            amphora = self.records.get(amphora_id)
            if amphora and port_id in (macs := self._macs(amphora)):
                self._unwire(amphora, port_id, macs[port_id])
                if not amphora.damage:
                    self.records.save(amphora.without_nic(port_id))
            self._ports.leave(port_id, amphora_id)

    def _macs(self, amphora: Amphora) -> dict[str, str]:
        """MAC addresses of its ports by their ids; of those in its namespace where nothing else
        tells."""
        if amphora.damage:
            return {
                p.port_id: p.mac for p in self._wires.plugged() if p.namespace == amphora.namespace
            }
        return {nic.port_id: nic.mac for nic in amphora.nics}

    def _unwire(self, amphora: Amphora, port_id: str, mac: str) -> None:
        pid = self.processes.pid(amphora.id)
        if pid is not None:
            interfaces.bring_back(pid, mac, amphora.namespace)
        self._wires.unplug(port_id)

    def _known(self, amphora_id: str) -> Amphora:
        amphora = self.records.get(amphora_id)
        if amphora is None:
            raise cloud_errors.not_found(f"There is no amphora {amphora_id} on this host.")
        if amphora.damage:
            text = f"The record of amphora {amphora_id} cannot be read: {amphora.damage}"
            raise ProviderError(Code.INTERNAL, interfaces.USER, text)
        return amphora

    def delete(self, amphora_id: str) -> None:
        """Nothing is left when this returns."""
        with self.records.locked(amphora_id):
            self._remove(amphora_id)
            self.records.forget_lock(amphora_id)

    def _remove(self, amphora_id: str) -> None:
        """Off the wires first: a VIP must not answer twice."""
        amphora = self.records.get(amphora_id)
        if amphora is None:
            return
        for port_id, mac in self._macs(amphora).items():
            self._unwire(amphora, port_id, mac)
        self.processes.stop(amphora_id)
        interfaces.remove_namespace(amphora.namespace)
        self._cgroups.remove(amphora_id)
        self._ports.give_up(amphora_id)
        self.records.drop(amphora_id)

    def restore(self) -> None:
        """Everything that should be there is there: after a crash, after a reboot.

        An amphora that cannot be brought back is left to the health manager.

        :raises ProviderError: the host itself cannot be set up
        """
        if os.geteuid() != 0:
            raise ProviderError(
                Code.CONFIGURATION,
                "The load balancer service is not set up completely.",
                "compute_driver local makes namespaces: its worker has to run as root.",
            )
        with self.records.locked(_ALL):
            report = self._wires.reconcile(Wanted(self._wanted))
            for port_id in report.released:
                LOG.warning("Port %s was plugged for nobody; it is no more", port_id)
            for device in report.foreign:
                LOG.warning("Left alone: %s", device)
            kept = frozenset(report.kept)
            for amphora in self.records.all():
                if amphora.damage:
                    LOG.error("Amphora %s is left alone: %s", amphora.id, amphora.damage)
            built = [amphora.id for amphora in self.records.all() if amphora.built]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda one: self._revive(one, kept), built))
            self._leg.plug()

    def _wanted(self) -> frozenset[str]:
        """Ports that should be plugged; those of an amphora nobody knows the ports of, too."""
        found = {port_id for amphora in self.records.all() for port_id in self._macs(amphora)}
        leg = self._settings.management_port
        return frozenset({*found, leg} if leg else found)

    def _revive(self, amphora_id: str, kept: Collection[str]) -> None:
        """Unless it runs, with all its ports.

        :param kept: ports that were found in their place
        """
        what = f"Amphora {amphora_id} is not brought back"
        with self._tolerant(what, (Exception,)), self.records.locked(amphora_id):
            found = self.records.get(amphora_id)
            if found is None or (self.processes.running(amphora_id) and self._whole(found, kept)):
                return
            LOG.info("Amphora %s (%s) is started again", found.id, found.name)
            self.processes.stop(amphora_id)
            for nic in found.nics:
                self._wires.unplug(nic.port_id)
            place = self.records.directory(found.id) / "files"
            files.refresh(place, self.processes.commands)
            self._run(found)

    def _whole(self, amphora: Amphora, kept: Collection[str]) -> bool:
        """Whether it has its ports; one that has lost some goes on for as long as those cannot be
        had again, and whoever asks is told so.

        :raises ProviderError: they cannot be had
        """
        gone = [nic for nic in amphora.nics if nic.driver and nic.port_id not in kept]
        if gone:
            # Some may have been attached since.
            there = {plugged.port_id for plugged in self._wires.plugged()}
            gone = [nic for nic in gone if nic.port_id not in there]
        gone += [nic for nic in amphora.nics if nic.lost and nic not in gone]
        for nic in gone:
            LOG.error("Amphora %s has lost port %s (%s)", amphora.id, nic.port_id, nic.device)
            amphora = amphora.with_nic(dataclasses.replace(nic, lost=True))
        if gone:
            self.records.save(amphora)
        for nic in gone:
            self._wires.plug(nic.port, nic.subnets, nic.network, amphora.namespace, nic.name)
        return not gone

    @contextlib.contextmanager
    def _tolerant(self, what: str, held: tuple[type[Exception], ...] = _USUAL) -> Iterator[None]:
        """:param held: errors that are told, and no more than that"""
        try:
            yield
        except held as error:
            LOG.error("%s: %s", what, error, exc_info=not isinstance(error, _USUAL))
