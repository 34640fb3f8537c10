"""What all tasks have in common."""

from __future__ import annotations

import logging
from typing import Any

from taskflow import task

from sriov_provider.errors import ProviderError
from sriov_provider.worker.plan_model import AmphoraPlan
from sriov_provider.worker.run import Run

LOG = logging.getLogger(__name__)


class Step(task.Task):  # type: ignore[misc]  # taskflow has no type hints
    """A task of one run.

    :ivar subject: id of what it is about, part of its name (names are unique in a flow)
    """

    def __init__(self, run: Run, subject: str) -> None:
        super().__init__(name=f"{type(self).__name__}:{subject}")
        self.run = run
        self.subject = subject

    def pre_execute(self) -> None:
        """A worker that has lost the job does nothing more to it."""
        self.run.check_lease()

    def execute(self) -> None:
        raise AssertionError(f"{type(self).__name__} has no execute()")

    def undo(self) -> None:
        """Release what this task acquired in this run."""

    def revert(self, *_args: Any, **_kwargs: Any) -> None:
        """Undo; what cannot be released now stays in the inventory and is released later. What a
        worker that has lost the job made is the next one's."""
        try:
            self.run.check_lease()
            self.undo()
        except ProviderError as error:
            LOG.warning("%s: could not be undone: %s", self.name, error.reason)


class AmphoraStep(Step):
    """A task about one amphora."""

    def __init__(self, run: Run, amphora: AmphoraPlan) -> None:
        super().__init__(run, amphora.record.id)
        self.amphora = amphora
