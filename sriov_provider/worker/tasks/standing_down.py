"""A lone amphora that another one takes over from: its traffic ends before the other one's begins,
its server may end later."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import AmphoraState
from sriov_provider.worker import facts
from sriov_provider.worker.plan_model import AmphoraPlan
from sriov_provider.worker.run import PATIENCE, Run
from sriov_provider.worker.tasks.base import Step
from sriov_provider.worker.tasks.members import in_vain
from sriov_provider.worker.tasks.ports import ReleasePort
from sriov_provider.worker.tasks.servers import ReleaseAmphora, release_amphora

LOG = logging.getLogger(__name__)


class AskLeaving(Step):
    """Whether it answers, while others are built: nobody waits for one that is dead."""

    def execute(self) -> None:
        record = self.run.book.amphora(self.subject)
        if record is not None and facts.answers(record, self.run.services.amphora):
            self.run.answering.add(self.subject)


class StandDown(Step):
    """Its interfaces go down, or all of it goes: where its agent does not do that, or where there
    has to be room for what follows. Nova is asked after it: it switches a guest off at once, which
    then does not answer any more."""

    def execute(self) -> None:
        run = self.run
        run.book.change_amphora(self.subject, state=AmphoraState.RELEASING)
        if self.subject in run.answering and not needs_room(run):
            try:
                run.services.amphora.stand_down(run.endpoint(self.subject), PATIENCE)
                return
            except ProviderError as error:
                LOG.warning("Amphora %s does not stand down: %s", self.subject, error.reason)
        if all(a.record.serves for a in run.plan.amphorae):
            # An earlier run has seen to it that it does not serve; nobody gets the VIP in this one.
            with _left_to_another_run(run, self.subject):
                release_amphora(run, self.subject)
        else:
            release_amphora(run, self.subject)


class LetServerGo(ReleaseAmphora):
    """Of one that has stood down: its end is not waited for at the cost of its successor."""

    def execute(self) -> None:
        if self.subject not in self.run.left:
            with _left_to_another_run(self.run, self.subject):
                super().execute()


class LetPortGo(ReleasePort):
    """A port of that server, once it is gone."""

    def execute(self) -> None:
        record = self.run.book.port(self.subject)
        if record is not None and self.run.book.amphora(record.amphora_id) is None:
            with _left_to_another_run(self.run, self.subject):
                super().execute()


@contextlib.contextmanager
def _left_to_another_run(run: Run, subject: str) -> Iterator[None]:
    """A failure is no failure of the job."""
    try:
        yield
    except ProviderError as error:
        if error.reason.code is Code.LEASE_LOST:
            raise
        LOG.warning("%s does not go yet: %s", subject, error.reason)
        run.left.add(subject)


def needs_room(run: Run) -> bool:
    """VFs or addresses are still to be had."""
    return any(a.vip_subnets or _lacks_interface(run, a) for a in run.plan.amphorae)


def _lacks_interface(run: Run, amphora: AmphoraPlan) -> bool:
    wanted = [p for p in amphora.hot_plugged if not in_vain(run, p)]
    rows = [run.book.port(p.record.id) for p in wanted]
    return any(row is None or row.neutron_id not in run.attached for row in rows)
