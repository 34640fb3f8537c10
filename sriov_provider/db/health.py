"""Operating statuses on record: what amphorae should tell, have told, and what Octavia knows."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import jobs, models, upsert
from sriov_provider.db.types import utcnow
from sriov_provider.health.judge import Expected
from sriov_provider.health.statuses import Observed


@dataclasses.dataclass(frozen=True)
class Health:
    """One load balancer.

    :ivar observed: what each amphora told last, by amphora id
    :ivar reported: what Octavia was told last
    :ivar children: ids of its listeners, pools and members
    """

    load_balancer_id: str
    expected: Expected = dataclasses.field(default_factory=Expected)
    observed: Mapping[str, Observed] = dataclasses.field(default_factory=dict)
    reported: Observed = dataclasses.field(default_factory=dict)
    children: frozenset[str] = frozenset()


def lock(session: Session, load_balancer_ids: Collection[str]) -> dict[str, Health]:
    """Read these rows, and keep everybody else from changing them in this transaction.

    :returns: one for each; of those without a row nothing is known
    """
    row, ids = models.Health, sorted(load_balancer_ids)
    query = (
        sa.select(row.load_balancer_id, row.expected, row.observed, row.reported)
        .where(row.load_balancer_id.in_(ids))
        .order_by(row.load_balancer_id)
        .with_for_update()
    )
    rows = {found[0]: found[1:] for found in session.execute(query)}
    busy, children = jobs.busy(session, ids), _children(session, ids)
    return {
        i: _health(i, rows.get(i, (None, None, None)), i in busy, children.get(i, ())) for i in ids
    }


def _health(i: str, row: Any, busy: bool, children: Iterable[str]) -> Health:
    expected, observed, reported = row
    listeners = None if expected is None else frozenset(expected["listeners"])
    enabled = True if expected is None else bool(expected["enabled"])
    since = (expected or {}).get("since")  # not in those of an earlier release
    moment = None if since is None else datetime.datetime.fromisoformat(since)
    wanted = Expected(listeners, enabled, busy, moment)
    return Health(i, wanted, observed or {}, reported or {}, frozenset(children))


def _children(session: Session, load_balancer_ids: Collection[str]) -> dict[str, list[str]]:
    child = models.Child
    query = sa.select(child.load_balancer_id, child.id).where(
        child.load_balancer_id.in_(load_balancer_ids)
    )
    found: dict[str, list[str]] = {}
    for load_balancer_id, child_id in session.execute(query):
        found.setdefault(load_balancer_id, []).append(child_id)
    return found


def save(session: Session, changed: Iterable[Health]) -> None:
    """Write what was observed and reported.

    :raises sqlalchemy.exc.IntegrityError: a load balancer has gone meanwhile
    """
    rows = [
        {"load_balancer_id": h.load_balancer_id, "observed": h.observed, "reported": h.reported}
        for h in sorted(changed, key=lambda h: h.load_balancer_id)
    ]
    changes = {name: upsert.new(name) for name in ("observed", "reported")}
    upsert.run(session, models.Health, rows, changes)


def expect(
    session: Session,
    load_balancer_id: str,
    enabled: bool,
    listeners: Iterable[str],
    now: datetime.datetime | None = None,
) -> None:
    """A job has put this in force: so must the amphorae tell from now on.

    :param listeners: those that are enabled
    """
    expected = {
        "enabled": enabled,
        "listeners": sorted(listeners),
        "since": (now or utcnow()).isoformat(),
    }
    rows = [{"load_balancer_id": load_balancer_id, "expected": expected}]
    upsert.run(session, models.Health, rows, {"expected": upsert.new("expected")})


def heard(
    session: Session, load_balancer_id: str, since: datetime.datetime
) -> frozenset[tuple[str, str]]:
    """Kind and id of what amphorae tell the operating statuses of.

    :param since: amphorae that were heard last before this time tell nothing any more
    """
    health, beat = models.Health, models.Heartbeat
    alive = sa.exists().where(beat.load_balancer_id == load_balancer_id, beat.received_at >= since)
    query = sa.select(health.reported).where(health.load_balancer_id == load_balancer_id, alive)
    reported: Observed = session.scalar(query) or {}
    return frozenset((kind, key) for kind, found in reported.items() for key in found)


def forget(session: Session, load_balancer_id: str, told: Collection[tuple[str, str]] = ()) -> None:
    """A job has ended: what amphorae tell next is looked at again.

    :param told: kind and id of what Octavia is told another operating status of, or what is gone
    """
    health, beat = models.Health, models.Heartbeat
    mine = health.load_balancer_id == load_balancer_id
    row = session.execute(
        sa.select(health.observed, health.reported).where(mine).with_for_update()
    ).first()
    if row is not None and told:
        observed = {key: _without(value, told) for key, value in (row[0] or {}).items()}
        query = sa.update(health).where(mine)
        jobs.changed(
            session, query.values(observed=observed, reported=_without(row[1] or {}, told))
        )
    marks = sa.update(beat).where(beat.load_balancer_id == load_balancer_id)
    jobs.changed(session, marks.values(fingerprint=None))


def _without(told: Observed, keys: Collection[tuple[str, str]]) -> Observed:
    return {
        kind: {key: status for key, status in found.items() if (kind, key) not in keys}
        for kind, found in told.items()
    }
