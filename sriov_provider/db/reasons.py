"""Why objects failed: kept until cleared, shown by ``sriov-provider explain``."""

from __future__ import annotations

import datetime
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import models
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, Reason
from sriov_provider.records import ObjectType, ReasonRecord

# A traceback or an HTML page in a cloud's answer must not overflow MySQL's TEXT.
LIMIT = 4000


def record(
    object_type: ObjectType,
    object_id: str,
    load_balancer_id: str,
    reason: Reason,
    job_id: str | None = None,
) -> ReasonRecord:
    """The record of a reason for one object."""
    return ReasonRecord(
        object_type,
        object_id,
        load_balancer_id,
        reason.code.value,
        reason.user,
        reason.operator,
        job_id,
    )


def add(session: Session, reason: ReasonRecord, now: datetime.datetime | None = None) -> None:
    """Keep one reason; sentences longer than 4000 characters are cut."""
    session.add(
        models.Reason(
            object_type=reason.object_type.value,
            object_id=reason.object_id,
            load_balancer_id=reason.load_balancer_id,
            code=reason.code,
            user_text=reason.user[:LIMIT],
            operator_text=reason.operator[:LIMIT],
            job_id=reason.job_id,
            created_at=reason.created_at or now or utcnow(),
        )
    )


def of_load_balancer(
    session: Session, load_balancer_id: str, limit: int = 50
) -> tuple[ReasonRecord, ...]:
    """The newest reasons of a load balancer and its children, newest first."""
    query = (
        sa.select(models.Reason)
        .where(models.Reason.load_balancer_id == load_balancer_id)
        .order_by(models.Reason.seq.desc())
        .limit(limit)
    )
    return tuple(_record(row) for row in session.scalars(query))


def objects(session: Session, load_balancer_id: str) -> frozenset[tuple[ObjectType, str]]:
    """The objects of a load balancer that have a reason on record."""
    query = (
        sa.select(models.Reason.object_type, models.Reason.object_id)
        .where(models.Reason.load_balancer_id == load_balancer_id)
        .distinct()
    )
    return frozenset((ObjectType(kind), object_id) for kind, object_id in session.execute(query))


def latest_of(
    session: Session, object_type: ObjectType, object_ids: Collection[str]
) -> dict[str, Reason]:
    """The newest reason of each of these objects that has one, in one query."""
    if not object_ids:
        return {}
    query = (
        sa.select(models.Reason)
        .where(
            models.Reason.object_type == object_type.value, models.Reason.object_id.in_(object_ids)
        )
        .order_by(models.Reason.seq)
    )
    rows = session.scalars(query)
    return {r.object_id: Reason(Code(r.code), r.user_text, r.operator_text) for r in rows}


def clear(session: Session, object_type: ObjectType, object_id: str) -> None:
    """Forget the reasons of one object: it works now, or it is gone."""
    session.execute(
        sa.delete(models.Reason).where(
            models.Reason.object_type == object_type.value, models.Reason.object_id == object_id
        )
    )


def _record(row: models.Reason) -> ReasonRecord:
    return ReasonRecord(
        ObjectType(row.object_type),
        row.object_id,
        row.load_balancer_id,
        row.code,
        row.user_text,
        row.operator_text,
        row.job_id,
        row.created_at,
    )
