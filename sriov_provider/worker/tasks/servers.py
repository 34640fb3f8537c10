"""Amphora servers: boot, wait, release."""

from __future__ import annotations

import dataclasses
import datetime
import logging

from sriov_provider import vnic
from sriov_provider.compute.base import Server, ServerSpec
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import AmphoraRecord, AmphoraState, PortRecord, PortRole
from sriov_provider.worker.plan_amphora import server_name
from sriov_provider.worker.plan_model import AmphoraPlan
from sriov_provider.worker.run import Run, wait_for
from sriov_provider.worker.tasks.base import AmphoraStep, Step
from sriov_provider.worker.tasks.binding import no_vf
from sriov_provider.worker.tasks.ports import release_port

LOG = logging.getLogger(__name__)

# Seconds. No server boots faster; and to show one, Nova asks Neutron twice.
_FIRST_LOOK = 0.5
# A delete takes a second or more.
_DELETE_TIMEOUT = 60.0
_POLL = 0.5
_NO_HOST = "No valid host was found"


class RecordAmphora(AmphoraStep):
    """The intent is on record before the cloud is asked. Its undo is the last of an amphora that
    could not be built."""

    def execute(self) -> None:
        record = self.run.book.amphora(self.subject) or self.amphora.record
        self.run.book.save_amphora(record)

    def undo(self) -> None:
        release_amphora(self.run, self.subject)


def release_amphora(run: Run, amphora_id: str) -> None:
    """With all it has. The server first: its ports then need no detach."""
    record = run.book.amphora(amphora_id)
    if record is not None:
        ReleaseAmphora(run, record.id).execute()
    for port in run.book.ports(amphora_id):
        release_port(run, port, detach=False)


class EnsureServer(AmphoraStep):
    """A server for the amphora, found again by name if an earlier run made it."""

    def execute(self) -> None:
        record = self.run.book.amphora(self.subject)
        assert record is not None
        server = self._existing(record)
        if server is not None and server.status == "ERROR":
            release_server(self.run, dataclasses.replace(record, compute_id=server.id))
            server = None
        expires = record.certificate_expires
        if server is None:
            server, expires = self._boot(record)
        self.run.book.change_amphora(
            record.id,
            compute_id=server.id,
            state=AmphoraState.BOOTING,
            certificate_expires=expires,
        )

    def _existing(self, record: AmphoraRecord) -> Server | None:
        compute = self.run.services.compute
        if record.compute_id:
            return compute.get_server(record.compute_id)
        boot = self.amphora.boot
        assert boot is not None
        return compute.find_server(boot.name) if self.run.plan.adopt else None

    def _boot(self, record: AmphoraRecord) -> tuple[Server, datetime.datetime]:
        boot = self.amphora.boot
        assert boot is not None
        services = self.run.services
        files, user_data, expires = services.builder.boot_files(record.id, boot.topology)
        balancer = self.run.book.load_balancer
        spec = ServerSpec(
            name=boot.name,
            flavor=boot.flavor,
            image_id=services.compute.image_id(boot.image_tag, boot.image_owner),
            networks=boot.networks,
            port_ids=tuple(p.neutron_id or "" for p in booted_ports(self.run, self.amphora)),
            security_groups=boot.security_groups,
            key_name=boot.key_name,
            availability_zone=boot.availability_zone,
            server_group_id=balancer.server_group_id if balancer else None,
            files=files,
            user_data=user_data,
            owner=self.run.plan.owner,
        )
        return services.compute.create_server(spec), expires


def booted_ports(run: Run, amphora: AmphoraPlan) -> tuple[PortRecord, ...]:
    """The ports the server is booted with, the VIP's first."""
    rows = [p for p in run.book.ports(amphora.record.id) if p.id in amphora.boots_with]
    there = [p for p in rows if p.neutron_id]
    return tuple(sorted(there, key=lambda p: (p.role is not PortRole.VIP, p.network_id)))


