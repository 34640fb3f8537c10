"""Which members can be served, and why the others cannot. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sriov_provider import tree
from sriov_provider.errors import Reason
from sriov_provider.records import AmphoraRecord, Inventory, Job, MemberRecord, PortRole
from sriov_provider.worker import desired
from sriov_provider.worker.plan_amphora import alive
from sriov_provider.worker.plan_model import Facts


def sort_members(
    job: Job,
    lb: tree.LoadBalancer,
    kept: tuple[AmphoraRecord, ...],
    inventory: Inventory,
    facts: Facts,
) -> tuple[dict[str, Reason], dict[str, str]]:
    """Which members cannot be served and why, and the network of each that has one.

    :param kept: the amphorae that will serve them; ports of others stand in nobody's way
    """
    attached = {lb.vip_network_id: desired.vip_kind(lb.flavor)}
    ids = {a.id for a in kept}
    live = [p for p in inventory.ports if p.role is PortRole.MEMBER and alive(p)]
    attached.update({p.network_id: p.vnic_type for p in live if p.amphora_id in ids})
    failed = kept_out(job, lb, inventory)
    networks: dict[str, str] = {}
    # A member that is already served is not turned out by one that comes later in the tree.
    served = {m.id for m in inventory.members if not m.failed}
    ordered = sorted(
        ((p, m) for p in lb.pools for m in p.members), key=lambda pair: pair[1].id not in served
    )
    for pool, member in ordered:
        if member.id in failed:
            continue
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
    return failed, networks


def kept_out(job: Job, lb: tree.LoadBalancer, inventory: Inventory) -> dict[str, Reason]:
    """A member that failed for want of a port stays out until somebody changes it."""
    retried = desired.retried_members(job)
    if retried is None:
        return {}
    there = {m.id for m in lb.members()} - set(retried)
    out = (m.id for m in inventory.members if m.failed and m.id in there)
    return {m: inventory.reasons[m] for m in out if m in inventory.reasons}


def member_rows(
    lb: tree.LoadBalancer,
    failed: Mapping[str, Reason],
    networks: Mapping[str, str],
    facts: Facts,
) -> tuple[MemberRecord, ...]:
    """What is kept of all members; the network of one that failed too, if it has one."""
    known = {s: n for s, n in facts.networks.items() if isinstance(n, str)}
    return tuple(
        MemberRecord(
            id=m.id,
            load_balancer_id=lb.id,
            pool_id=m.pool_id,
            address=m.address,
            subnet_id=m.subnet_id,
            vnic_type=desired.member_kind(m, lb.flavor),
            network_id=networks.get(m.id) or known.get(m.subnet_id or ""),
            failed=m.id in failed,
        )
        for m in lb.members()
    )
