"""What ``sriov-provider sweep --delete`` does, as a chore of the workers."""

from __future__ import annotations

import collections
import logging
from collections.abc import Mapping
from typing import Any

from sriov_provider.sweep.sweeper import Findings, Sweeper

LOG = logging.getLogger(__name__)


class Sweeps:
    """A chore (:mod:`sriov_provider.worker.chores`)."""

    def __init__(self, sweeper: Sweeper, dry_run: bool) -> None:
        """:param dry_run: only tell what would be deleted"""
        self._sweeper = sweeper
        self._dry_run = dry_run
        self._told: frozenset[str] = frozenset()

    def __call__(self) -> Mapping[str, Any]:
        """Sweep once.

        :returns: numbers by kind of what is ``missing``, ``leaked``, and of that ``deleted``
        :raises ProviderError: the cloud or our tables cannot be read or written
        """
        found = self._sweeper.find()
        self._tell(found)
        deleted: collections.Counter[str] = collections.Counter()
        if not self._dry_run:
            swept = list(self._sweeper.delete(found.leaks))
            deleted.update(one.leak.found.kind.value for one in swept if one.done)
            self._sweeper.tidy()
        return {
            "leaked": collections.Counter(leak.found.kind.value for leak in found.leaks),
            "deleted": deleted,
            "missing": collections.Counter(held.kind.value for held in found.missing),
        }

    def _tell(self, found: Findings) -> None:
        """Each once, not at every sweep."""
        for leak in found.leaks:
            if leak.found.id not in self._told:
                LOG.warning(
                    "%s %s (%s) of load balancer %s is left behind: %s",
                    leak.found.kind.value, leak.found.id, leak.found.name, leak.load_balancer_id,
                    leak.why,
                )  # fmt: skip
        for held in found.missing:
            if held.id not in self._told:
                LOG.warning(
                    "%s %s of load balancer %s is on record, but not in the cloud",
                    held.kind.value, held.id, held.load_balancer_id,
                )  # fmt: skip
        ids = (*(leak.found.id for leak in found.leaks), *(held.id for held in found.missing))
        self._told = frozenset(i for i in ids if i)
