"""An amphora whose server may be another one than it was: moved, rebuilt, or started again."""

from __future__ import annotations

import logging

from sriov_provider.errors import Code, ProviderError
from sriov_provider.firewall import document
from sriov_provider.records import PortRecord, PortRole, PortState
from sriov_provider.worker.run import Run
from sriov_provider.worker.tasks.amphorae import apply_rules, wait_agent
from sriov_provider.worker.tasks.base import AmphoraStep
from sriov_provider.worker.tasks.binding import read_back
from sriov_provider.worker.tasks.members import network_plug
from sriov_provider.worker.tasks.ports import vip_plug

LOG = logging.getLogger(__name__)

# Seconds. It may be starting; it may as well have lost its certificate, and never answer again.
_AGENT_TIMEOUT, _AGENT_TIMEOUT_LATER = 60.0, 5.0


class ReadAnew(AmphoraStep):
    """Where it runs, and what its ports became there: who filters them may have changed. Then its
    last rules are put in force again, whatever the record says of them."""

    def execute(self) -> None:
        run = self.run
        record = run.book.amphora(self.subject)
        assert record is not None and record.compute_id is not None
        server = run.services.compute.get_server(record.compute_id)
        if server is None:
            raise ProviderError(
                Code.NOT_FOUND,
                "An amphora of the load balancer is gone.",
                f"Server {record.compute_id} of amphora {record.id} is gone; a failover makes "
                "another one.",
            )
        if server.host != record.host:
            LOG.info("Amphora %s is on host %s, was on %s", record.id, server.host, record.host)
        run.book.change_amphora(record.id, host=server.host, firewall_digest=None)
        for port in attached(run, self.subject):
            read_back(run, port)
        first = run.plan.job.attempt <= 1
        wait_agent(run, self.subject, _AGENT_TIMEOUT if first else _AGENT_TIMEOUT_LATER)
        apply_rules(run, self.subject, record.firewall_document or document.deny_all())


class PlugAnew(AmphoraStep):
    """Its interfaces are set up inside, behind its rules, as far as they are not."""

    def execute(self) -> None:
        run, amphora = self.run, self.run.services.amphora
        endpoint = run.endpoint(self.subject)
        for port in attached(run, self.subject):
            if port.role is not PortRole.VIP:
                amphora.plug_network(endpoint, network_plug(run, port))
                continue
            plug = vip_plug(run, self.subject)
            amphora.plug_vip(endpoint, plug)
            if _has_members(run, port):
                amphora.plug_network_on_vip(endpoint, plug, network_plug(run, port))


def attached(run: Run, amphora_id: str) -> tuple[PortRecord, ...]:
    """Those on record that it has and that stay, the VIP's first."""
    going = {port.id for port in run.plan.release_ports}
    found = (p for p in run.book.ports(amphora_id) if p.state is PortState.ATTACHED)
    there = (p for p in found if p.neutron_id and p.id not in going)
    return tuple(sorted(there, key=lambda p: (p.role is not PortRole.VIP, p.network_id)))


def _has_members(run: Run, vip: PortRecord) -> bool:
    """It has addresses on further subnets, for members."""
    serve = run.serve()
    own = {serve.vip_subnet_id, *(more.subnet_id for more in serve.additional_vips)}
    return any(subnet not in own for subnet, _ in vip.addresses)
