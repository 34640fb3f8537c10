"""Looks at the servers of all amphorae at once, and has those put right that are not what is on
record."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import logging
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from sriov_provider import upkeep
from sriov_provider.compute.fleet import Fleet
from sriov_provider.db import fleet
from sriov_provider.db.engine import Sessions
from sriov_provider.db.fleet import Kept, Row
from sriov_provider.db.types import utcnow
from sriov_provider.records import AmphoraRecord
from sriov_provider.worker import moves
from sriov_provider.worker.moves import Verdict, What

LOG = logging.getLogger(__name__)

# Jobs placed in one look: a whole host that was evacuated must not keep users' jobs waiting.
BATCH = 16
# Rows in one transaction: a Galera cluster takes no big ones.
_ROWS = 500


class Servers:
    """A chore (:mod:`sriov_provider.worker.chores`)."""

    def __init__(
        self,
        sessions: Sessions,
        nova: Fleet,
        interval: float,
        replace: bool,
        wake: Callable[[str], None],
    ) -> None:
        """:param replace: whether what cannot be put right is replaced
        :param wake: called with the id of a job that is to be run
        """
        self._sessions = sessions
        self._nova = nova
        self._interval = interval
        self._replace = replace
        self._wake = wake
        self._gone: frozenset[str] = frozenset()

    def __call__(self) -> Mapping[str, Any]:
        """Look once.

        :returns: numbers of amphorae by what is done about them
        :raises ProviderError: Nova or our tables cannot be asked
        """
        # Our tables last: what they have by then Nova may lack for a good reason only.
        seen = self._nova.sightings()
        now = utcnow()
        found = [(one, self._judge(one, seen, now)) for one in self._sessions.read(fleet.kept)]
        self._tell_gone([one for one, verdict in found if verdict.what is What.GONE])
        rows = [v.row for _, v in found if v.what is What.NOTE and v.row]
        for start in range(0, len(rows), _ROWS):
            self._note(rows[start : start + _ROWS])
        todo = [(one, v) for one, v in found if v.what in (What.REFRESH, What.REPLACE)]
        for one, verdict in todo[:BATCH]:
            self._place(one, verdict)
        counts = collections.Counter(verdict.what.value for _, verdict in found)
        return {what.value: counts[what.value] for what in What}

    def _judge(self, one: Kept, seen: Mapping[str, Any], now: datetime.datetime) -> Verdict:
        return moves.judge(one, seen.get(one.compute_id), now, self._interval, self._replace)

    def _note(self, rows: list[Row]) -> None:
        try:
            self._sessions.run(lambda session: fleet.save(session, rows))
        except IntegrityError as error:  # an amphora has gone: at the next look
            LOG.debug("Servers not noted: %s", error)

    def _place(self, one: Kept, verdict: Verdict) -> None:
        assert verdict.row is not None
        amphora = AmphoraRecord(one.amphora_id, one.load_balancer_id)
        make = upkeep.failover if verdict.what is What.REPLACE else upkeep.refresh
        job = make(amphora)
        row = dataclasses.replace(verdict.row, job_id=job.id)
        try:
            placed = self._sessions.run(lambda session: fleet.place(session, row, job))
        except IntegrityError:  # it has gone at this very moment
            return
        if placed:
            LOG.warning(
                "Server %s of amphora %s is not what it was (%s): job %s, %s",
                one.compute_id, one.amphora_id, verdict.why, job.id, verdict.what.value,
            )  # fmt: skip
            self._wake(job.id)

    def _tell_gone(self, gone: list[Kept]) -> None:
        """Each once. A cell of Nova that is away may be why, so nothing is done about it here."""
        for one in gone:
            if one.amphora_id not in self._gone:
                LOG.warning(
                    "Server %s of amphora %s of load balancer %s is not in Nova's list",
                    one.compute_id, one.amphora_id, one.load_balancer_id,
                )  # fmt: skip
        self._gone = frozenset(one.amphora_id for one in gone)
