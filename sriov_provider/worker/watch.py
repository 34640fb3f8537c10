"""Looks at the firewall of every serving amphora once in an interval, together with all other
workers, and has those repaired that are not what was applied, and those brought up to date that
were away while something changed or whose configuration somebody else has changed."""

from __future__ import annotations

import datetime
import itertools
import logging
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session

from sriov_provider import upkeep
from sriov_provider.amphora.base import AmphoraClient, Endpoint, FirewallState
from sriov_provider.db import firewall_checks
from sriov_provider.db.engine import Sessions
from sriov_provider.db.firewall_checks import Look, Watched
from sriov_provider.db.types import utcnow
from sriov_provider.errors import ProviderError
from sriov_provider.records import Action, AmphoraRecord, Job, ObjectType
from sriov_provider.worker import drift
from sriov_provider.worker.run import PATIENCE
from sriov_provider.worker.tasks.firewall import untold

LOG = logging.getLogger(__name__)

# Amphorae taken at once, and asked at the same time.
BATCH = 32
AT_ONCE = 4
# Times of the next look among those of a batch.
_TIMES = 4
# Seconds between two questions whether there is something to look at.
_TICK = 1.0
# Seconds after which others may look at what this worker has taken; longer than a batch takes.
_CLAIM = 120.0


class Watch:
    """One per worker. It has threads of its own only while several agents are asked."""

    def __init__(
        self,
        sessions: Sessions,
        amphora: AmphoraClient,
        interval: float,
        wake: Callable[[str], None],
    ) -> None:
        """:param interval: seconds
        :param wake: called with the id of a job that is to be run
        """
        self._sessions = sessions
        self._amphora = amphora
        self._interval = interval
        self._wake = wake

    def keep(self, stop: threading.Event) -> None:
        """Look whenever a look is due, until ``stop`` is set."""
        while not stop.wait(min(_TICK, self._interval / 10)):
            try:
                while self.look() == BATCH and not stop.is_set():
                    pass
            except ProviderError as error:
                LOG.warning("Firewalls are not looked at: %s", error.reason)

    def look(self, now: datetime.datetime | None = None) -> int:
        """Look at what is due, up to a batch.

        :returns: at how many
        :raises ProviderError: DATABASE
        """
        moment = now or utcnow()
        seen = self._sessions.read(lambda s: firewall_checks.due(s, moment, BATCH))
        if not seen:
            return 0
        until = moment + datetime.timedelta(seconds=max(_CLAIM, self._interval))
        mine = firewall_checks.claim(self._sessions, seen, moment, until)
        if mine:
            self._look_at(mine, moment)
        return len(mine)

    def told(self, watched: Watched, state: FirewallState, look: Look | None = None) -> bool:
        """An amphora has told what its kernel holds, asked or of its own accord.

        :param watched: the amphora as it was on record before that
        :param look: to be written in the same transaction
        :returns: True when it is going to be repaired
        """
        looks = [look] if look else []
        differs = _behind(watched, state) or drift.differs(watched.digest, state)
        job = _job(watched, state)

        def write(session: Session) -> bool:
            firewall_checks.settle(session, looks, utcnow())
            return differs and firewall_checks.suspect(session, watched, job)

        repair = self._sessions.run(write) if looks or differs else False
        if repair:
            _tell_files(watched, state)
            self._wake(job.id)
        return repair

    def _look_at(self, mine: tuple[Watched, ...], now: datetime.datetime) -> None:
        ids = [watched.amphora_id for watched in mine]
        macs = self._sessions.read(lambda s: firewall_checks.macs(s, ids))

        # A few for all that are in order: one statement writes what came of many.
        times = [self._next(now, 0) for _ in range(_TIMES)]

        def ask(watched: Watched, again: datetime.datetime) -> Look | None:
            return self._ask(watched, macs[watched.amphora_id], now, again)

        if len(mine) == 1:
            looks = [ask(mine[0], times[0])]
        else:
            with ThreadPoolExecutor(min(AT_ONCE, len(mine)), "firewall") as threads:
                looks = list(threads.map(ask, mine, itertools.cycle(times)))
        quiet = [look for look in looks if look]
        self._sessions.run(lambda s: firewall_checks.settle(s, quiet, utcnow()))

    def _ask(
        self,
        watched: Watched,
        macs: tuple[str, ...],
        now: datetime.datetime,
        again: datetime.datetime,
    ) -> Look | None:
        """None when what came of it is written already.

        :param again: when it is looked at next if it is in order
        """
        try:
            state = self._state(Endpoint(watched.amphora_id, watched.address))
        except ProviderError as error:
            return self._silent(watched, error, now)
        missing = drift.missing(macs, state)
        _tell(watched, missing)
        behind = _behind(watched, state)
        if not behind and not drift.differs(watched.digest, state):
            return Look(watched, again, True, 0, missing)
        # One that cannot be repaired is not tried again sooner because its agent answers.
        failures = watched.failures + int(behind)
        later = self._next(now, failures)
        self.told(watched, state, Look(watched, later, True, failures, missing))
        return None

    def _state(self, endpoint: Endpoint) -> FirewallState:
        try:
            return self._amphora.firewall(endpoint, counters=False, patience=PATIENCE)
        except ProviderError as error:
            return untold(error)

    def _silent(self, watched: Watched, error: ProviderError, now: datetime.datetime) -> Look:
        level = logging.DEBUG if watched.failures else logging.WARNING
        LOG.log(level, "Firewall of amphora %s not seen: %s", watched.amphora_id, error.reason)
        failures = watched.failures + 1
        return Look(watched, self._next(now, failures), False, failures)

    def _next(self, now: datetime.datetime, failures: int) -> datetime.datetime:
        return drift.next_look(now, self._interval, failures, random.random())


def _tell(watched: Watched, missing: tuple[str, ...]) -> None:
    """Once for each interface."""
    new = sorted(set(missing) - set(watched.missing))
    if new:
        LOG.warning(
            "Amphora %s of load balancer %s has no interface with MAC address %s any more; a "
            "failover makes new ones.",
            watched.amphora_id, watched.load_balancer_id, ", ".join(new),
        )  # fmt: skip


def _tell_files(watched: Watched, state: FirewallState) -> None:
    if state.changed_files:
        LOG.warning(
            "Amphora %s of load balancer %s has files that somebody else has changed, it is "
            "configured again: %s",
            watched.amphora_id, watched.load_balancer_id, ", ".join(state.changed_files),
        )  # fmt: skip


def _behind(watched: Watched, state: FirewallState) -> bool:
    """More than its rules is to be sent to it again."""
    return watched.stale or bool(state.changed_files)


def _job(watched: Watched, state: FirewallState) -> Job:
    lb_id, kind = watched.load_balancer_id, ObjectType.LOADBALANCER
    if _behind(watched, state):
        return upkeep.refresh(AmphoraRecord(watched.amphora_id, lb_id))
    return Job(str(uuid.uuid4()), lb_id, Action.REPAIR, kind, lb_id)
