"""What the policy of failovers looks at, and the claim that lets one process place each."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from sriov_provider.db import jobs, models
from sriov_provider.health.policy import Decision, History, Rules, Serving, View
from sriov_provider.records import Action, AmphoraState, Job, JobState, ObjectType

# Silent amphorae looked at, those first that were silent first. After the loss of more than that,
# failovers take long enough for another look.
MOST = 5000
_SERVE = (AmphoraState.READY.value, AmphoraState.STALE.value)
_UNFINISHED = list(jobs.UNFINISHED)


def view(
    session: Session,
    now: datetime.datetime,
    listening_since: datetime.datetime,
    rules: Rules,
    suspected: Collection[str] = (),
) -> View:
    """A flat number of queries, and next to nothing is read while all amphorae are well.

    :param suspected: load balancers to look at in any case, see :func:`suspects`
    """
    silent = _silent(session, now - datetime.timedelta(seconds=rules.timeout))
    unfinished = dict.fromkeys((*_unfinished(session), *_lacking(session, suspected)))
    ids = {*silent, *suspected, *(i for i, _, _ in unfinished)}
    if not ids:
        return View(now, listening_since)
    quiet = _quiet(session, now - datetime.timedelta(seconds=rules.quiet))
    return View(
        now=now,
        listening_since=listening_since,
        serving=_serving(session, ids),
        quiet=quiet,
        heard=_heard(session, enough=int(sum(quiet.values()) / rules.share) + 1),
        abandoned=tuple(i for i, number, _ in unfinished if not number),
        incomplete=tuple(i for i, number, wanted in unfinished if 0 < number < wanted),
        undone=tuple(i for i, number, wanted in unfinished if number >= wanted),
        histories=_histories(session, ids),
        running=_running(session),
    )


def place(session: Session, decision: Decision, seen: History, latest: Any, job: Job) -> bool:
    """Write the failover's job, unless another process has, or it is not wanted any more.

    :param seen: the load balancer's history that led to the decision
    :param latest: time before which an amphora's last heartbeat must have been
    :returns: True when it was written
    :raises sqlalchemy.exc.IntegrityError: another process was first, or the load balancer is gone
    """
    if not _claim(session, decision.load_balancer_id, seen.claims):
        return False
    beat = models.Heartbeat
    alive = sa.select(beat.amphora_id).where(
        beat.amphora_id.in_(decision.amphora_ids), beat.received_at >= latest
    )
    if session.scalars(alive).first() or jobs.unfinished(session, decision.load_balancer_id):
        return False
    jobs.enqueue(session, job)
    return True


def _claim(session: Session, load_balancer_id: str, claims: int | None) -> bool:
    health = models.Health
    if claims is None:
        values = {"load_balancer_id": load_balancer_id, "failovers": 1}
        session.execute(sa.insert(health).values(values))
        return True
    query = sa.update(health).where(
        health.load_balancer_id == load_balancer_id, health.failovers == claims
    )
    return jobs.changed(session, query.values(failovers=claims + 1)) == 1


def _ready() -> sa.ColumnElement[bool]:
    return models.Amphora.state.in_(_SERVE)


def suspects(session: Session) -> frozenset[str]:
    """Load balancers with an amphora that serves and was never heard, or with too few of them. No
    index tells them, so this reads a bit of every load balancer: for once in a while.

    :returns: no more than can be looked at
    """
    amphora, beat = models.Amphora, models.Heartbeat
    heard = sa.exists().where(beat.amphora_id == amphora.id)
    unheard = sa.select(amphora.load_balancer_id).where(_ready(), ~heard).order_by(amphora.id)
    both = (unheard, _too_few())
    return frozenset(i for query in both for i in session.scalars(query.limit(MOST)))


def _too_few() -> sa.Select[Any]:
    """As one join: a subquery for each load balancer takes MariaDB four times as long."""
    amphora, lb = models.Amphora, models.LoadBalancer
    owner, number = amphora.load_balancer_id.label("owner"), sa.func.count().label("number")
    serving = sa.select(owner, number).where(_ready()).group_by(owner).subquery()
    query = sa.select(lb.id).join(serving, serving.c.owner == lb.id, isouter=True)
    return query.where(sa.func.coalesce(serving.c.number, 0) < _wanted())


def _wanted() -> sa.ColumnElement[int]:
    return sa.case((models.LoadBalancer.topology == "ACTIVE_STANDBY", 2), else_=1)


def _silent(session: Session, latest: datetime.datetime) -> list[str]:
    """The load balancer of each amphora that serves and is silent."""
    amphora, beat = models.Amphora, models.Heartbeat
    query = (
        sa.select(amphora.load_balancer_id)
        .join(beat, beat.amphora_id == amphora.id)
        .where(_ready(), beat.received_at < latest)
        .order_by(beat.received_at)
        .limit(MOST)
    )
    return list(session.scalars(query))


def _quiet(session: Session, latest: datetime.datetime) -> dict[str, int]:
    """How many amphorae that serve were not heard since then, and were built before; by host."""
    amphora, beat, job = models.Amphora, models.Heartbeat, models.Job
    built = sa.or_(job.finished_at.is_(None), job.finished_at < latest)
    query = (
        sa.select(amphora.host, sa.func.count())
        .join(beat, beat.amphora_id == amphora.id)
        .join(job, job.id == amphora.built_by, isouter=True)
        .where(_ready(), beat.received_at < latest, built)
        .group_by(amphora.host)
    )
    return {host or "": number for host, number in session.execute(query)}


def _serving_of_wanted() -> sa.Select[Any]:
    """Load balancers, with the number of amphorae that serve, and of those there should be."""
    amphora, lb = models.Amphora, models.LoadBalancer
    serving = (
        sa.select(sa.func.count())
        .where(amphora.load_balancer_id == lb.id, _ready())
        .correlate(lb)
        .scalar_subquery()
    )
    return sa.select(lb.id, serving.label("serving"), _wanted().label("wanted")).limit(MOST)


def _lack(query: sa.Select[Any]) -> sa.ColumnElement[bool]:
    _, serving, wanted = query.selected_columns
    return serving < wanted


def _rows(session: Session, query: Any) -> tuple[tuple[str, int, int], ...]:
    return tuple((row[0], row[1], row[2]) for row in session.execute(query))


def _unfinished(session: Session) -> tuple[tuple[str, int, int], ...]:
    """Load balancers whose last failover failed and left fewer amphorae than there should be, or
    the load balancer in ERROR; see :func:`_serving_of_wanted`."""
    job, later, query = models.Job, aliased(models.Job), _serving_of_wanted()
    failover = Action.FAILOVER.value
    is_last = ~sa.exists().where(
        later.load_balancer_id == job.load_balancer_id,
        later.seq > job.seq,
        later.action == failover,
    )
    query = (
        query.join(job, job.load_balancer_id == models.LoadBalancer.id)
        .where(
            job.state == JobState.FAILED.value,
            job.action == failover,
            is_last,
            sa.or_(_lack(query), _in_error()),
        )
        .order_by(job.seq)
    )
    return _rows(session, query)


def _lacking(session: Session, among: Collection[str]) -> tuple[tuple[str, int, int], ...]:
    """Those of these load balancers that were built once and have fewer amphorae than there should
    be, with no job that may change it; not those on their way out. See :func:`_serving_of_wanted`.
    """
    if not among:
        return ()
    lb, job, query = models.LoadBalancer, models.Job, _serving_of_wanted()
    health, mine = models.Health, lb.id.in_(list(among))
    built = sa.exists().where(health.load_balancer_id == lb.id, health.expected.is_not(None))
    busy = sa.exists().where(job.load_balancer_id == lb.id, job.state.in_(_UNFINISHED))
    query = query.where(mine, built, ~busy, _lack(query), ~_going()).order_by(lb.id)
    return _rows(session, query)


def _going() -> sa.ColumnElement[bool]:
    """It is in ERROR since its deletion failed, or for a reason whose job is forgotten."""
    reason, job = models.Reason, models.Job
    kept = sa.exists().where(job.id == reason.job_id, job.action != Action.DELETE.value)
    return sa.exists().where(
        reason.object_id == models.LoadBalancer.id,
        reason.object_type == ObjectType.LOADBALANCER.value,
        ~kept,
    )


def _in_error() -> sa.ColumnElement[bool]:
    """The load balancer itself, not only an amphora, and nothing has put it right since."""
    reason, job = models.Reason, models.Job
    kind = ObjectType.LOADBALANCER.value
    return sa.and_(
        job.object_type == kind,
        sa.exists().where(reason.object_id == models.LoadBalancer.id, reason.object_type == kind),
    )


def _serving(session: Session, load_balancer_ids: Collection[str]) -> tuple[Serving, ...]:
    amphora, beat, job = models.Amphora, models.Heartbeat, models.Job
    query = (
        sa.select(
            amphora.id,
            amphora.load_balancer_id,
            beat.received_at,
            job.finished_at,
            sa.func.coalesce(amphora.host, ""),
        )
        .join(beat, beat.amphora_id == amphora.id, isouter=True)
        .join(job, job.id == amphora.built_by, isouter=True)
        .where(_ready(), amphora.load_balancer_id.in_(list(load_balancer_ids)))
        .order_by(amphora.id)
    )
    return tuple(Serving(*row) for row in session.execute(query))


def _heard(session: Session, enough: int) -> dict[str, int]:
    """By host.

    :param enough: more need not be counted: too few are silent for an outage then
    """
    amphora, beat = models.Amphora, models.Heartbeat
    some = sa.select(amphora.host).join(beat, beat.amphora_id == amphora.id).where(_ready())
    few = some.limit(enough).subquery()
    query = sa.select(few.c.host, sa.func.count()).group_by(few.c.host)
    return {host or "": number for host, number in session.execute(query)}


def _running(session: Session) -> int:
    job = models.Job
    query = sa.select(sa.func.count()).where(
        job.action == Action.FAILOVER.value, job.state.in_(_UNFINISHED)
    )
    return session.scalar(query) or 0


def _histories(session: Session, load_balancer_ids: Collection[str]) -> dict[str, History]:
    ids = list(load_balancer_ids)
    health, job = models.Health, models.Job
    rows = session.execute(
        sa.select(health.load_balancer_id, health.failovers).where(health.load_balancer_id.in_(ids))
    )
    claims: dict[str, int] = {row[0]: row[1] for row in rows}
    ended = session.execute(
        sa.select(job.load_balancer_id, job.state, job.finished_at)
        .where(
            job.load_balancer_id.in_(ids),
            job.action == Action.FAILOVER.value,
            job.state.not_in(_UNFINISHED),
        )
        .order_by(job.seq)
    )
    failures = _failures(ended)
    busy = jobs.busy(session, ids)
    return {
        i: History(i in busy, claims.get(i), *failures.get(i, (0, None))) for i in load_balancer_ids
    }


def _failures(ended: Iterable[Any]) -> dict[str, tuple[int, datetime.datetime | None]]:
    """Failovers that failed since one did not, and when the last one did; by load balancer."""
    found: dict[str, tuple[int, datetime.datetime | None]] = {}
    for load_balancer_id, state, finished_at in ended:
        count = found.get(load_balancer_id, (0, None))[0]
        failed = state == JobState.FAILED.value
        found[load_balancer_id] = (count + 1, finished_at) if failed else (0, None)
    return found
