"""The servers of amphorae as they are on record, and what is done about those that are others."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import jobs, models, upsert
from sriov_provider.records import AmphoraState, Job, JobState

_SERVING = (AmphoraState.READY.value, AmphoraState.STALE.value)


@dataclasses.dataclass(frozen=True)
class Kept:
    """A serving amphora with its server as it was seen last.

    :ivar host: on record
    :ivar stale: it was away while something changed
    :ivar busy: its load balancer has a job to be run
    :ivar seen: it was seen at all, as this server; ``image_id`` and ``launched_at`` are from then
    :ivar job: how the job ended that was to put right what had changed; None without one
    :ivar failures: such jobs that failed in a row
    :ivar not_before: when the next one may be placed
    """

    amphora_id: str
    load_balancer_id: str
    compute_id: str
    host: str | None
    stale: bool = False
    busy: bool = False
    seen: bool = False
    image_id: str | None = None
    launched_at: str | None = None
    job: JobState | None = None
    failures: int = 0
    not_before: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """What is to be on record from now on."""

    amphora_id: str
    compute_id: str
    image_id: str | None
    launched_at: str | None
    job_id: str | None = None
    failures: int = 0
    not_before: datetime.datetime | None = None


def kept(session: Session) -> tuple[Kept, ...]:
    """All that serve, in a number of queries that does not depend on how many they are."""
    one, server, job = models.Amphora, models.Server, models.Job
    columns: list[Any] = [one.id, one.load_balancer_id, one.compute_id, one.host, one.state]
    columns += [server.compute_id, server.image_id, server.launched_at, server.job_id]
    columns += [job.state, server.failures, server.not_before]
    query = (
        sa.select(*columns)
        .join(server, server.amphora_id == one.id, isouter=True)
        .join(job, job.id == server.job_id, isouter=True)
        .where(one.state.in_(_SERVING), one.compute_id.is_not(None))
        .order_by(one.id)
    )
    unfinished = sa.select(job.load_balancer_id).where(job.state.in_(jobs.UNFINISHED))
    busy = frozenset(session.scalars(unfinished))
    return tuple(_kept(row, busy) for row in session.execute(query))


def _kept(row: Any, busy: frozenset[str]) -> Kept:
    amphora_id, lb_id, compute_id, host, state, known, image, launched, job_id, job, *rest = row
    ended = None
    if job_id is not None:  # one that is forgotten by now went well: a failed one is seen before
        ended = JobState(job) if job else JobState.DONE
    return Kept(
        *(amphora_id, lb_id, compute_id, host),
        stale=state == AmphoraState.STALE.value,
        busy=lb_id in busy,
        seen=known == compute_id,
        image_id=image,
        launched_at=launched,
        job=ended,
        failures=rest[0] or 0,
        not_before=rest[1],
    )


def save(session: Session, rows: Iterable[Row]) -> None:
    """Write them.

    :raises sqlalchemy.exc.IntegrityError: an amphora has gone meanwhile
    """
    values = [dataclasses.asdict(row) for row in sorted(rows, key=lambda r: r.amphora_id)]
    names = [field.name for field in dataclasses.fields(Row)][1:]
    upsert.run(session, models.Server, values, {name: upsert.new(name) for name in names})


def place(session: Session, row: Row, job: Job) -> bool:
    """Write a job, and what it is to put right.

    :returns: False when there is no need any more: the amphora has gone, or another job is there
    :raises sqlalchemy.exc.IntegrityError: it has gone at this very moment
    """
    one = models.Amphora
    there = sa.select(one.id).where(
        one.id == row.amphora_id, one.compute_id == row.compute_id, one.state.in_(_SERVING)
    )
    if session.execute(there).first() is None or jobs.unfinished(session, job.load_balancer_id):
        return False
    jobs.enqueue(session, job)
    save(session, [row])
    return True
