"""An amphora that the next plan of the same job needs, built while this plan works."""

from __future__ import annotations

import logging

from taskflow import flow as base_flow

from sriov_provider.errors import Code, ProviderError
from sriov_provider.worker import engine
from sriov_provider.worker.run import Run
from sriov_provider.worker.tasks.base import Step
from sriov_provider.worker.tasks.servers import release_amphora

LOG = logging.getLogger(__name__)


class BuildAhead(Step):
    """Built and plugged, behind rules that let nothing in. Where that fails it is given back, and
    the next plan begins anew; what lacks a member's interface the next plan looks at again."""

    def __init__(self, run: Run, ahead: Run, flow: base_flow.Flow) -> None:
        """:param ahead: of the plan ahead; what fails there is not on record here
        :param flow: of that run
        """
        (amphora,) = ahead.plan.amphorae
        super().__init__(run, amphora.record.id)
        self.ahead, self.flow = ahead, flow

    def execute(self) -> None:
        try:
            engine.run(self.flow)
        except ProviderError as error:
            if error.reason.code is Code.LEASE_LOST:
                raise
            LOG.warning("Amphora %s is not built ahead: %s", self.subject, error.reason)
            return
        if self.ahead.failed.keys() == self.ahead.plan.failed.keys():
            self.run.prepared.add(self.subject)

    def undo(self) -> None:
        release_amphora(self.run, self.subject)
