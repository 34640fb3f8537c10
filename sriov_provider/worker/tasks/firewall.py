"""The firewall of an amphora that holds something else than was applied."""

from __future__ import annotations

import logging

from sriov_provider.amphora.base import FirewallState
from sriov_provider.db.firewall_checks import Repair
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import AmphoraRecord
from sriov_provider.worker import drift
from sriov_provider.worker.run import PATIENCE, Run
from sriov_provider.worker.tasks.amphorae import apply_rules
from sriov_provider.worker.tasks.base import AmphoraStep

LOG = logging.getLogger(__name__)


class RepairFirewall(AmphoraStep):
    """What is on record is applied again, whole, if the kernel holds something else.

    Its failure is told in ``run.repairs``: one amphora must not keep the other from its rules.
    """

    def execute(self) -> None:
        self.drifted = False
        try:
            repaired = self._repair()
        except ProviderError as error:
            if error.reason.code is Code.LEASE_LOST:
                raise
            LOG.error("The firewall of amphora %s is not repaired: %s", self.subject, error.reason)
            repaired = False
        self.run.repairs.append(Repair(self.subject, self.drifted, repaired))

    def _repair(self) -> bool | None:
        record = self.run.book.amphora(self.subject)
        if record is None or record.firewall_document is None:
            return None
        state = look(self.run, self.subject)
        if not drift.differs(record.firewall_digest, state):
            return None
        self._tell(record, state)
        apply_rules(self.run, self.subject, record.firewall_document)
        applied = self.run.book.amphora(self.subject)
        if applied is None or not applied.firewall_digest:
            raise ProviderError(
                Code.AGENT_ERROR,
                "The load balancer's instance does not keep its firewall rules.",
                f"The agent of amphora {self.subject} took the rules, but its kernel holds others.",
            )
        LOG.info("The firewall of amphora %s is as it was applied again", self.subject)
        return True

    def _tell(self, record: AmphoraRecord, state: FirewallState) -> None:
        """Once: while it is repaired, and until that has worked, the record has no digest."""
        self.drifted = record.firewall_digest is not None
        if self.drifted:
            LOG.warning(
                "Firewall of amphora %s of load balancer %s is not what was applied: on record "
                "%s, the agent tells %s (table %s). It is applied again.",
                self.subject, record.load_balancer_id, record.firewall_digest,
                state.digest or "nothing", state.table or "unknown",
            )  # fmt: skip
        else:
            LOG.info("Firewall of amphora %s, not known for sure, is applied again", self.subject)


def look(run: Run, amphora_id: str) -> FirewallState:
    """:raises ProviderError: the agent does not answer"""
    try:
        return run.services.amphora.firewall(
            run.endpoint(amphora_id), counters=False, patience=PATIENCE
        )
    except ProviderError as error:
        return untold(error)


def untold(error: ProviderError) -> FirewallState:
    """An agent that is there but cannot tell, as when its table is gone, is told.

    :raises ProviderError: this error, when it says something else
    """
    if error.reason.code is not Code.AGENT_ERROR:
        raise error
    return FirewallState("")
