"""The job queue: rows that workers own for a while by compare-and-swap.

A job is claimed by an UPDATE whose WHERE repeats everything that made it claimable; of several
workers only one changes the row. That needs no row locks and holds on SQLite, MariaDB, Galera
(where the loser's commit fails and is run again) and PostgreSQL. The number of the attempt is the
fence: whoever holds an older number has lost the job.

Times are the caller's clock in UTC: hosts must agree to well within ``lease_seconds``.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from sriov_provider.db import models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Action, Job, JobState, ObjectRef, ObjectType

# Nobody but the API asks for these; failovers and repairs have other authors too.
REQUESTED = (Action.CREATE.value, Action.UPDATE.value, Action.DELETE.value)
UNFINISHED = (JobState.PENDING.value, JobState.RUNNING.value)
# Candidates looked at in one claim: more workers than this never compete for the same one.
CANDIDATES = 16


def enqueue(session: Session, job: Job, now: datetime.datetime | None = None) -> Job:
    """Write a job as pending; writing the same id again changes nothing.

    :returns: the job as stored, with ``created_at``
    """
    known = get(session, job.id)
    if known is not None:
        return known
    row = models.Job(
        id=job.id,
        load_balancer_id=job.load_balancer_id,
        action=job.action.value,
        object_type=job.object_type.value,
        object_id=job.object_id,
        objects=[_ref_to_json(ref) for ref in job.objects],
        cascade_children=job.cascade,
        state=JobState.PENDING.value,
        attempt=0,
        placement=0,
        created_at=job.created_at or now or utcnow(),
    )
    session.add(row)
    session.flush()
    return _record(row)


def get(session: Session, job_id: str) -> Job | None:
    """The job with this id, or None."""
    row = session.scalar(sa.select(models.Job).where(models.Job.id == job_id))
    return None if row is None else _record(row)


def unfinished(session: Session, load_balancer_id: str) -> tuple[Job, ...]:
    """Jobs of a load balancer that are pending or running, oldest first."""
    query = (
        sa.select(models.Job)
        .where(models.Job.load_balancer_id == load_balancer_id, models.Job.state.in_(UNFINISHED))
        .order_by(models.Job.seq)
    )
    return tuple(_record(row) for row in session.scalars(query))


def overtaken(session: Session, job: Job, before: datetime.datetime) -> bool:
    """Whether the API has asked for something else of the load balancer since.

    :param before: requests after this time do not count
    """
    later = models.Job
    query = sa.select(later.id).where(
        later.load_balancer_id == job.load_balancer_id,
        later.id != job.id,
        later.state.in_(UNFINISHED),
        later.action.in_(REQUESTED),
        later.created_at <= before,
        later.created_at >= job.created_at,
    )
    return session.scalar(query.limit(1)) is not None


def busy(session: Session, load_balancer_ids: Collection[str]) -> frozenset[str]:
    """Those of these load balancers that have a job pending or running."""
    query = sa.select(models.Job.load_balancer_id).where(
        models.Job.load_balancer_id.in_(list(load_balancer_ids)), models.Job.state.in_(UNFINISHED)
    )
    return frozenset(session.scalars(query))


def claim(
    sessions: Sessions,
    owner: str,
    lease_seconds: float,
    job_id: str | None = None,
    now: datetime.datetime | None = None,
) -> Job | None:
    """Take one job: this one, or the oldest that can be taken.

    A job can be taken when it is pending and due, or running with an expired lease, and no earlier
    job of its load balancer is unfinished.

    :param owner: who takes it, for a person to read
    :returns: the job, running, with its ``attempt`` counted up; None when there is nothing to take
    :raises ProviderError: DATABASE
    """
    moment = now or utcnow()
    for seen in sessions.read(lambda session: _claimable(session, moment, job_id)):
        taken = _try_claim(sessions, seen, owner, moment, lease_seconds)
        if taken is not None:
            return taken
    return None


def renew(
    session: Session, job: Job, lease_seconds: float, now: datetime.datetime | None = None
) -> Job:
    """Keep a running job for ``lease_seconds`` more, from now.

    :raises ProviderError: LEASE_LOST when another worker has it, or it is not running
    """
    expires = (now or utcnow()) + datetime.timedelta(seconds=lease_seconds)
    if not _swap(session, job, lease_expires=expires):
        raise lost(job)
    return dataclasses.replace(job, lease_expires=expires)


def fence(job: Job, lease_seconds: float) -> Callable[[Session], Job]:
    """Part of a transaction that nobody but this attempt of a job may commit: see :func:`renew`.

    The lease is renewed, not only read: the row stays locked until the end, and where several nodes
    write (Galera) a claim elsewhere makes one of the two commits fail.
    """
    return functools.partial(renew, job=job, lease_seconds=lease_seconds)


def finish(
    session: Session, job: Job, state: JobState, now: datetime.datetime | None = None
) -> bool:
    """End a running job as DONE or FAILED.

    :returns: False when this very attempt had been finished before: a commit whose answer got lost
    :raises ProviderError: LEASE_LOST when another worker has it
    """
    values = {"state": state.value, "finished_at": now or utcnow()}
    if _swap(session, job, running_load_balancer_id=None, lease_expires=None, **values):
        return True
    current = get(session, job.id)
    if current is None or (current.state, current.attempt) != (state, job.attempt):
        raise lost(job)
    return False


def release(
    session: Session, job: Job, delay: float = 0.0, now: datetime.datetime | None = None
) -> Job:
    """Give a running job back, to be run again after ``delay`` seconds.

    Later jobs of the same load balancer go on waiting for it.

    :raises ProviderError: LEASE_LOST when another worker has it
    """
    due = (now or utcnow()) + datetime.timedelta(seconds=delay)
    swapped = _swap(
        session,
        job,
        state=JobState.PENDING.value,
        running_load_balancer_id=None,
        lease_owner=None,
        lease_expires=None,
        not_before=due,
    )
    if not swapped:
        raise lost(job)
    return dataclasses.replace(job, state=JobState.PENDING, lease_owner=None, lease_expires=None)


def put_back(session: Session, job: Job, delay: float, now: datetime.datetime | None = None) -> Job:
    """As :func:`release`, for a run that could not begin: it does not count as an attempt.

    :raises ProviderError: LEASE_LOST when another worker has it
    """
    released = release(session, job, delay, now)
    query = sa.update(models.Job).where(models.Job.id == job.id)
    changed(session, query.values(attempt=models.Job.attempt - 1))
    return dataclasses.replace(released, attempt=job.attempt - 1)


def place_elsewhere(session: Session, job: Job, hosts: Collection[str]) -> Job:
    """A running job has found no VF where it tried: on record, the next try is another one.

    :param hosts: compute hosts that were found to have none
    :raises ProviderError: LEASE_LOST when another worker has it
    """
    tried = tuple(dict.fromkeys((*job.hosts_tried, *hosts)))
    if not _swap(session, job, placement=job.placement + 1, hosts_tried=list(tried)):
        raise lost(job)
    return dataclasses.replace(job, placement=job.placement + 1, hosts_tried=tried)


def purge(session: Session, before: datetime.datetime, limit: int) -> int:
    """Forget jobs that ended before this time, the oldest first.

    :returns: how many, ``limit`` at most
    """
    job = models.Job
    ended = sa.select(job.seq).where(job.finished_at < before, job.state.not_in(UNFINISHED))
    oldest = list(session.scalars(ended.order_by(job.finished_at).limit(limit)))
    if oldest:
        changed(session, sa.delete(job).where(job.seq.in_(oldest)))
    return len(oldest)


def _claimable(session: Session, now: datetime.datetime, job_id: str | None) -> list[models.Job]:
    job, earlier = models.Job, aliased(models.Job)
    blocked = sa.exists().where(
        earlier.load_balancer_id == job.load_balancer_id,
        earlier.seq < job.seq,
        earlier.state.in_(UNFINISHED),
    )
    query = sa.select(job).where(~blocked).order_by(job.seq).limit(CANDIDATES)
    if job_id is not None:
        return list(session.scalars(query.where(job.id == job_id, _due(now))))
    # One by one: a database that looks for either at once sorts all that wait.
    found = [row for due in _dues(now) for row in session.scalars(query.where(due))]
    return sorted(found, key=lambda row: row.seq)[:CANDIDATES]


def _due(now: datetime.datetime) -> sa.ColumnElement[bool]:
    return sa.or_(*_dues(now))


def _dues(now: datetime.datetime) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    job = models.Job
    pending = sa.and_(
        job.state == JobState.PENDING.value,
        sa.or_(job.not_before.is_(None), job.not_before <= now),
    )
    expired = sa.and_(job.state == JobState.RUNNING.value, job.lease_expires <= now)
    return pending, expired


def _try_claim(
    sessions: Sessions, seen: models.Job, owner: str, now: datetime.datetime, lease_seconds: float
) -> Job | None:
    taken = dataclasses.replace(
        _record(seen),
        state=JobState.RUNNING,
        attempt=seen.attempt + 1,
        lease_owner=owner,
        lease_expires=now + datetime.timedelta(seconds=lease_seconds),
    )
    query = (
        sa.update(models.Job)
        .where(models.Job.seq == seen.seq, models.Job.attempt == seen.attempt, _due(now))
        .values(
            state=taken.state.value,
            attempt=taken.attempt,
            lease_owner=taken.lease_owner,
            lease_expires=taken.lease_expires,
            running_load_balancer_id=taken.load_balancer_id,
            not_before=None,
        )
    )
    try:
        won = sessions.run(lambda session: changed(session, query)) == 1
    except IntegrityError:  # another job of this load balancer is running
        return None
    return taken if won else None


def _swap(session: Session, job: Job, **values: Any) -> bool:
    query = (
        sa.update(models.Job)
        .where(
            models.Job.id == job.id,
            models.Job.state == JobState.RUNNING.value,
            models.Job.lease_owner == job.lease_owner,
            models.Job.attempt == job.attempt,
        )
        .values(values)
    )
    return changed(session, query) == 1


def changed(session: Session, query: sa.Update | sa.Delete) -> int:
    """Run a statement; how many rows its WHERE matched."""
    result: Any = session.execute(query, execution_options={"synchronize_session": False})
    return int(result.rowcount)


def lost(job: Job) -> ProviderError:
    """LEASE_LOST, for the worker that had this attempt."""
    return ProviderError(
        Code.LEASE_LOST,
        "The operation was taken over by another worker.",
        f"{job.lease_owner} lost attempt {job.attempt} of job {job.id} "
        f"({job.action.value} {job.object_type.value} {job.object_id})",
    )


def _record(row: models.Job) -> Job:
    return Job(
        id=row.id,
        load_balancer_id=row.load_balancer_id,
        action=Action(row.action),
        object_type=ObjectType(row.object_type),
        object_id=row.object_id,
        objects=tuple(_ref_from_json(value) for value in row.objects),
        cascade=row.cascade_children,
        state=JobState(row.state),
        attempt=row.attempt,
        placement=row.placement,
        hosts_tried=tuple(row.hosts_tried or ()),
        lease_owner=row.lease_owner,
        lease_expires=row.lease_expires,
        created_at=row.created_at,
    )


def _ref_to_json(ref: ObjectRef) -> dict[str, Any]:
    return {
        "type": ref.type.value,
        "id": ref.id,
        "action": ref.action.value,
        "parent_id": ref.parent_id,
        "expected": dict(ref.expected),
    }


def _ref_from_json(value: dict[str, Any]) -> ObjectRef:
    return ObjectRef(
        type=ObjectType(value["type"]),
        id=value["id"],
        action=Action(value["action"]),
        parent_id=value["parent_id"],
        expected=value["expected"],
    )
