"""Listener statistics: sums of what amphorae have told, and which of them Octavia has to hear."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import jobs, models, upsert
from sriov_provider.health.message import Counted

_SUMS = {
    "bytes_in": "received",
    "bytes_out": "sent",
    "total_connections": "total",
    "request_errors": "errors",
}


# Pairs that one statement names, each in two parameters: PostgreSQL takes 65,535 of them.
_PAIRS = 1000


@dataclasses.dataclass(frozen=True)
class Told:
    """What one amphora has told of one listener since it was written last."""

    listener_id: str
    amphora_id: str
    load_balancer_id: str
    counted: Counted


@dataclasses.dataclass(frozen=True)
class Total:
    """Of one listener, over all amphorae it ever had; named as octavia-lib names it."""

    id: str
    bytes_in: int
    bytes_out: int
    total_connections: int
    request_errors: int
    active_connections: int


def add(session: Session, told: Iterable[Told]) -> None:
    """Count up, in two statements; more if thousands of listeners had no traffic.

    :raises sqlalchemy.exc.IntegrityError: a load balancer has gone meanwhile
    """
    ordered = sorted(told, key=lambda t: (t.listener_id, t.amphora_id))
    rows = [
        {
            "listener_id": t.listener_id,
            "amphora_id": t.amphora_id,
            "load_balancer_id": t.load_balancer_id,
            **{
                column: min(getattr(t.counted, name), upsert.MOST) for column, name in _SUMS.items()
            },
            "active_connections": min(t.counted.active, upsert.MOST),
            "changed": True,
        }
        for t in ordered
        if not t.counted.idle
    ]
    changes = {column: upsert.add(column) for column in _SUMS}
    changes |= {name: upsert.new(name) for name in ("active_connections", "changed")}
    upsert.run(session, models.ListenerStatistics, rows, changes)
    _rest(session, [(t.listener_id, t.amphora_id) for t in ordered if t.counted.idle])


def _rest(session: Session, idle: Sequence[tuple[str, str]]) -> None:
    """Listeners without any traffic: those with connections have none now."""
    row = models.ListenerStatistics
    for start in range(0, len(idle), _PAIRS):
        some = sa.tuple_(row.listener_id, row.amphora_id).in_(idle[start : start + _PAIRS])
        query = sa.update(row).where(row.active_connections != 0, some)
        jobs.changed(session, query.values(active_connections=0, changed=True))


def waiting(session: Session, now: datetime.datetime, lease_seconds: float) -> bool:
    """Whether there is anything to claim."""
    return bool(_some(session, now, lease_seconds, 1))


def _some(session: Session, now: datetime.datetime, lease_seconds: float, limit: int) -> list[str]:
    """Listeners that can be taken."""
    listener_id, found = models.ListenerStatistics.listener_id, set[str]()
    # One by one, and "= true": each has its index then. A database that looks for either at once
    # reads every row.
    for free in _frees(now, lease_seconds):
        query = sa.select(listener_id).where(free).distinct().limit(limit - len(found))
        found.update(session.scalars(query) if len(found) < limit else ())
    return sorted(found)


def _frees(
    now: datetime.datetime, lease_seconds: float
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    row, expired = models.ListenerStatistics, now - datetime.timedelta(seconds=lease_seconds)
    return (
        sa.and_(row.changed == sa.true(), row.sender.is_(None)),
        sa.and_(row.sender.is_not(None), row.claimed_at < expired),
    )


def claim(
    session: Session, sender: str, now: datetime.datetime, lease_seconds: float, limit: int
) -> tuple[str, ...]:
    """Take listeners of which Octavia has to hear.

    :param sender: a name that no other attempt has
    :param lease_seconds: after which others may take what this sender never gave back
    :returns: ids of listeners
    """
    row, ids = models.ListenerStatistics, _some(session, now, lease_seconds, limit)
    if not ids:
        return ()
    free = sa.or_(*_frees(now, lease_seconds))
    query = sa.update(row).where(row.listener_id.in_(ids), free)
    jobs.changed(session, query.values(changed=False, sender=sender, claimed_at=now))
    mine = sa.select(row.listener_id).where(row.sender == sender).distinct()
    return tuple(sorted(session.scalars(mine)))


def totals(session: Session, listener_ids: Sequence[str]) -> tuple[Total, ...]:
    """Of those that still exist. Amphorae that are gone have no connections any more."""
    row, child, amphora = models.ListenerStatistics, models.Child, models.Amphora
    active = sa.case((amphora.id.is_(None), 0), else_=row.active_connections)
    summed = [sa.func.sum(getattr(row, name)) for name in _SUMS]
    query = (
        sa.select(row.listener_id, *summed, sa.func.sum(active))
        .join(child, sa.and_(child.id == row.listener_id, _same_load_balancer()))
        .join(amphora, amphora.id == row.amphora_id, isouter=True)
        .where(row.listener_id.in_(list(listener_ids)))
        .group_by(row.listener_id)
        .order_by(row.listener_id)
    )
    return tuple(Total(found[0], *(int(n) for n in found[1:])) for found in session.execute(query))


def _same_load_balancer() -> sa.ColumnElement[bool]:
    """An amphora can only tell of its own load balancer's listeners."""
    return models.Child.load_balancer_id == models.ListenerStatistics.load_balancer_id


def sent(session: Session, sender: str) -> None:
    """Octavia has taken what this sender had."""
    row = models.ListenerStatistics
    query = sa.update(row).where(row.sender == sender)
    jobs.changed(session, query.values(sender=None, claimed_at=None))


def give_back(session: Session, sender: str) -> None:
    """Octavia has not: somebody tries again."""
    row = models.ListenerStatistics
    query = sa.update(row).where(row.sender == sender)
    jobs.changed(session, query.values(sender=None, claimed_at=None, changed=True))


def forget(session: Session, listener_ids: Sequence[str]) -> None:
    """These listeners are gone."""
    row = models.ListenerStatistics
    session.execute(sa.delete(row).where(row.listener_id.in_(list(listener_ids))))
