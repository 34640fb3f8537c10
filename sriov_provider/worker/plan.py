"""The plan: every decision about one job, made by a pure function.

    job + desired state (Octavia's tree) + actual state (our inventory) -> Plan

Tasks do what the plan says and decide nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sriov_provider import tree, vnic
from sriov_provider.compute.refusals import STRICT
from sriov_provider.errors import Code, Reason
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
from sriov_provider.worker import desired, plan_amphora, plan_members, roles
from sriov_provider.worker.plan_model import AmphoraPlan, Facts, Group, Plan, ReleaseWhen, Retry


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
    topology = _topology(lb, inventory, facts)
    made = _make(job, wanted, inventory, facts, topology, all_new=False)
    if any(plan_amphora.needs_boot(a, facts) for a in made.amphorae):
        made = _make(job, wanted, inventory, facts, topology, all_new=True)
    return made


def _topology(lb: tree.LoadBalancer, inventory: Inventory, facts: Facts) -> str:
    """As decided at the create: the operator may have another default by now."""
    recorded = inventory.load_balancer.topology if inventory.load_balancer else None
    return str(lb.flavor.get("loadbalancer_topology") or recorded or facts.settings.topology)


def _make(
    job: Job,
    wanted: tree.LoadBalancer,
    inventory: Inventory,
    facts: Facts,
    topology: str,
    *,
    all_new: bool,
) -> Plan:
    """:param wanted: the tree without what the job deletes
    :param all_new: new amphorae instead of those that are there
    """
    cast = roles.cast(job, inventory, topology, facts, all_new=all_new)
    kept = cast.kept
    failed, networks = plan_members.sort_members(job, wanted, kept, inventory, facts)
    serve = desired.without_members(wanted, set(failed))
    surplus = plan_amphora.surplus_ports(kept, serve, networks, inventory)
    known = (serve, networks, inventory, facts, topology, job.placement)
    made = Plan(
        job=job,
        load_balancer_id=wanted.id,
        owner=owner_tag(wanted.id),
        serve=serve,
        topology=topology,
        group_name=group_name(wanted.id),
        amphorae=tuple(plan_amphora.amphora(a, *known) for a in kept),
        release_amphorae=cast.released,
        release_ports=surplus,
        leftovers=_leftovers(job, surplus, inventory),
        members=plan_members.member_rows(wanted, failed, networks, facts),
        failed=failed,
        configure=_needs_configure(job, serve),
        retry_members=_retry_members(job, facts, all_new=all_new),
        adopt=job.attempt > 1 or job.placement > 0 or _half_done(kept, inventory),
        vip_qos=(_asks(job, "vip_qos_policy_id"), wanted.vip_qos_policy_id),
        vip_groups=_asks(job, "vip_sg_ids"),
    )
    whole = _with_others(made, wanted, cast, inventory, facts)
    return _with_ahead(whole, wanted, tuple(plan_amphora.amphora(a, *known) for a in cast.ahead))


def _with_ahead(made: Plan, wanted: tree.LoadBalancer, amphorae: tuple[AmphoraPlan, ...]) -> Plan:
    """Of the plan after this one no more than its new amphorae, which tries again what fails."""
    # Hosts are not to be shared with those that go; and one that makes room has none for more.
    first = wanted.flavor.get("failover_strategy") == "release_first"
    if not amphorae or made.server_group_policy or first:
        return made
    ahead = dataclasses.replace(
        made,
        amphorae=amphorae,
        release_amphorae=(),
        release_ports=(),
        retry_members=Retry.LATER,
    )
    # There is another way where room is short: a plan without it, which makes room.
    when = made.release_when
    if when is ReleaseWhen.BEFORE_MEMBERS:
        when = ReleaseWhen.BEFORE_VRRP
    others = _with_another_way(made.amphorae)
    return dataclasses.replace(made, ahead=ahead, amphorae=others, release_when=when)


def _with_others(
    made: Plan, wanted: tree.LoadBalancer, cast: roles.Cast, inventory: Inventory, facts: Facts
) -> Plan:
    """What an amphora has to do with those beside and those before it."""
    policy = anti_affinity(wanted.flavor, made.topology, facts.settings.anti_affinity)
    stale = any(a.state is AmphoraState.STALE for a in cast.kept)
    anew = _anew(made.job, cast)
    changed = stale or bool(anew) or not all(a.serves for a in cast.kept)
    when = _release_when(made, wanted, cast, policy, facts)
    waits = _waits_for_room(wanted, cast, when, facts)
    amphorae = _with_another_way(made.amphorae) if waits else made.amphorae
    # Where hosts are not to be shared, the old one may be what keeps the new one from its host.
    codes = {Code.NO_VF, Code.BOOT_FAILED} if waits and policy == STRICT else {Code.NO_VF}
    return dataclasses.replace(
        made,
        server_group_policy=policy,
        lacking=_lacking(cast.kept, plan_members.kept_out(made.job, wanted, inventory)),
        groups_in_doubt=_groups_in_doubt(amphorae, inventory),
        release_when=when,
        left_out=cast.left_out,
        anew=anew,
        yields=roles.yielding(cast, facts),
        vrrp=made.topology != roles.SINGLE and changed,
        again=cast.again,
        configure=made.configure or stale,
        elsewhere=frozenset(codes) if any(a.elsewhere for a in amphorae) else frozenset(),
        amphorae=amphorae,
    )


def _anew(job: Job, cast: roles.Cast) -> frozenset[str]:
    """An amphora that is brought up to date was away; what it is by now nobody knows."""
    if job.object_type is not ObjectType.AMPHORA or job.action is not Action.UPDATE:
        return frozenset()
    return frozenset(a.id for a in cast.kept if a.id == job.object_id and a.serves)


def _groups_in_doubt(amphorae: tuple[AmphoraPlan, ...], inventory: Inventory) -> frozenset[Group]:
    """Neutron deletes no group that a port has; Nova deletes any."""
    if not any(a.boot for a in amphorae):
        return frozenset()
    held = any(p.neutron_id for p in inventory.ports)
    return frozenset({Group.SERVER} if held else Group)


def _waits_for_room(
    wanted: tree.LoadBalancer, cast: roles.Cast, when: ReleaseWhen, facts: Facts
) -> bool:
    """Where no room is found beside the old one of a pair, another plan gives that one up first."""
    free = when is not ReleaseWhen.BEFORE_BUILD and not wanted.flavor.get("failover_strategy")
    return free and bool(cast.released) and _may_make_room(cast, facts)


def _with_another_way(amphorae: tuple[AmphoraPlan, ...]) -> tuple[AmphoraPlan, ...]:
    return tuple(dataclasses.replace(a, elsewhere=a.boot is not None) for a in amphorae)


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


def _leftovers(job: Job, surplus: tuple[PortRecord, ...], inventory: Inventory) -> frozenset[str]:
    """What an earlier job, or a run once its amphora was gone, tried to release in vain."""
    known = {a.id for a in inventory.amphorae}
    going = (p for p in surplus if p.state is PortState.RELEASING)
    return frozenset(p.id for p in going if job.attempt == 1 or p.amphora_id not in known)


def _half_done(kept: tuple[AmphoraRecord, ...], inventory: Inventory) -> bool:
    """An intent on record that the cloud may have carried out without our knowing."""
    ids = {a.id for a in kept if a in inventory.amphorae and not a.compute_id}
    return bool(ids) or any(p.neutron_id is None for p in inventory.ports)


def anti_affinity(flavor: Mapping[str, Any], topology: str, default: str | None) -> str | None:
    """The policy of the server group, which makes sense only for a pair.

    :param default: of load balancers whose flavor names none
    """
    if topology == roles.SINGLE:
        return None
    asked: Any = flavor.get("anti_affinity")
    names = {"strict": STRICT, "soft": "soft-anti-affinity", "off": None}
    return names.get(asked, default)


def _release_when(
    made: Plan, lb: tree.LoadBalancer, cast: roles.Cast, policy: str | None, facts: Facts
) -> ReleaseWhen:
    """As the flavor says. Where it says nothing, one of a pair makes room first while the other one
    answers, if it is dead itself, there may be no third host, or was no VF beside it. Where none
    answers it may be us who are cut off: both may serve."""
    asked = lb.flavor.get("failover_strategy")
    narrow = policy == STRICT or _dead(cast, facts)
    builds = any(not a.serves for a in cast.kept)
    in_vain = builds and made.job.placement > 0 and _may_make_room(cast, facts)
    first = in_vain or (narrow and roles.survivors(cast, facts))
    if asked:
        first = asked == "release_first"
    if first:
        return ReleaseWhen.BEFORE_BUILD
    pair = all(a.role != roles.STANDALONE for a in cast.kept)
    if not (pair and roles.stays(cast)):
        return ReleaseWhen.BEFORE_PLUG
    room = any(a.boot or a.vip_port or a.member_ports for a in made.amphorae)
    return ReleaseWhen.BEFORE_MEMBERS if room else ReleaseWhen.BEFORE_VRRP


def _dead(cast: roles.Cast, facts: Facts) -> bool:
    """As far as can be told: none of those that go answers."""
    going = {a.id for a in cast.released if a.serves}
    return bool(going) and going <= facts.silent


def _may_make_room(cast: roles.Cast, facts: Facts) -> bool:
    """Never the last one."""
    return roles.survivors(cast, facts) or (_dead(cast, facts) and roles.stays(cast))


def _retry_members(job: Job, facts: Facts, *, all_new: bool) -> Retry:
    """What has been replaced is not given up for a member, and nobody who waits for something else
    waits for one."""
    if job.object_type is ObjectType.AMPHORA or job.action is Action.FAILOVER:
        again = job.action is Action.FAILOVER and not (all_new or facts.last_attempt)
        return Retry.AGAIN if again else Retry.LATER
    return Retry.NEVER if all_new or facts.last_attempt else Retry.NOW


def _lacking(kept: tuple[AmphoraRecord, ...], kept_out: Mapping[str, Reason]) -> frozenset[str]:
    """What is to be brought up to date still is, while a job leaves members out untried."""
    stale = (a.id for a in kept if a.state is AmphoraState.STALE)
    return frozenset(stale) if kept_out else frozenset()


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
