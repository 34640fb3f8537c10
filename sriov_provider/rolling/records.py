"""What our tables tell of amphorae that shall be replaced, and the jobs that replace them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider import upkeep
from sriov_provider.db import jobs, models
from sriov_provider.records import AmphoraRecord, AmphoraState, Job, JobState
from sriov_provider.rolling.model import Ended, Found

_LEAVING = AmphoraState.RELEASING.value


def amphorae(
    session: Session, *, host: str | None = None, load_balancer_id: str | None = None
) -> tuple[Found, ...]:
    """Those on this host, of this load balancer, or all.

    :param host: compute host
    """
    amphora = models.Amphora
    conditions = []
    if host is not None:
        conditions.append(amphora.host == host)
    if load_balancer_id is not None:
        conditions.append(amphora.load_balancer_id == load_balancer_id)
    rows = list(session.execute(_query().where(*conditions)))
    hosts = _hosts(session, {row[1] for row in rows})
    return tuple(_found(row, hosts) for row in rows)


def amphora(session: Session, amphora_id: str) -> Found | None:
    """None when it is not on record."""
    row = session.execute(_query().where(models.Amphora.id == amphora_id)).first()
    return None if row is None else _found(row, _hosts(session, {row[1]}))


def knows_load_balancer(session: Session, load_balancer_id: str) -> bool:
    return session.get(models.LoadBalancer, load_balancer_id) is not None


def first_job(session: Session, load_balancer_id: str) -> Job | None:
    """The oldest that waits or runs."""
    return next(iter(jobs.unfinished(session, load_balancer_id)), None)


def place(session: Session, found: Found) -> Job | None:
    """Write the job that replaces an amphora.

    :returns: None when its load balancer has got another job, or it is gone
    """
    if first_job(session, found.load_balancer_id) or amphora(session, found.amphora_id) is None:
        return None
    job = upkeep.failover(AmphoraRecord(found.amphora_id, found.load_balancer_id))
    return jobs.enqueue(session, job)


def ended(session: Session, job_id: str, role: str) -> Ended | None:
    """How a job ended; None when it has not.

    :param role: of the amphora it was to replace; it may have built a missing one beside it
    """
    job = jobs.get(session, job_id)
    if job is None:
        return Ended(JobState.FAILED, f"job {job_id} is not on record any more")
    if job.state.value in jobs.UNFINISHED:
        return None
    built = list(session.execute(_query().where(models.Amphora.built_by == job_id)))
    new = [_found(row, {}) for row in sorted(built, key=lambda row: row[2] != role)]
    done = job.state is JobState.DONE
    return Ended(job.state, _reason(session, job_id), new[0] if new and done else None)


def _reason(session: Session, job_id: str) -> str:
    reason = models.Reason
    query = sa.select(reason.code, reason.operator_text).where(reason.job_id == job_id)
    row = session.execute(query.order_by(reason.seq.desc())).first()
    return f"{row[0]}: {row[1]}" if row else ""


def _query() -> sa.Select[Any]:
    one, lb = models.Amphora, models.LoadBalancer
    columns: list[Any] = [one.id, one.load_balancer_id, one.role, one.host, one.compute_id]
    columns += [one.agent_version, lb.flavor, lb.topology]
    return sa.select(*columns).join(lb, lb.id == one.load_balancer_id).order_by(one.id)


def _hosts(session: Session, load_balancer_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Host of each amphora that stays, by load balancer."""
    one = models.Amphora
    query = sa.select(one.load_balancer_id, one.id, one.host).where(
        one.load_balancer_id.in_(sorted(load_balancer_ids)),
        one.state != _LEAVING,
        one.host.is_not(None),
    )
    found: dict[str, dict[str, str]] = {}
    for load_balancer_id, amphora_id, host in session.execute(query):
        found.setdefault(load_balancer_id, {})[amphora_id] = str(host)
    return found


def _found(row: Any, hosts: dict[str, dict[str, str]]) -> Found:
    amphora_id, lb_id, role, host, compute_id, agent, flavor, topology = row
    others = {h for i, h in hosts.get(lb_id, {}).items() if i != amphora_id}
    return Found(
        *(amphora_id, lb_id, role, host, compute_id, agent, flavor or {}),
        topology=topology,
        peers=frozenset(others),
    )
