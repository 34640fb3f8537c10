"""Which members can be served, and why the others cannot. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sriov_provider import tree
from sriov_provider.errors import Reason
from sriov_provider.records import Action, Inventory, Job, MemberRecord, PortRole
from sriov_provider.worker import desired
from sriov_provider.worker.plan_amphora import alive
from sriov_provider.worker.plan_model import Facts


def sort_members(
    job: Job, lb: tree.LoadBalancer, inventory: Inventory, facts: Facts
) -> tuple[dict[str, Reason], dict[str, str]]:
    """Which members cannot be served and why, and the network of each that has one."""
    attached = {lb.vip_network_id: desired.vip_kind(lb.flavor)}
    gone = job.action is Action.FAILOVER
    if not gone:
        live = [p for p in inventory.ports if p.role is PortRole.MEMBER and alive(p)]
        attached.update({p.network_id: p.vnic_type for p in live})
    failed: dict[str, Reason] = {}
    networks: dict[str, str] = {}
    # A member that is already served is not turned out by one that comes later in the tree.
    served = {m.id for m in inventory.members if not m.failed}
    ordered = sorted(
        ((p, m) for p in lb.pools for m in p.members), key=lambda pair: pair[1].id not in served
    )
    for pool, member in ordered:
        reason = desired.lvs_family_problem(member, pool, lb.vip_addresses())
        network = facts.networks.get(member.subnet_id or "")
        if reason is None and isinstance(network, Reason):
            reason = network
        elif reason is None and network is not None:
            assert isinstance(network, str)
            kind = desired.member_kind(member, lb.flavor)
            reason = desired.member_network_problem(member, network, kind, attached, lb)
            if reason is None:
                attached.setdefault(network, kind)
                networks[member.id] = network
        if reason is not None:
            failed[member.id] = reason
    _keep_failed(job, inventory, failed)
    return failed, networks


def _keep_failed(job: Job, inventory: Inventory, failed: dict[str, Reason]) -> None:
    """A member that failed for want of a port stays out until somebody changes it."""
    retried = desired.retried_members(job)
    for member in inventory.members:
        if member.failed and retried is not None and member.id not in retried:
            reason = inventory.reasons.get(member.id)
            if reason is not None:
                failed.setdefault(member.id, reason)


def member_rows(
    lb: tree.LoadBalancer, failed: Mapping[str, Reason], networks: Mapping[str, str]
) -> tuple[MemberRecord, ...]:
    return tuple(
        MemberRecord(
            id=m.id,
            load_balancer_id=lb.id,
            pool_id=m.pool_id,
            address=m.address,
            subnet_id=m.subnet_id,
            vnic_type=desired.member_kind(m, lb.flavor),
            network_id=networks.get(m.id),
            failed=m.id in failed,
        )
        for m in lb.members()
    )
