"""Statuses on their way to Octavia: written with the outcome of a job, deleted when taken.

Batches of one load balancer leave in the order they were written. A batch is leased while it is
sent, as several workers deliver; the number of the attempt is the fence (see :mod:`.jobs`).
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from sriov_provider.db import health, jobs, models, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.records import Job, JobState, ObjectType, ReasonRecord

Statuses = Mapping[str, list[dict[str, Any]]]
CANDIDATES = 16


@dataclasses.dataclass(frozen=True)
class Batch:
    """:ivar statuses: as ``DriverLibrary.update_loadbalancer_status`` takes them
    :ivar attempts: 1 on the first delivery
    """

    seq: int
    load_balancer_id: str
    job_id: str | None
    statuses: Statuses
    attempts: int
    lease_owner: str


def record_outcome(
    session: Session,
    job: Job,
    state: JobState,
    statuses: Statuses,
    reason_records: Iterable[ReasonRecord] = (),
    now: datetime.datetime | None = None,
) -> bool:
    """End a job: its state, its statuses for Octavia and its reasons in one transaction.

    A job that is DONE makes the earlier reasons of its objects obsolete, but for those that it
    reports in ERROR.

    :param statuses: empty when Octavia is not to be told anything (a rolled back API call)
    :returns: False when this attempt's outcome had been recorded before; nothing is written then
    :raises ProviderError: LEASE_LOST when another worker has the job
    """
    if not jobs.finish(session, job, state, now):
        return False
    if state is JobState.DONE:
        for object_type, object_id in _mended(job, statuses):
            reasons.clear(session, ObjectType(object_type), object_id)
    for reason in reason_records:
        reasons.add(session, reason, now)
    if any(statuses.values()):
        put(session, job.load_balancer_id, statuses, job.id, now)
    health.forget(session, job.load_balancer_id, _told(statuses))
    return True


def _told(statuses: Statuses) -> set[tuple[str, str]]:
    """What heartbeats have no longer told last."""
    return {
        (kind, entry["id"])
        for kind, entries in statuses.items()
        for entry in entries
        if "operating_status" in entry or entry.get("provisioning_status") == "DELETED"
    }


def _mended(job: Job, statuses: Statuses) -> set[tuple[str, str]]:
    touched = {(job.object_type.value, job.object_id)}
    touched |= {(ref.type.value, ref.id) for ref in job.objects}
    return touched - {
        (kind, entry["id"])
        for kind, entries in statuses.items()
        for entry in entries
        if entry.get("provisioning_status") == "ERROR"
    }


def put(
    session: Session,
    load_balancer_id: str,
    statuses: Statuses,
    job_id: str | None = None,
    now: datetime.datetime | None = None,
) -> None:
    """Queue one batch."""
    session.add(
        models.Outbox(
            load_balancer_id=load_balancer_id,
            job_id=job_id,
            statuses=dict(statuses),
            attempts=0,
            created_at=now or utcnow(),
        )
    )


def put_all(
    session: Session, batches: Mapping[str, Statuses], now: datetime.datetime | None = None
) -> None:
    """Queue one batch for each of these load balancers, in one statement."""
    moment = now or utcnow()
    rows = [
        {"load_balancer_id": i, "statuses": dict(statuses), "attempts": 0, "created_at": moment}
        for i, statuses in batches.items()
    ]
    if rows:
        session.execute(sa.insert(models.Outbox).values(rows))


def undelivered(session: Session, load_balancer_id: str | None = None) -> int:
    """How many batches wait, of one load balancer or of all."""
    query = sa.select(sa.func.count()).select_from(models.Outbox)
    if load_balancer_id is not None:
        query = query.where(models.Outbox.load_balancer_id == load_balancer_id)
    return session.scalar(query) or 0


def claim(
    sessions: Sessions,
    owner: str,
    lease_seconds: float,
    load_balancer_id: str | None = None,
    now: datetime.datetime | None = None,
) -> Batch | None:
    """Take the oldest batch that is due, leased by nobody and first of its load balancer.

    :raises ProviderError: DATABASE
    """
    moment = now or utcnow()
    expires = moment + datetime.timedelta(seconds=lease_seconds)
    for row in sessions.read(lambda session: _claimable(session, moment, load_balancer_id)):
        batch = _record(row, owner)
        query = (
            sa.update(models.Outbox)
            .where(
                models.Outbox.seq == row.seq, models.Outbox.attempts == row.attempts, _free(moment)
            )
            .values(
                attempts=batch.attempts, lease_owner=owner, lease_expires=expires, not_before=None
            )
        )
        if sessions.run(functools.partial(jobs.changed, query=query)):
            return batch
    return None


def renew(
    session: Session, batch: Batch, lease_seconds: float, now: datetime.datetime | None = None
) -> None:
    """Keep a batch for ``lease_seconds`` more, from now, unless somebody else has it by now."""
    expires = (now or utcnow()) + datetime.timedelta(seconds=lease_seconds)
    session.execute(sa.update(models.Outbox).where(_mine(batch)).values(lease_expires=expires))


def delivered(session: Session, batch: Batch) -> None:
    """Octavia has taken it: forget it, unless somebody else has it by now."""
    session.execute(sa.delete(models.Outbox).where(_mine(batch)))


def postpone(
    session: Session,
    batch: Batch,
    statuses: Statuses,
    error: str,
    delay: float,
    now: datetime.datetime | None = None,
) -> None:
    """Give a batch back, to be sent again after ``delay`` seconds.

    :param statuses: what is left to send
    :param error: why it was not taken
    """
    due = (now or utcnow()) + datetime.timedelta(seconds=delay)
    session.execute(
        sa.update(models.Outbox)
        .where(_mine(batch))
        .values(
            statuses=dict(statuses),
            last_error=error[: reasons.LIMIT],
            not_before=due,
            lease_owner=None,
            lease_expires=None,
        )
    )


def _claimable(
    session: Session, now: datetime.datetime, load_balancer_id: str | None
) -> list[models.Outbox]:
    row, earlier = models.Outbox, aliased(models.Outbox)
    behind = sa.exists().where(
        earlier.load_balancer_id == row.load_balancer_id, earlier.seq < row.seq
    )
    query = sa.select(row).where(_free(now), ~behind).order_by(row.seq).limit(CANDIDATES)
    if load_balancer_id is not None:
        query = query.where(row.load_balancer_id == load_balancer_id)
    return list(session.scalars(query))


def _free(now: datetime.datetime) -> sa.ColumnElement[bool]:
    row = models.Outbox
    return sa.and_(
        sa.or_(row.not_before.is_(None), row.not_before <= now),
        sa.or_(row.lease_expires.is_(None), row.lease_expires <= now),
    )


def _mine(batch: Batch) -> sa.ColumnElement[bool]:
    return sa.and_(
        models.Outbox.seq == batch.seq,
        models.Outbox.attempts == batch.attempts,
        models.Outbox.lease_owner == batch.lease_owner,
    )


def _record(row: models.Outbox, owner: str) -> Batch:
    return Batch(row.seq, row.load_balancer_id, row.job_id, row.statuses, row.attempts + 1, owner)
