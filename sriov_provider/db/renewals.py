"""Amphorae whose agent's certificate ends soon, and the jobs that renew it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import jobs, models
from sriov_provider.records import Action, AmphoraState, Job

_SERVING = (AmphoraState.READY.value, AmphoraState.STALE.value)


@dataclasses.dataclass(frozen=True)
class Ending:
    """A serving amphora whose certificate ends soon."""

    amphora_id: str
    load_balancer_id: str
    expires: datetime.datetime


def due(
    session: Session, before: datetime.datetime, tried: datetime.datetime, limit: int
) -> tuple[Ending, ...]:
    """Those to be renewed, first those that end first; not those whose load balancer has a job
    to be run.

    :param before: certificates that end before this time
    :param tried: those whose last renewal ended after this time have to wait
    """
    query = _due(before).limit(limit).order_by(models.Amphora.certificate_expires)
    recent = sa.exists().where(
        models.Job.load_balancer_id == models.Amphora.load_balancer_id,
        models.Job.object_id == models.Amphora.id,
        models.Job.action == Action.RENEW.value,
        models.Job.finished_at > tried,
    )
    return tuple(Ending(*tuple(row)) for row in session.execute(query.where(~recent)))


def waiting(session: Session) -> int:
    """How many renewals wait or run."""
    job = models.Job
    query = sa.select(sa.func.count()).where(
        job.state.in_(jobs.UNFINISHED), job.action == Action.RENEW.value
    )
    return int(session.execute(query).scalar_one())


def place(session: Session, ending: Ending, before: datetime.datetime, job: Job) -> bool:
    """Write the job, unless it is not wanted any more. Where two workers write one at the same
    time, the second to run finds the certificate renewed.

    :returns: True when it was written
    """
    query = _due(before).where(models.Amphora.id == ending.amphora_id)
    if session.execute(query).first() is None:
        return False
    jobs.enqueue(session, job)
    return True


def renewed(session: Session, amphora_id: str, expires: datetime.datetime) -> None:
    """The amphora has another certificate."""
    amphora = models.Amphora
    query = sa.update(amphora).where(amphora.id == amphora_id)
    jobs.changed(session, query.values(certificate_expires=expires))


def _due(before: datetime.datetime) -> sa.Select[Any]:
    amphora, job = models.Amphora, models.Job
    busy = sa.exists().where(
        job.load_balancer_id == amphora.load_balancer_id, job.state.in_(jobs.UNFINISHED)
    )
    columns: list[Any] = [amphora.id, amphora.load_balancer_id, amphora.certificate_expires]
    return sa.select(*columns).where(
        amphora.state.in_(_SERVING),
        amphora.management_ip.is_not(None),
        amphora.certificate_expires < before,
        ~busy,
    )