class WaitServer(AmphoraStep):
    """Until Nova says ACTIVE and the management address is known."""

    def execute(self) -> None:
        record = self.run.book.amphora(self.subject)
        assert record is not None and record.compute_id is not None
        settings = self.run.services.settings.amphora
        late = ProviderError(
            Code.TIMEOUT,
            "The load balancer's amphora did not start in time.",
            f"Server {record.compute_id} of amphora {record.id} was not ACTIVE after "
            f"{settings.boot_timeout:g} s.",
            retriable=True,
        )
        interval = min(settings.boot_interval, 1.0)
        server = wait_for(
            lambda: self._active(record), settings.boot_timeout, interval, late, first=_FIRST_LOOK
        )
        address = wait_for(lambda: self._address(server), 30.0, interval, late)
        self.run.book.change_amphora(record.id, host=server.host, management_ip=address)
        self._tell_shared_host(server)

    def _tell_shared_host(self, server: Server) -> None:
        """Of those that stay."""
        plan = self.run.plan
        going = {self.subject, *(a.id for a in plan.release_amphorae)}
        there = [a for a in self.run.book.amphorae() if a.id not in going]
        others = [a for a in there if not plan.again or a.built_by == plan.job.id]
        for other in (a for a in others if server.host and a.host == server.host):
            LOG.warning(
                "Amphorae %s and %s of load balancer %s are both on host %s",
                self.subject, other.id, other.load_balancer_id, server.host,
            )  # fmt: skip

    def _active(self, record: AmphoraRecord) -> Server | None:
        assert record.compute_id is not None
        server = self.run.services.compute.get_server(record.compute_id)
        if server is None or server.status in ("ERROR", "DELETED"):
            fault = (server.fault if server else None) or "the server is gone"
            raise self._failed(f"Server {record.compute_id} failed to boot: {fault}")
        return server if server.status == "ACTIVE" else None

    def _failed(self, what: str) -> ProviderError:
        """Nova's words for a scheduler that found nothing do not tell of what; where VFs were
        asked for they are the scarce thing."""
        ports = booted_ports(self.run, self.amphora)
        vfs = tuple(p for p in ports if vnic.KINDS[p.vnic_type].takes_vf)
        if vfs and _NO_HOST in what:
            return no_vf(self.run, vfs, None, what)
        return ProviderError(
            Code.BOOT_FAILED,
            "No amphora could be started for the load balancer.",
            f"Amphora {self.subject}: {what}",
            retriable=True,
        )

    def _address(self, server: Server) -> str | None:
        network = self.amphora.management_network
        return self.run.services.compute.management_ip(server.id, network)


class ReleaseAmphora(Step):
    """The server goes and takes its management port with it; our ports are released apart."""

    def execute(self) -> None:
        if self.run.book.amphora(self.subject) is None:
            return
        record = self.run.book.change_amphora(self.subject, state=AmphoraState.RELEASING)
        release_server(self.run, record)
        self.run.book.drop_amphora(record)


def release_server(run: Run, record: AmphoraRecord) -> None:
    """Delete and wait until it is gone: its VFs are free only then, and a VIP must not answer
    twice."""
    compute, server_id = run.services.compute, record.compute_id
    if server_id is None:
        # The intent may be all that is on record of a create that went through.
        length = run.services.settings.amphora.random_name_length
        found = compute.find_server(server_name(record.id, length))
        if found is None:
            return
        server_id = found.id
    compute.delete_server(server_id)
    slow = ProviderError(
        Code.TIMEOUT,
        "The load balancer's amphora could not be removed in time.",
        f"Server {server_id} of amphora {record.id} still exists {_DELETE_TIMEOUT:g} s after its "
        "delete was accepted.",
        retriable=True,
    )
    gone = server_id

    def look() -> bool | None:
        return None if compute.has_server(gone) else True

    wait_for(look, _DELETE_TIMEOUT, _POLL, slow)
