"""The tree a job wants to see served: without what is being deleted, without what cannot be."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from sriov_provider import tree
from sriov_provider.errors import Code, Reason
from sriov_provider.kinds import member_kind, member_network_problem, vip_kind
from sriov_provider.records import Action, Job, ObjectType

__all__ = [
    "lvs_family_problem",
    "member_kind",
    "member_network_problem",
    "retried_members",
    "vip_kind",
    "without_deleted",
    "without_members",
]


def without_deleted(lb: tree.LoadBalancer, job: Job) -> tree.LoadBalancer:
    """The tree without what the job deletes.

    The driver-agent hands out objects in PENDING_DELETE like all others and without their
    status, so what is being deleted is known from the job alone.
    """
    gone = {ref.id for ref in job.objects if ref.action is Action.DELETE}
    return _prune(lb, gone) if gone else lb


def _prune(lb: tree.LoadBalancer, gone: Collection[str]) -> tree.LoadBalancer:
    pools = tuple(_prune_pool(p, gone) for p in lb.pools if p.id not in gone)
    listeners = tuple(_prune_listener(li, gone) for li in lb.listeners if li.id not in gone)
    return dataclasses.replace(lb, pools=pools, listeners=listeners)


def _prune_pool(pool: tree.Pool, gone: Collection[str]) -> tree.Pool:
    monitor = pool.healthmonitor
    if monitor and monitor.id in gone:
        monitor = None
    members = tuple(m for m in pool.members if m.id not in gone)
    return dataclasses.replace(pool, members=members, healthmonitor=monitor)


def _prune_listener(listener: tree.Listener, gone: Collection[str]) -> tree.Listener:
    policies = tuple(
        dataclasses.replace(p, rules=tuple(r for r in p.rules if r.id not in gone))
        for p in listener.l7policies
        if p.id not in gone and p.redirect_pool_id not in gone
    )
    pool_id = listener.default_pool_id if listener.default_pool_id not in gone else None
    return dataclasses.replace(listener, l7policies=policies, default_pool_id=pool_id)


def without_members(lb: tree.LoadBalancer, failed: Collection[str]) -> tree.LoadBalancer:
    """The tree without these members: what cannot be reached is not configured."""
    return _prune(lb, failed) if failed else lb


def lvs_family_problem(member: tree.Member, pool: tree.Pool, vips: Iterable[str]) -> Reason | None:
    """UDP and SCTP load balancing cannot translate between IPv4 and IPv6."""
    if pool.protocol not in tree.LVS_PROTOCOLS:
        return None
    if any((":" in vip) == (":" in member.address) for vip in vips):
        return None
    text = (
        f"{pool.protocol} pools cannot mix IPv4 and IPv6: member address {member.address} has "
        f"no VIP of its IP version ({', '.join(vips)})."
    )
    return Reason(Code.UNSUPPORTED, text, f"Member {member.id}: {text}")


def retried_members(job: Job) -> Collection[str] | None:
    """Members that failed before and get another chance in this job; None means all."""
    if job.object_type in (ObjectType.LOADBALANCER, ObjectType.AMPHORA):
        return None
    return {ref.id for ref in job.objects if ref.type is ObjectType.MEMBER}
