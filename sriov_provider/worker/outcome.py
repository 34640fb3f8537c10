"""How a job ended: rows, reasons and statuses for Octavia, in one transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from sqlalchemy.orm import Session

from sriov_provider import tree
from sriov_provider.db import children, health, jobs, outbox, reasons
from sriov_provider.db import inventory as inventory_db
from sriov_provider.errors import Reason
from sriov_provider.records import (
    Action,
    Inventory,
    Job,
    JobState,
    MemberRecord,
    ObjectType,
    ReasonRecord,
)
from sriov_provider.status import mapping


def succeeded(
    session: Session,
    job: Job,
    lb: tree.LoadBalancer | None,
    inventory: Inventory,
    members: tuple[MemberRecord, ...],
    failed: Mapping[str, Reason],
    heard: Collection[mapping.Key] = (),
) -> None:
    """The plan is done, except for members that could not be had: the whole tree is in force now,
    and what failed in an earlier job and is not left out works.

    :param members: all members after the job
    :param failed: why some of them are left out, by id
    :param heard: objects whose operating statuses heartbeats know better than a job
    """
    keys = {(ObjectType.MEMBER, member): reason for member, reason in failed.items()}
    news = [
        reasons.record(ObjectType.MEMBER, member, job.load_balancer_id, reason, job.id)
        for member, reason in failed.items()
        if inventory.reasons.get(member) != reason
    ]
    waiting = _waiting(session, job)
    recovered = reasons.objects(session, job.load_balancer_id) - {*keys, *mapping.held(waiting, lb)}
    statuses = mapping.statuses(job, lb, keys, recovered, heard=heard, waiting=waiting)
    if not outbox.record_outcome(session, job, JobState.DONE, statuses, news):
        return
    for kind, object_id in recovered:
        reasons.clear(session, kind, object_id)
    if job.removes_load_balancer:
        inventory_db.delete_load_balancer(session, job.load_balancer_id)
        return
    gone = _gone(job, lb)
    children.forget(session, gone)
    rows = tuple(dataclasses.replace(m, failed=m.id in failed) for m in members)
    inventory_db.replace_members(session, job.load_balancer_id, rows)
    if lb is not None:
        served = [x.id for x in lb.listeners if lb.enabled and x.enabled and x.id not in gone]
        health.expect(session, lb.id, lb.enabled, served)


def failed(
    session: Session,
    job: Job,
    lb: tree.LoadBalancer | None,
    reason: Reason,
    heard: Collection[mapping.Key] = (),
) -> None:
    """The whole job failed for good: its object goes to ERROR, its parents stay usable.

    :param heard: as for a success
    """
    touched = [(r.type, r.id) for r in job.objects] or [(job.object_type, job.object_id)]
    listeners = children.of_parent(session, job.load_balancer_id, ObjectType.LISTENER)
    statuses = mapping.statuses(
        job,
        lb,
        dict.fromkeys(touched, reason),
        listeners=[listener.id for listener in listeners],
        heard=heard,
        waiting=_waiting(session, job),
    )
    # Nobody would ever remove the reasons of a load balancer that is gone.
    known = inventory_db.read(session, job.load_balancer_id).load_balancer is not None
    records = _records(job, touched, reason) if known else []
    outbox.record_outcome(session, job, JobState.FAILED, statuses, records)


def _waiting(session: Session, job: Job) -> tuple[Job, ...]:
    """Requests that Octavia has locked something for, behind a job that it may know nothing of."""
    if job.object_type is not ObjectType.AMPHORA and job.action is not Action.FAILOVER:
        return ()
    others = jobs.unfinished(session, job.load_balancer_id)
    return tuple(other for other in others if other.id != job.id and _requested(other))


def _requested(job: Job) -> bool:
    """Placed for a user, or as if it were."""
    known = (Action.CREATE, Action.UPDATE, Action.DELETE, Action.FAILOVER)
    return job.object_type is not ObjectType.AMPHORA and job.action in known


def _records(job: Job, touched: list[tuple[ObjectType, str]], reason: Reason) -> list[ReasonRecord]:
    return [reasons.record(t, i, job.load_balancer_id, reason, job.id) for t, i in touched]


def _gone(job: Job, lb: tree.LoadBalancer | None) -> set[str]:
    """What the job deleted, with what was below it."""
    gone = {ref.id for ref in job.objects if ref.action is Action.DELETE}
    below = {m.id for m in lb.members() if m.pool_id in gone} if lb else set()
    for listener in lb.listeners if lb else ():
        if listener.id in gone:
            below.update(policy.id for policy in listener.l7policies)
    return gone | below
