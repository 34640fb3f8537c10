"""Which amphora's firewall is to be looked at next, by whom, and what was seen.

A look is claimed by an UPDATE that moves ``due_at`` into the future, with the old time in its
WHERE: of several workers one changes the row. A worker that dies over it leaves a row that
becomes due again.

What is due is found by an index over all rows, so every amphora whose rules are on record has one:
it is written with the rules.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import jobs, models, upsert
from sriov_provider.db.engine import Sessions
from sriov_provider.records import AmphoraState, Job, PortState

_SERVING = (AmphoraState.READY.value, AmphoraState.STALE.value)


@dataclasses.dataclass(frozen=True)
class Watched:
    """A serving amphora, and how the looks at its firewall went.

    :ivar digest: of the document on record; None when nobody knows which one is in force
    :ivar stale: it was away while something changed
    :ivar due_at: of the next look; None when no look is expected
    :ivar checked_at: when its agent answered last
    :ivar failures: looks without an answer and repairs that failed, since one went well
    :ivar missing: MAC addresses of interfaces that are not in the amphora
    :ivar drifts: how often the kernel held something else; ``vanished`` the same of interfaces
    """

    amphora_id: str
    load_balancer_id: str
    address: str
    digest: str | None = None
    stale: bool = False
    due_at: datetime.datetime | None = None
    checked_at: datetime.datetime | None = None
    failures: int = 0
    missing: tuple[str, ...] = ()
    drifts: int = 0
    vanished: int = 0
    repairs: int = 0
    repairs_failed: int = 0


@dataclasses.dataclass(frozen=True)
class Look:
    """What came of one look; ``watched`` is the row as it was before.

    :ivar answered: by the agent
    """

    watched: Watched
    due_at: datetime.datetime
    answered: bool
    failures: int = 0
    missing: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Repair:
    """What came of a repair job for one amphora.

    :ivar drifted: it was this job that found it
    :ivar repaired: None when there was nothing to repair
    """

    amphora_id: str
    drifted: bool
    repaired: bool | None


def expect(session: Session, amphora_id: str, now: datetime.datetime) -> None:
    """The amphora has rules: it is looked at from now on. Done before, it changes nothing."""
    rows = [{"amphora_id": amphora_id, "due_at": now}]
    upsert.run(session, models.FirewallCheck, rows, {"due_at": upsert.old("due_at")})


def complete(session: Session, now: datetime.datetime) -> int:
    """As :func:`expect`, for all amphorae that a worker of an earlier release has given rules.
    Reads every row: for rare use.

    :returns: how many were not expected to be looked at
    """
    amphora, check = models.Amphora, models.FirewallCheck
    query = sa.select(amphora.id).where(
        amphora.firewall_document.is_not(sa.null()),
        ~sa.exists().where(check.amphora_id == amphora.id),
    )
    found = sorted(session.scalars(query))
    for amphora_id in found:
        expect(session, amphora_id, now)
    return len(found)


def due(session: Session, now: datetime.datetime, limit: int) -> tuple[Watched, ...]:
    """Amphorae to look at now; not those whose load balancer has a job to be run."""
    job, check = models.Job, models.FirewallCheck
    busy = sa.exists().where(
        job.load_balancer_id == models.Amphora.load_balancer_id, job.state.in_(jobs.UNFINISHED)
    )
    query = _watched(isouter=False).where(check.due_at <= now, ~busy)
    query = query.order_by(check.due_at).limit(limit)
    return tuple(_record(row) for row in session.execute(query))


def claim(
    sessions: Sessions,
    seen: Iterable[Watched],
    now: datetime.datetime,
    until: datetime.datetime,
) -> tuple[Watched, ...]:
    """Take these looks, until then.

    :returns: those that no other worker took first
    """
    watched = sorted(seen, key=lambda w: w.amphora_id)  # in this order nobody waits in a circle
    ids = [w.amphora_id for w in watched]
    try:
        won = sessions.run(lambda s: _take_all(s, ids, now, until))
    except _ContendedError:
        won = sessions.run(lambda s: [i for i in ids if _take(s, [i], now, until)])
    return tuple(w for w in watched if w.amphora_id in won)


def settle(session: Session, looks: Iterable[Look], now: datetime.datetime) -> None:
    """Write what came of looks; those of which the same came in one statement."""
    check = models.FirewallCheck
    same: dict[tuple[Any, ...], list[str]] = collections.defaultdict(list)
    for look in sorted(looks, key=lambda k: k.watched.amphora_id):
        new = len(set(look.missing) - set(look.watched.missing))
        came = (look.due_at, look.failures, look.answered, look.missing, new)
        same[came].append(look.watched.amphora_id)
    for (due_at, failures, answered, missing, new), ids in same.items():
        values: dict[str, Any] = {"due_at": due_at, "failures": failures}
        values |= {"vanished": check.vanished + new} if new else {}
        values |= {"checked_at": now, "missing": list(missing) or None} if answered else {}
        _update(session, ids, values)


def suspect(session: Session, watched: Watched, job: Job) -> bool:
    """Write a job that repairs, unless it is not wanted any more: a job is there that may have
    changed the rules or will, the amphora is gone or has got other rules since.

    :returns: True when it was written
    """
    amphora = models.Amphora
    query = sa.select(amphora.firewall_digest).where(
        amphora.id == watched.amphora_id, amphora.state.in_(_SERVING)
    )
    found = session.execute(query).first()
    if found is None or found[0] != watched.digest:
        return False
    if jobs.unfinished(session, watched.load_balancer_id):
        return False
    jobs.enqueue(session, job)
    return True


def repaired(
    session: Session,
    repair: Repair,
    failures: int,
    due_at: datetime.datetime,
    now: datetime.datetime,
) -> None:
    """Write what came of a repair.

    :param failures: see :class:`Watched`
    """
    check = models.FirewallCheck
    values: dict[str, Any] = {
        "failures": failures,
        "due_at": due_at,
        "drifts": check.drifts + int(repair.drifted),
        "repairs": check.repairs + int(repair.repaired is True),
        "repairs_failed": check.repairs_failed + int(repair.repaired is False),
    }
    if repair.repaired is not False:
        values["checked_at"] = now
    _update(session, [repair.amphora_id], values)


def watched(session: Session, load_balancer_id: str | None = None) -> tuple[Watched, ...]:
    """All serving amphorae, or those of one load balancer."""
    query = _watched().order_by(models.Amphora.id)
    if load_balancer_id is not None:
        query = query.where(models.Amphora.load_balancer_id == load_balancer_id)
    return tuple(_record(row) for row in session.execute(query))


def macs(session: Session, amphora_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """MAC addresses of the attached ports of each amphora."""
    port = models.Port
    query = sa.select(port.amphora_id, port.mac).where(
        port.amphora_id.in_(amphora_ids),
        port.state == PortState.ATTACHED.value,
        port.mac.is_not(None),
    )
    found: dict[str, tuple[str, ...]] = dict.fromkeys(amphora_ids, ())
    for amphora_id, mac in session.execute(query):
        found[amphora_id] += (str(mac).lower(),)
    return found


def _watched(isouter: bool = True) -> sa.Select[Any]:
    """Without the rule document, which may be big.

    :param isouter: those too at which no look is expected
    """
    amphora, check = models.Amphora, models.FirewallCheck
    names = [f.name for f in dataclasses.fields(Watched)][5:]
    columns = [getattr(check, name) for name in names]
    return (
        sa.select(
            amphora.id,
            amphora.load_balancer_id,
            amphora.management_ip,
            amphora.firewall_digest,
            amphora.state == AmphoraState.STALE.value,
            *columns,
        )
        .join(check, check.amphora_id == amphora.id, isouter=isouter)
        .where(
            amphora.state.in_(_SERVING),
            amphora.management_ip.is_not(None),
            amphora.firewall_document.is_not(sa.null()),
        )
    )


def _record(row: sa.Row[Any]) -> Watched:
    given = zip(dataclasses.fields(Watched), row, strict=True)
    values = {field.name: value for field, value in given if value is not None}
    values["missing"] = tuple(values.get("missing", ()))
    values["stale"] = bool(values["stale"])
    return Watched(**values)


class _ContendedError(Exception):
    """Others have taken some of them: what was changed is to be rolled back."""


def _take_all(
    session: Session, ids: Sequence[str], now: datetime.datetime, until: datetime.datetime
) -> Sequence[str]:
    if _take(session, ids, now, until) < len(ids):
        raise _ContendedError
    return ids


def _take(
    session: Session, ids: Sequence[str], now: datetime.datetime, until: datetime.datetime
) -> int:
    check = models.FirewallCheck
    query = sa.update(check).where(check.amphora_id.in_(ids), check.due_at <= now)
    return jobs.changed(session, query.values(due_at=until))


def _update(session: Session, ids: Sequence[str], values: dict[str, Any]) -> None:
    check = models.FirewallCheck
    query = sa.update(check).where(check.amphora_id.in_(ids)).values(values)
    jobs.changed(session, query)
