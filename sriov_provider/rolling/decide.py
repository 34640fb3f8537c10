"""What is done next with amphorae that shall be replaced one after the other. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sriov_provider.records import Job, JobState
from sriov_provider.rolling.model import (
    Do,
    End,
    Ended,
    Found,
    Look,
    Outcome,
    Prospect,
    Room,
    Rules,
    Step,
    Target,
)


def in_order(targets: Iterable[Target]) -> list[Target]:
    """One load balancer after the other; of a pair first what stands by, as clients notice the
    other one only."""
    return sorted(targets, key=lambda t: (t.load_balancer_id, t.role != "BACKUP", t.amphora_id))


def following(targets: Iterable[Target], tried: Collection[str]) -> Target | None:
    """The next one; None when each has had its turn.

    :param tried: ids of amphorae
    """
    return next((t for t in in_order(targets) if t.amphora_id not in tried), None)


def admit(look: Look, waited: float, rules: Rules) -> Step:
    """Whether it is its turn, as far as our own tables tell.

    :param waited: seconds for its load balancer so far
    """
    if look.found is None:
        return Step(Do.PASS, "it is not on record any more")
    if look.job is not None:
        return _busy(look.job, waited, rules)
    if not look.wanted:
        return Step(Do.PASS, "it has been replaced or moved meanwhile")
    return Step(Do.REPLACE)


def _busy(job: Job, waited: float, rules: Rules) -> Step:
    what = f"load balancer {job.load_balancer_id} is being changed: {named(job)}"
    if waited < rules.patience:
        return Step(Do.WAIT, what)
    return Step(Do.SKIP, f"{what}, after {waited:.0f} s" if waited else what)


def named(job: Job) -> str:
    """A job that has not ended, for a person."""
    verb = "runs" if job.state is JobState.RUNNING else "waits"
    what = f"{job.action.value} of {job.object_type.value} {job.object_id}"
    return f"job {job.id} ({what}) {verb}"


def place(prospect: Prospect, rules: Rules) -> Step:
    """Whether there is room for what comes in its place."""
    if prospect.room is Room.NONE:
        return Step(Do.SKIP, prospect.why)
    if prospect.room is Room.UNKNOWN and prospect.risky and not rules.force:
        return Step(Do.SKIP, f"{prospect.why} It would go before the new one is there.")
    return Step(Do.REPLACE, prospect.why)


def outcome(target: Target, job_id: str, ended: Ended, complaint: str) -> Outcome:
    """:param complaint: why the new amphora is not what it was made for; empty when it is"""
    new = ended.replacement
    if ended.state is not JobState.DONE:
        return Outcome(target, End.FAILED, ended.reason or "see the worker's log", job_id)
    if new is None:
        words = "its job is done, but it was replaced by nothing"
        return Outcome(target, End.NO_NEED, words, job_id)
    if complaint:
        return Outcome(target, End.IN_VAIN, complaint, job_id, new)
    return Outcome(target, End.REPLACED, _by(new), job_id, new)


def _by(new: Found) -> str:
    return f"by {new.amphora_id} on {new.host or 'an unknown host'}"


def goes_on(last: Outcome, rules: Rules) -> bool:
    return rules.keep_going or not last.bad
