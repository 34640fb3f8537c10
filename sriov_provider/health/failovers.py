"""Carries out what the policy decides: places the jobs."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import logging
import uuid
from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from sriov_provider import upkeep
from sriov_provider.db import failovers
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.health import policy
from sriov_provider.health.counts import Counts
from sriov_provider.health.policy import Decision, Rules, Verdict, View
from sriov_provider.records import Action, AmphoraRecord, Job, ObjectRef, ObjectType

LOG = logging.getLogger(__name__)


class Failovers:
    """One per process that hears heartbeats; of several, one places each job."""

    def __init__(
        self,
        sessions: Sessions,
        rules: Rules,
        counts: Counts,
        wake: Callable[[str], None] | None = None,
    ) -> None:
        """:param wake: called with the id of each job that was placed"""
        self._sessions = sessions
        self._rules = rules
        self._counts = counts
        self._wake = wake or (lambda _job_id: None)
        self._listening_since = utcnow()
        self._outage_at: datetime.datetime | None = None
        self._suspects: frozenset[str] = frozenset()
        self._looked_at: datetime.datetime | None = None
        self._last: frozenset[tuple[str, Verdict]] = frozenset()

    def interrupted(self) -> None:
        """Heartbeats may have been lost: silence means nothing for a while."""
        self._listening_since = utcnow()

    def check(self) -> tuple[Decision, ...]:
        """Look once.

        :returns: what was decided
        :raises ProviderError: DATABASE
        """
        now = utcnow()
        self._look_around(now)
        since, rules, suspects = self._listening_since, self._rules, self._suspects
        seen = self._sessions.read(lambda s: failovers.view(s, now, since, rules, suspects))
        if policy.outage(seen, rules):
            self._outage_at = now
        seen = dataclasses.replace(seen, outage_at=self._outage_at)
        decisions = policy.decide(seen, self._rules)
        placed = [d for d in decisions if d.verdict is Verdict.FAIL_OVER and self._place(d, seen)]
        self._tell(decisions)
        numbers = collections.Counter(decision.verdict for decision in decisions)
        self._counts.decided(numbers, len(placed))
        return decisions

    def _look_around(self, now: datetime.datetime) -> None:
        """Not at every look: it reads more than all the rest, and nobody is waiting for it."""
        last = self._looked_at
        if last and now - last < datetime.timedelta(seconds=self._rules.timeout):
            return
        self._suspects = self._sessions.read(failovers.suspects)
        self._looked_at = now

    def _place(self, decision: Decision, seen: View) -> bool:
        new = job(decision)
        history = seen.history(decision.load_balancer_id)
        latest = seen.now - datetime.timedelta(seconds=self._rules.timeout)
        work = functools.partial(
            failovers.place, decision=decision, seen=history, latest=latest, job=new
        )
        try:
            placed = self._sessions.run(work)
        except IntegrityError:  # another process was first, or the load balancer is gone
            return False
        if placed:
            LOG.warning(
                "Load balancer %s is failed over (job %s): %s",
                decision.load_balancer_id, new.id, decision.reason,
            )  # fmt: skip
            self._wake(new.id)
        return placed

    def _tell(self, decisions: tuple[Decision, ...]) -> None:
        """Each verdict about a load balancer once, not at every look."""
        for decision in decisions:
            known = (decision.load_balancer_id, decision.verdict) in self._last
            if not known and decision.verdict not in (Verdict.FAIL_OVER, Verdict.BUSY):
                LOG.warning(
                    "Load balancer %s is not failed over: %s",
                    decision.load_balancer_id, decision.reason,
                )  # fmt: skip
        self._last = frozenset((d.load_balancer_id, d.verdict) for d in decisions)


def job(decision: Decision) -> Job:
    """The job that carries a decision out. That for a whole load balancer is the user's as well,
    and Octavia hears of its end; replacing one amphora is our own matter."""
    load_balancer_id = decision.load_balancer_id
    if decision.missing:  # what is gone is replaced by what is missing
        return upkeep.failover(AmphoraRecord(str(uuid.uuid4()), load_balancer_id))
    if len(decision.amphora_ids) == 1:
        return upkeep.failover(AmphoraRecord(decision.amphora_ids[0], load_balancer_id))
    kind = ObjectType.LOADBALANCER
    ref = ObjectRef(kind, load_balancer_id, Action.FAILOVER)
    return Job(str(uuid.uuid4()), load_balancer_id, Action.FAILOVER, kind, load_balancer_id, (ref,))
