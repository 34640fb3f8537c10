"""Replaces amphorae one after the other, by jobs that the workers run.

All of drain, refresh and the failover of one amphora: they differ in the amphorae they pick, in
what they ask of the new one's place and in what they expect of it. Nothing is kept but which ones
have had their turn: run again, it goes on with what is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sqlalchemy.orm import Session

from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.records import Job
from sriov_provider.rolling import decide, records
from sriov_provider.rolling.model import (
    Do,
    End,
    Ended,
    Found,
    Look,
    Outcome,
    Prospect,
    Rules,
    Step,
    Target,
)

# Seconds between two looks into our own tables.
_POLL = 1.0
# Seconds after which a job that nobody has begun is worth a word.
_UNTOUCHED = 30.0


class Errand(Protocol):
    """What amphorae are replaced for."""

    def targets(self) -> Sequence[Target]:
        """As they are now; those that have had their turn may be among them."""

    def wanted(self, target: Target, found: Found) -> bool:
        """It still is what it was picked for."""

    def prospect(self, found: Found) -> Prospect:
        """The place of what comes in its place.

        :raises ProviderError: our tables cannot be read
        """

    def complaint(self, replacement: Found) -> str:
        """Why the new amphora is not what it was made for; empty when it is."""


class Progress(Protocol):
    """Is told how it goes."""

    def doing(self, done: int, total: int, target: Target, text: str, seconds: float) -> None:
        """May be told the same again and again.

        :param text: what happens to the target
        :param done: how many have had their turn
        :param seconds: since this one's began, or its job was placed
        """

    def ended(self, outcome: Outcome) -> None: ...


class Rolling:
    """One run."""

    def __init__(
        self,
        sessions: Sessions,
        errand: Errand,
        rules: Rules,
        progress: Progress,
        wake: Callable[[str], object] = lambda _job_id: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """:param wake: told the id of each job that is placed"""
        self._sessions = sessions
        self._errand = errand
        self._rules = rules
        self._progress = progress
        self._wake = wake
        self._sleep = sleep
        self._tried: list[str] = []
        self._total = 0

    def run(self) -> Iterator[Outcome]:
        """Replace them; each when its outcome is asked for.

        :raises ProviderError: our tables or, of what has to be replaced, the cloud cannot be read
        """
        while (target := self._next()) is not None:
            outcome = self._replace(target)
            self._progress.ended(outcome)
            yield outcome
            if not decide.goes_on(outcome, self._rules):
                return

    def _next(self) -> Target | None:
        targets = self._errand.targets()
        left = {t.amphora_id for t in targets} - set(self._tried)
        self._total = len(self._tried) + len(left)
        target = decide.following(targets, self._tried)
        if target is not None:
            self._tried.append(target.amphora_id)
        return target

    def preview(self) -> Iterator[tuple[Target, Step, Prospect]]:
        """What would be done now, each looked at by itself; nothing is changed."""
        for target in decide.in_order(self._errand.targets()):
            look = self._look(target)
            step, prospect = decide.admit(look, 0.0, self._rules), Prospect()
            if look.found is not None and step.do in (Do.REPLACE, Do.WAIT):
                prospect = self._errand.prospect(look.found)
                placed = decide.place(prospect, self._rules)
                step = step if step.do is Do.WAIT and placed.do is Do.REPLACE else placed
            yield target, step, prospect

    def _replace(self, target: Target) -> Outcome:
        waited = 0.0
        while True:
            look = self._look(target)
            step = decide.admit(look, waited, self._rules)
            if look.found is not None and step.do is Do.REPLACE:
                step = decide.place(self._errand.prospect(look.found), self._rules)
                job = self._place(look.found) if step.do is Do.REPLACE else None
                if job is not None:
                    return self._follow(target, job)
            if step.do is Do.PASS:
                return Outcome(target, End.NO_NEED, step.why)
            if step.do is Do.SKIP:
                return Outcome(target, End.SKIPPED, step.why)
            self._tell(target, f"waits: {step.why}" if step.why else "is looked at again", waited)
            self._sleep(_POLL)
            waited += _POLL

    def _look(self, target: Target) -> Look:
        def read(session: Session) -> Look:
            found = records.amphora(session, target.amphora_id)
            job = records.first_job(session, target.load_balancer_id)
            wanted = found is None or self._errand.wanted(target, found)
            return Look(target, found, wanted, job)

        return self._sessions.read(read)

    def _place(self, found: Found) -> Job | None:
        """None when another job was first."""
        job = self._sessions.run(lambda session: records.place(session, found))
        if job is not None:
            self._wake(job.id)
        return job

    def _follow(self, target: Target, job: Job) -> Outcome:
        if not self._rules.wait:
            return Outcome(target, End.PLACED, f"job {job.id} waits for a worker", job.id)
        waited = 0.0
        while True:
            ended = self._sessions.read(lambda s: records.ended(s, job.id, target.role))
            if ended is not None:
                return self._outcome(target, job, ended)
            if waited >= self._rules.timeout:
                words = f"job {job.id} has not ended after {waited:.0f} s; it goes on"
                return Outcome(target, End.RUNNING, words, job.id)
            self._tell(target, self._state(job, waited), waited)
            self._sleep(_POLL)
            waited += _POLL

    def _outcome(self, target: Target, job: Job, ended: Ended) -> Outcome:
        new = ended.replacement
        complaint = self._errand.complaint(new) if new else ""
        return decide.outcome(target, job.id, ended, complaint)

    def _state(self, job: Job, waited: float) -> str:
        now = self._sessions.read(lambda s: jobs.get(s, job.id))
        if now is None or now.attempt == 0:
            hint = ": does a worker run?" if waited >= _UNTOUCHED else ""
            return f"job {job.id} waits for a worker{hint}"
        return f"is being replaced{f', attempt {now.attempt}' if now.attempt > 1 else ''}"

    def _tell(self, target: Target, text: str, seconds: float) -> None:
        self._progress.doing(len(self._tried) - 1, self._total, target, text, seconds)
