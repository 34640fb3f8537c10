"""Member interfaces, and members on further subnets of the VIP's network."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from sriov_provider.amphora.base import NetworkPlug
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import PortRecord, PortState
from sriov_provider.worker.plan_model import AmphoraPlan, PortPlan, Retry
from sriov_provider.worker.run import Run, pause, replug_may_help
from sriov_provider.worker.tasks.base import AmphoraStep, Step
from sriov_provider.worker.tasks.binding import attach_port, gone, noted
from sriov_provider.worker.tasks.ports import ensure_port, release_port, vip_plug

LOG = logging.getLogger(__name__)

# Seconds before the second try of a run.
_PAUSE = 2.0


def in_vain(run: Run, plan: PortPlan) -> bool:
    """All members that need the interface have failed."""
    return bool(plan.members) and run.failed.keys() >= set(plan.members)


class MemberStep(Step):
    """About one member interface. Its failure is the failure of the members that need it, and of
    nothing else; unless the amphora is to be built another way when a VF is missing."""

    def __init__(self, run: Run, amphora: AmphoraPlan, plan: PortPlan) -> None:
        super().__init__(run, f"{plan.record.amphora_id}:{plan.record.network_id}")
        self.plan = plan
        self.new = plan.record.state is not PortState.ATTACHED
        booted = plan.record.id in amphora.boots_with
        self.there = booted or plan.record.neutron_id is not None
        self.elsewhere = amphora.elsewhere

    def act(self) -> None:
        raise AssertionError(f"{type(self).__name__} has no act()")

    def execute(self) -> None:
        if in_vain(self.run, self.plan):
            return
        error = self._try()
        if error and replug_may_help(error) and self.run.plan.retry_members is not Retry.NOW:
            # Traffic of the others does not wait for another run, and a moment mends much.
            pause(_PAUSE)
            error = self._try()
        if error and error.reason.code is Code.NO_VF and self.elsewhere:
            raise error
        if error:
            self.run.fail_members(self.plan.members, error)

    def _try(self) -> ProviderError | None:
        try:
            self.act()
        except ProviderError as error:
            LOG.warning("%s: %s", self.name, error.reason)
            if not self.goes_on(error):
                super().revert()
            return error
        return None

    def goes_on(self, error: ProviderError) -> bool:
        """After this error, another step goes on with what there is by now."""
        return False

    def undo(self) -> None:
        record = self.run.book.port(self.plan.record.id)
        if self.new and record is not None:
            self.run.attached.discard(record.neutron_id or "")
            release_port(self.run, record, detach=True)


class EarlyStep(MemberStep):
    """While its amphora is built. Where it may have to wait for the room of an amphora that goes,
    this is no more than an attempt."""

    def __init__(
        self, run: Run, amphora: AmphoraPlan, plan: PortPlan, *, room: bool = True
    ) -> None:
        """:param room: there will not be more of it later"""
        super().__init__(run, amphora, plan)
        self.room = room

    def execute(self) -> None:
        if self.room:
            super().execute()
            return
        error = None if in_vain(self.run, self.plan) else self._try()
        # Nova keeps what it has claimed for such a port: it is not tried twice.
        if error and error.reason.code is Code.BINDING_FAILED:
            self.run.fail_members(self.plan.members, error)

    def revert(self, *_args: Any, **_kwargs: Any) -> None:
        """All of an amphora that is not built goes with its server: a guest that has not come up
        would not let go of an interface."""


class EnsureMemberPort(EarlyStep):
    """The port of a member interface; its server may not be there yet."""

    def act(self) -> None:
        ensure_port(self.run, self.plan)

    def undo(self) -> None:
        record = self.run.book.port(self.plan.record.id)
        if record is not None:
            release_port(self.run, record, detach=False)


class AttachMember(EarlyStep):
    """A member interface on its server, with all its addresses. What could not be had a moment ago
    waits for its turn."""

    def execute(self) -> None:
        record = self.run.book.port(self.plan.record.id)
        if self.room or (record is not None and record.neutron_id):
            super().execute()

    def goes_on(self, error: ProviderError) -> bool:
        """A guest that is still booting would not let go of the interface."""
        return not self.room and error.reason.code is not Code.BINDING_FAILED

    def act(self) -> None:
        record = attach_port(self.run, ensure_port(self.run, self.plan), there=self.there)
        add_subnets(self.run, record, self.plan.subnet_ids)
        assert record.neutron_id is not None
        self.run.attached.add(record.neutron_id)


class PlugMemberNetwork(MemberStep):
    """One member interface, in the cloud and in the guest."""

    def act(self) -> None:
        """On record as attached only at the end: an interface that the guest has not set up is
        plugged again by the next run."""
        run = self.run
        record = ensure_port(run, self.plan)
        if self.new and record.neutron_id not in run.attached:
            record = attach_port(run, record, there=self.there)
        record = add_subnets(run, record, self.plan.subnet_ids)
        endpoint = run.endpoint(record.amphora_id)
        run.services.amphora.plug_network(endpoint, network_plug(run, record))
        run.book.save_port(dataclasses.replace(record, state=PortState.ATTACHED))


class UnplugFailed(MemberStep):
    """A member that one amphora of a pair cannot reach is served by neither."""

    def execute(self) -> None:
        if self.new and in_vain(self.run, self.plan):
            try:
                self.undo()
            except ProviderError as error:
                LOG.warning("%s: left to a later job: %s", self.name, error.reason)

    def revert(self, *_args: Any, **_kwargs: Any) -> None:
        """What is unplugged stays so."""


def network_plug(run: Run, record: PortRecord) -> NetworkPlug:
    """What the agent needs to know of a member interface."""
    assert record.mac
    return NetworkPlug(
        mac=record.mac,
        mtu=run.network.network(record.network_id).mtu,
        addresses=tuple((address, run.network.subnet(s)) for s, address in record.addresses),
    )


def add_subnets(run: Run, record: PortRecord, subnets: tuple[str, ...]) -> PortRecord:
    """An address from each of these subnets the port has none from; not on record yet."""
    if {subnet for subnet, _ in record.addresses}.issuperset(subnets):
        return record
    assert record.neutron_id is not None
    port = run.network.port(record.neutron_id)
    if port is None:
        raise gone(record)
    # An earlier run may have got the address without living to record it.
    have = {ip.subnet_id for ip in port.fixed_ips}
    missing = tuple(s for s in subnets if s not in have)
    return noted(record, run.network.add_port_addresses(port, missing) if missing else port)


class ExtendVipPort(AmphoraStep):
    """Members on further subnets of the VIP's own network get an address on the VIP port."""

    def execute(self) -> None:
        run, amphora = self.run, self.amphora
        record = run.book.vip_port(self.subject)
        assert record is not None
        try:
            record = add_subnets(run, record, amphora.vip_subnets)
            run.services.amphora.plug_network_on_vip(
                run.endpoint(self.subject),
                vip_plug(run, self.subject),
                network_plug(run, record),
            )
        except ProviderError as error:
            run.fail_members(amphora.vip_members, error)
            LOG.warning("%s: %s", self.name, error.reason)
            return
        run.book.save_port(record)
