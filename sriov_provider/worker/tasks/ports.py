"""Ports in Neutron: allocate and release; the base VRRP port of the VIP."""

from __future__ import annotations

import dataclasses
import logging

from sriov_provider import vnic
from sriov_provider.amphora.base import VipPlug
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import PortSpec
from sriov_provider.records import PortRecord, PortRole, PortState
from sriov_provider.worker.plan_amphora import port_name
from sriov_provider.worker.plan_model import PortPlan
from sriov_provider.worker.run import Run, wait_for
from sriov_provider.worker.tasks.base import AmphoraStep, Step
from sriov_provider.worker.tasks.binding import noted, plug_port, read_back

LOG = logging.getLogger(__name__)

# Seconds.
_POLL = 0.5


def ensure_port(run: Run, plan: PortPlan) -> PortRecord:
    """The Neutron port of a plan, on record before and after Neutron is asked."""
    # A port that was on record and is no more has been released by this run.
    planned = dataclasses.replace(plan.record, neutron_id=None)
    record = run.book.save_port(run.book.port(plan.record.id) or planned)
    if record.neutron_id:
        return record
    name = port_name(record)
    port = run.found_port(name) or run.network.create_port(
        PortSpec(
            name=name,
            owner=run.plan.owner,
            network_id=record.network_id,
            subnet_ids=plan.subnet_ids,
            vnic_type=record.vnic_type,
            security_groups=_groups(run, record),
            allowed_addresses=plan.allowed_addresses,
            qos_policy_id=plan.qos_policy_id,
        )
    )
    return run.book.save_port(noted(record, port))


def _groups(run: Run, record: PortRecord) -> tuple[str, ...]:
    """The load balancer's own group, and on the VIP those the user asked for; enforced where
    Neutron filters."""
    balancer, serve = run.book.load_balancer, run.plan.serve
    assert balancer is not None and balancer.security_group_id is not None
    asked = serve.vip_sg_ids if serve and record.role is PortRole.VIP else ()
    return (balancer.security_group_id, *asked)


def release_port(run: Run, record: PortRecord, *, detach: bool) -> None:
    """Unplug (when its server stays) and delete the port; the row goes last."""
    run.book.save_port(dataclasses.replace(record, state=PortState.RELEASING))
    amphora = run.book.amphora(record.amphora_id)
    if record.neutron_id is None:
        # The answer to the create may have got lost.
        found = run.look_up_port(port_name(record))
        record = dataclasses.replace(record, neutron_id=found.id if found else None)
    if record.neutron_id is not None:
        if detach and amphora is not None and amphora.compute_id:
            run.services.compute.detach_port(amphora.compute_id, record.neutron_id)
            _wait_detached(run, record)
        run.network.delete_port(record.neutron_id)
    run.book.drop_port(record)


def _wait_detached(run: Run, record: PortRecord) -> None:
    timeout = run.services.settings.amphora.detach_timeout
    busy = ProviderError(
        Code.PORT_BUSY,
        "A network port of the load balancer could not be released in time.",
        f"Port {record.neutron_id} is still attached {timeout:g} s after its detach.",
        retriable=True,
    )

    def look() -> bool | None:
        assert record.neutron_id is not None
        port = run.network.port(record.neutron_id)
        if port is None or not port.device_id:
            return True
        # Nova has not finished that attach: it accepts a detach and does nothing.
        return True if vnic.judge(port.vif_type, port.host) is vnic.Binding.FAILED else None

    wait_for(look, timeout, _POLL, busy)


class EnsureVipPort(Step):
    """The base VRRP port, with the VIP addresses as allowed address pairs."""

    def __init__(self, run: Run, plan: PortPlan) -> None:
        super().__init__(run, plan.record.amphora_id)
        self.plan = plan

    def execute(self) -> None:
        record = ensure_port(self.run, self.plan)
        serve = self.run.plan.serve
        assert serve is not None
        self.run.book.change_amphora(
            record.amphora_id,
            vrrp_ip=dict(record.addresses).get(serve.vip_subnet_id),
            vrrp_port_id=record.neutron_id,
        )


class AttachVipPort(AmphoraStep):
    """The base port on its server. Released with the amphora."""

    def execute(self) -> None:
        record = self.run.book.vip_port(self.subject)
        assert record is not None
        plan = self.amphora.vip_port
        known = plan is not None and plan.record.neutron_id is not None
        there = known or record.id in self.amphora.boots_with
        plug_port(self.run, record, there=there)


class BindVipPort(AmphoraStep):
    """What the base port became."""

    def execute(self) -> None:
        record = self.run.book.vip_port(self.subject)
        assert record is not None
        record = read_back(self.run, record)
        self.run.book.save_port(dataclasses.replace(record, state=PortState.ATTACHED))


def vip_plug(run: Run, amphora_id: str) -> VipPlug:
    """What the agent needs to know of the VIP interface."""
    serve, port = run.plan.serve, run.book.vip_port(amphora_id)
    amphora = run.book.amphora(amphora_id)
    assert serve is not None and port is not None and port.mac and amphora is not None
    return VipPlug(
        vip_address=serve.vip_address,
        subnet=run.network.subnet(serve.vip_subnet_id),
        mac=port.mac,
        mtu=run.network.network(port.network_id).mtu,
        vrrp_ip=amphora.vrrp_ip or "",
        additional=tuple(
            (v.address, run.network.subnet(v.subnet_id)) for v in serve.additional_vips
        ),
    )


class PlugVip(AmphoraStep):
    """The VIP interface goes up inside the amphora, behind the deny-all rules."""

    def execute(self) -> None:
        run = self.run
        run.services.amphora.plug_vip(run.endpoint(self.subject), vip_plug(run, self.subject))


class SetVipQos(AmphoraStep):
    """The VIP's QoS policy is enforced on the base port."""

    def execute(self) -> None:
        record = self.run.book.vip_port(self.subject)
        _, policy = self.run.plan.vip_qos
        if record is not None and record.neutron_id:
            self.run.network.update_port(record.neutron_id, qos_policy_id=policy)


class SetVipGroups(AmphoraStep):
    """The groups the user asked for on the VIP, beside the load balancer's own."""

    def execute(self) -> None:
        record = self.run.book.vip_port(self.subject)
        if record is not None and record.neutron_id:
            groups = _groups(self.run, record)
            self.run.network.update_port(record.neutron_id, security_groups=groups)


class ReleasePort(Step):
    """A port nobody needs any more."""

    def __init__(self, run: Run, record: PortRecord, *, detach: bool) -> None:
        super().__init__(run, record.id)
        self.detach = detach

    def execute(self) -> None:
        record = self.run.book.port(self.subject)
        if record is None:
            return
        try:
            release_port(self.run, record, detach=self.detach)
        except ProviderError as error:
            if self.subject not in self.run.plan.leftovers:
                raise
            LOG.warning("Port %s is left to a later job: %s", record.neutron_id, error.reason)


class ReleaseTagged(Step):
    """Whatever still carries the load balancer's tag in Neutron, row or no row."""

    def execute(self) -> None:
        for port in self.run.all_ports():
            self.run.network.delete_port(port.id)
