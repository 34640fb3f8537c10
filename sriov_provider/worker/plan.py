"""The plan: every decision about one job, made by a pure function.

    job + desired state (Octavia's tree) + actual state (our inventory) -> Plan

Tasks do what the plan says and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sriov_provider import tree, vnic
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Inventory,
    Job,
    ObjectType,
    PortRecord,
    PortState,
)
from sriov_provider.worker import desired, plan_amphora, plan_members
from sriov_provider.worker.plan_model import AmphoraPlan, Facts, Plan, ReleaseWhen

SINGLE = "SINGLE"
STANDALONE = "STANDALONE"


def owner_tag(load_balancer_id: str) -> str:
    """Found on every port and group that belongs to a load balancer."""
    return f"octavia-sriov:{load_balancer_id}"


def group_name(load_balancer_id: str) -> str:
    """As the stock provider names it, so that operators find it and Octavia's own clean-up of
    the VIP port does too."""
    return f"lb-{load_balancer_id}"


def make(job: Job, lb: tree.LoadBalancer | None, inventory: Inventory, facts: Facts) -> Plan:
    """The plan for a job.

    :param lb: Octavia's tree; None when it is gone or the load balancer is to be deleted
    """
    if lb is None or job.removes_load_balancer:
        return removal(job, inventory)
    wanted = desired.without_deleted(lb, job)
    topology = str(lb.flavor.get("loadbalancer_topology") or facts.settings.topology)
    made = _make(job, wanted, inventory, facts, topology, job.action is Action.FAILOVER)
    if any(plan_amphora.needs_boot(a) for a in made.amphorae):
        made = _make(job, wanted, inventory, facts, topology, True)
    return made


def _make(
    job: Job,
    wanted: tree.LoadBalancer,
    inventory: Inventory,
    facts: Facts,
    topology: str,
    replace: bool,
) -> Plan:
    """:param wanted: the tree without what the job deletes
    :param replace: new amphorae instead of those that are there
    """
    kept, released = _split_amphorae(job, inventory, topology, facts, replace)
    failed, networks = plan_members.sort_members(job, wanted, kept, inventory, facts)
    serve = desired.without_members(wanted, set(failed))
    surplus = plan_amphora.surplus_ports(kept, serve, networks, inventory)
    return Plan(
        job=job,
        load_balancer_id=wanted.id,
        owner=owner_tag(wanted.id),
        serve=serve,
        topology=topology,
        group_name=group_name(wanted.id),
        server_group_policy=_anti_affinity(wanted, topology, facts),
        amphorae=tuple(
            plan_amphora.amphora(a, serve, networks, inventory, facts, topology, job.placement)
            for a in kept
        ),
        release_amphorae=released,
        release_when=_release_when(wanted),
        release_ports=surplus,
        leftovers=_leftovers(job, surplus),
        members=plan_members.member_rows(wanted, failed, networks, facts),
        failed=failed,
        configure=_needs_configure(job, serve),
        retry_members=not replace and not facts.last_attempt,
        adopt=job.attempt > 1 or job.placement > 0 or _half_done(kept, inventory),
        vip_qos=(_asks(job, "vip_qos_policy_id"), wanted.vip_qos_policy_id),
        vip_groups=_asks(job, "vip_sg_ids"),
    )


def removal(job: Job, inventory: Inventory) -> Plan:
    """Everything of the load balancer goes: a delete, or the end of a create that failed."""
    lb_id = job.load_balancer_id
    return Plan(
        job=job,
        load_balancer_id=lb_id,
        owner=owner_tag(lb_id),
        serve=None,
        topology="",
        group_name=group_name(lb_id),
        release_amphorae=inventory.amphorae,
        release_when=ReleaseWhen.BEFORE_BUILD,
        release_ports=inventory.ports,
        adopt=True,
        remove_all=True,
    )


def firewall_repair(job: Job, inventory: Inventory) -> Plan:
    """The amphorae that serve get the rules on record again, where they have others."""
    lb_id = job.load_balancer_id
    ready = [a for a in inventory.amphorae if a.state is AmphoraState.READY]
    return Plan(
        job=job,
        load_balancer_id=lb_id,
        owner=owner_tag(lb_id),
        serve=None,
        topology="",
        group_name=group_name(lb_id),
        amphorae=tuple(AmphoraPlan(a, management_network="") for a in ready),
        repair_firewall=True,
    )


def _split_amphorae(
    job: Job, inventory: Inventory, topology: str, facts: Facts, replace: bool
) -> tuple[tuple[AmphoraRecord, ...], tuple[AmphoraRecord, ...]]:
    """Amphorae to have and amphorae to release."""
    usable = tuple(a for a in inventory.amphorae if a.state is not AmphoraState.RELEASING)
    released = tuple(a for a in inventory.amphorae if a.state is AmphoraState.RELEASING)
    if replace:
        # What an interrupted run began to build is finished, not thrown away.
        fresh = tuple(a for a in usable if a.built_by == job.id)
        released += tuple(a for a in usable if a.built_by != job.id)
        usable = fresh
    if not usable:
        new = AmphoraRecord(
            id=facts.new_id(),
            load_balancer_id=job.load_balancer_id,
            role=STANDALONE,
            built_by=job.id,
        )
        usable = (new,)
    if topology == SINGLE:
        # Two are there when a failover ended between building one and releasing the other.
        usable = tuple(sorted(usable, key=lambda a: a.state is not AmphoraState.READY))
        usable, released = usable[:1], released + usable[1:]
    return usable, released


def _leftovers(job: Job, surplus: tuple[PortRecord, ...]) -> frozenset[str]:
    """What an earlier job tried to release in vain."""
    return frozenset(p.id for p in surplus if p.state is PortState.RELEASING and job.attempt == 1)


def _half_done(kept: tuple[AmphoraRecord, ...], inventory: Inventory) -> bool:
    """An intent on record that the cloud may have carried out without our knowing."""
    ids = {a.id for a in kept if a in inventory.amphorae and not a.compute_id}
    return bool(ids) or any(p.neutron_id is None for p in inventory.ports)


def _anti_affinity(lb: tree.LoadBalancer, topology: str, facts: Facts) -> str | None:
    """A server group makes sense only for a pair."""
    if topology == SINGLE:
        return None
    asked: Any = lb.flavor.get("anti_affinity")
    names = {"strict": "anti-affinity", "soft": "soft-anti-affinity", "off": None}
    return names.get(asked, facts.settings.anti_affinity)


def _release_when(lb: tree.LoadBalancer) -> ReleaseWhen:
    first = lb.flavor.get("failover_strategy") == "release_first"
    return ReleaseWhen.BEFORE_BUILD if first else ReleaseWhen.BEFORE_PLUG


def _needs_configure(job: Job, serve: tree.LoadBalancer) -> bool:
    deletes_listener = any(
        ref.type is ObjectType.LISTENER and ref.action is Action.DELETE for ref in job.objects
    )
    return bool(serve.listeners) or deletes_listener


def _asks(job: Job, name: str) -> bool:
    """True when an update of the load balancer gives a new value to this attribute."""
    update = job.object_type is ObjectType.LOADBALANCER and job.action is Action.UPDATE
    return update and any(name in ref.expected for ref in job.objects)


def effective_filter(port: PortRecord, flavor: Mapping[str, Any]) -> vnic.Filter:
    """Who filters this port; ``amphora_firewall: always`` makes the amphora filter too."""
    always = flavor.get("amphora_firewall") == "always"
    if always and port.filter is vnic.Filter.NEUTRON:
        return vnic.Filter.AMPHORA
    return port.filter
