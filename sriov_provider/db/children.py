"""Objects below load balancers, as the API side knows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import models, statistics
from sriov_provider.records import ChildRecord, ObjectType


def save(session: Session, records: Iterable[ChildRecord]) -> None:
    """Insert the records, or replace the rows that have their ids."""
    for record in records:
        session.merge(
            models.Child(
                id=record.id,
                type=record.type.value,
                load_balancer_id=record.load_balancer_id,
                parent_id=record.parent_id,
                protocol=record.protocol,
            )
        )
    session.flush()


def get(session: Session, child_id: str) -> ChildRecord | None:
    """The record with this id, or None."""
    row = session.get(models.Child, child_id)
    return None if row is None else _record(row)


def of_parent(session: Session, parent_id: str, kind: ObjectType) -> tuple[ChildRecord, ...]:
    """The direct children of this type, ordered by id."""
    query = (
        sa.select(models.Child)
        .where(models.Child.parent_id == parent_id, models.Child.type == kind.value)
        .order_by(models.Child.id)
    )
    return tuple(_record(row) for row in session.scalars(query))


def forget(session: Session, ids: Collection[str]) -> None:
    """Delete these rows; for the worker, once an object is gone."""
    if ids:
        session.execute(sa.delete(models.Child).where(models.Child.id.in_(list(ids))))
        statistics.forget(session, list(ids))


def _record(row: models.Child) -> ChildRecord:
    return ChildRecord(
        id=row.id,
        type=ObjectType(row.type),
        load_balancer_id=row.load_balancer_id,
        parent_id=row.parent_id,
        protocol=row.protocol,
    )
