"""Inside the amphora: agent, deny-all, firewall, configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sriov_provider.amphora.base import AmphoraView
from sriov_provider.errors import Code, ProviderError
from sriov_provider.firewall import document
from sriov_provider.firewall.closing import closing
from sriov_provider.records import AmphoraRecord, AmphoraState, PortRole, PortState
from sriov_provider.worker import roles
from sriov_provider.worker.plan import effective_filter
from sriov_provider.worker.run import PATIENCE, Run
from sriov_provider.worker.tasks.base import AmphoraStep, Step
from sriov_provider.worker.tasks.ports import vip_plug

LOG = logging.getLogger(__name__)


class WaitAgent(AmphoraStep):
    """Until the agent answers, with our extension; then nothing gets in until rules say so."""

    def execute(self) -> None:
        wait_agent(self.run, self.subject, self.run.services.settings.amphora.agent_timeout)
        apply_rules(self.run, self.subject, document.deny_all())


def wait_agent(run: Run, amphora_id: str, timeout: float) -> None:
    """Until it answers, and is one of ours.

    :param timeout: seconds
    :raises ProviderError: AGENT_UNREACHABLE, EXTENSION_MISSING
    """
    endpoint = run.endpoint(amphora_id)
    info = run.services.amphora.wait_ready(endpoint, timeout)
    if info.extension is None:
        raise ProviderError(
            Code.EXTENSION_MISSING,
            "The amphora image of this cloud does not support SR-IOV load balancers.",
            f"The agent of amphora {amphora_id} at {endpoint.address} has no security-group "
            "endpoint: build the image with the sriov-amphora-agent element.",
        )
    run.book.change_amphora(amphora_id, agent_version=info.extension)


def rules_for(run: Run, amphora_id: str) -> dict[str, Any]:
    """The whole rule document of an amphora, from what is on record."""
    serve = run.serve()
    going = {p.id for p in run.plan.release_ports}
    interfaces = tuple(
        document.Interface(
            mac=port.mac,
            filter=effective_filter(port, serve.flavor),
            vips=serve.vip_addresses() if port.role is PortRole.VIP else (),
            addresses=tuple(address for _, address in port.addresses),
        )
        for port in run.book.ports(amphora_id)
        if port.mac and port.state is PortState.ATTACHED and port.id not in going
    )
    peers = tuple(a.vrrp_ip for a in run.together() if a.id != amphora_id and a.vrrp_ip)
    pair = run.plan.topology != roles.SINGLE
    return document.document(
        serve,
        interfaces,
        peers=peers if pair else (),
        peer_port=document.peer_port(serve) if pair else None,
        echo=run.services.settings.amphora.allow_vip_echo,
    )


def apply_rules(run: Run, amphora_id: str, rules: Mapping[str, Any]) -> None:
    """Hand the document to the agent and record what is in force.

    While the agent is asked the record has no digest: when the answer gets lost, nobody knows
    which of the two documents is in force.
    """
    endpoint = run.endpoint(amphora_id)
    run.book.change_amphora(amphora_id, firewall_digest=None)
    state = run.services.amphora.apply_firewall(endpoint, rules)
    run.book.change_amphora(
        amphora_id, firewall_digest=state.digest or None, firewall_document=rules
    )


def in_force(record: AmphoraRecord | None, rules: Mapping[str, Any]) -> bool:
    """True when the amphora is known to have exactly these rules."""
    return bool(record and record.firewall_digest and record.firewall_document == rules)


class CloseFirewall(AmphoraStep):
    """What the new rules no longer allow is closed before haproxy changes.

    Answers of members are let in from here on: haproxy asks new members at once.
    """

    def execute(self) -> None:
        record = self.run.book.amphora(self.subject)
        self.before = record.firewall_document if record else None
        if not self.before:
            return
        closed = closing(self.before, rules_for(self.run, self.subject))
        if not in_force(record, closed):
            apply_rules(self.run, self.subject, closed)

    def undo(self) -> None:
        record = self.run.book.amphora(self.subject)
        before = getattr(self, "before", None)
        if before and record and not in_force(record, before):
            apply_rules(self.run, self.subject, before)


class OpenFirewall(AmphoraStep):
    """What the new rules allow is opened once haproxy serves it."""

    def execute(self) -> None:
        rules = rules_for(self.run, self.subject)
        if not in_force(self.run.book.amphora(self.subject), rules):
            apply_rules(self.run, self.subject, rules)


class Configure(AmphoraStep):
    """haproxy, LVS and certificates as the tree says."""

    def execute(self) -> None:
        run = self.run
        serve = run.serve()
        run.services.amphora.configure(
            run.endpoint(self.subject), serve, run.plan.topology, views(run),
            document.peer_port(serve),
        )  # fmt: skip


def views(run: Run) -> tuple[AmphoraView, ...]:
    """The load balancer's amphorae as each of them has to know the others."""
    return tuple(
        AmphoraView(a.id, a.management_ip, a.vrrp_ip, a.vrrp_port_id, a.role)
        for a in run.together()
        if a.management_ip and a.vrrp_ip and a.vrrp_port_id
    )


class ConfigureVrrp(AmphoraStep):
    """keepalived, which takes the VIP or waits to take it."""

    def execute(self) -> None:
        run = self.run
        run.services.amphora.configure_vrrp(
            run.endpoint(self.subject), run.serve(), views(run), vip_plug(run, self.subject)
        )


class YieldVip(Step):
    """It goes, and its peer need not wait for advertisements that do not come."""

    def execute(self) -> None:
        try:
            self.run.services.amphora.stop_vrrp(self.run.endpoint(self.subject), PATIENCE)
        except ProviderError as error:
            LOG.warning("Amphora %s does not hand over the VIP: %s", self.subject, error.reason)

    def undo(self) -> None:
        """It stays after all, unless it is being deleted already."""
        record = self.run.book.amphora(self.subject)
        if record is not None and record.serves:
            self.run.services.amphora.start_vrrp(self.run.endpoint(self.subject), PATIENCE)


class MarkStale(Step):
    """It does not answer: what this job changes, it misses."""

    def execute(self) -> None:
        LOG.warning("Amphora %s does not answer; the other one is changed alone", self.subject)
        self.run.book.change_amphora(self.subject, state=AmphoraState.STALE)


class MarkReady(AmphoraStep):
    """Everything the plan asked of this amphora is done; members may be made up for later."""

    def execute(self) -> None:
        lacks = self.run.lacks_members(self.subject)
        state = AmphoraState.STALE if lacks else AmphoraState.READY
        record = self.run.book.amphora(self.subject)
        if record is not None and record.state is not state:
            self.run.book.change_amphora(self.subject, state=state)
