"""The plan: every decision about one job, made by a pure function.

    job + desired state (Octavia's tree) + actual state (our inventory) -> Plan

Tasks do what the plan says and decide nothing.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Any

from sriov_provider import config, tree, vnic
from sriov_provider.errors import Reason
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Inventory,
    Job,
    MemberRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.worker import desired

STANDALONE = "STANDALONE"


class ReleaseWhen(str, enum.Enum):
    """When an amphora that is to go makes room."""

    BEFORE_BUILD = "before_build"
    BEFORE_PLUG = "before_plug"


@dataclasses.dataclass(frozen=True)
class BootPlan:
    """How to boot one amphora. Networks: the management network first."""

    name: str
    flavor: str
    image_tag: str
    image_owner: str | None
    networks: tuple[str, ...]
    security_groups: tuple[str, ...]
    key_name: str | None
    availability_zone: str | None
    topology: str


@dataclasses.dataclass(frozen=True)
class PortPlan:
    """One interface of one amphora.

    :ivar record: the row as it shall be written before Neutron is asked
    :ivar members: members that need it; they fail when it cannot be had
    """

    record: PortRecord
    name: str
    subnet_ids: tuple[str, ...]
    allowed_addresses: tuple[str, ...] = ()
    qos_policy_id: str | None = None
    members: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class AmphoraPlan:
    """One amphora to have at the end.

    :ivar boot: None when it is there already
    :ivar vip_port: None when it is plugged already
    :ivar member_ports: member interfaces to plug or to give further addresses
    :ivar vip_subnets: further subnets of the VIP's own network that members are on
    """

    record: AmphoraRecord
    management_network: str
    boot: BootPlan | None = None
    vip_port: PortPlan | None = None
    member_ports: tuple[PortPlan, ...] = ()
    vip_subnets: tuple[str, ...] = ()
    vip_members: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to do.

    :ivar serve: the tree to be served at the end; None when nothing shall be
    :ivar members: rows of all members after the job, failed ones marked
    :ivar failed: members that cannot be served, with the reason
    :ivar adopt: True when an earlier run may have left something in the cloud, so look first
    :ivar vip_qos: (True, policy id or None) when the VIP's QoS policy is to be set
    :ivar remove_all: the load balancer goes, with its groups
    """

    job: Job
    load_balancer_id: str
    owner: str
    serve: tree.LoadBalancer | None
    topology: str
    group_name: str
    server_group_policy: str | None = None
    amphorae: tuple[AmphoraPlan, ...] = ()
    release_amphorae: tuple[AmphoraRecord, ...] = ()
    release_when: ReleaseWhen = ReleaseWhen.BEFORE_PLUG
    release_ports: tuple[PortRecord, ...] = ()
    members: tuple[MemberRecord, ...] = ()
    failed: Mapping[str, Reason] = dataclasses.field(default_factory=dict)
    configure: bool = False
    adopt: bool = False
    vip_qos: tuple[bool, str | None] = (False, None)
    remove_all: bool = False


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the plan needs to know besides the tree and the inventory.

    :ivar networks: network of each member subnet, or why it could not be had
    :ivar new_id: source of new ids (a parameter, so that the plan stays pure)
    """

    settings: config.Amphora
    networks: Mapping[str, str | Reason]
    new_id: Callable[[], str]


def owner_tag(load_balancer_id: str) -> str:
    """Found on every port and group that belongs to a load balancer."""
    return f"octavia-sriov:{load_balancer_id}"


def group_name(load_balancer_id: str) -> str:
    """As the stock provider names it, so that operators find it and Octavia's own clean-up of
    the VIP port does too."""
    return f"lb-{load_balancer_id}"


def make(
    job: Job, lb: tree.LoadBalancer | None, inventory: Inventory, facts: Facts
) -> Plan:
    """The plan for a job.

    :param lb: Octavia's tree; None when it is gone or the load balancer is to be deleted
    """
    if lb is None or (job.object_type is ObjectType.LOADBALANCER and job.action is Action.DELETE):
        return removal(job, inventory)
    wanted = desired.without_deleted(lb, job)
    failed, networks = _sort_members(job, wanted, inventory, facts)
    serve = desired.without_members(wanted, set(failed))
    topology = str(lb.flavor.get("loadbalancer_topology") or facts.settings.topology)
    kept, released = _split_amphorae(job, inventory, topology, facts)
    plans = tuple(_amphora(a, serve, networks, inventory, facts, topology) for a in kept)
    return Plan(
        job=job,
        load_balancer_id=lb.id,
        owner=owner_tag(lb.id),
        serve=serve,
        topology=topology,
        group_name=group_name(lb.id),
        server_group_policy=_anti_affinity(lb, topology, facts),
        amphorae=plans,
        release_amphorae=released,
        release_when=_release_when(lb),
        release_ports=_surplus_ports(kept, serve, networks, inventory),
        members=_member_rows(wanted, failed, networks),
        failed=failed,
        configure=_needs_configure(job, serve),
        adopt=job.attempt > 1,
        vip_qos=_qos_change(job, lb),
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


def _sort_members(
    job: Job, lb: tree.LoadBalancer, inventory: Inventory, facts: Facts
) -> tuple[dict[str, Reason], dict[str, str]]:
    """Which members cannot be served and why, and the network of each that has one."""
    attached = {lb.vip_network_id: desired.vip_kind(lb.flavor)}
    gone = job.action is Action.FAILOVER
    if not gone:
        live = [p for p in inventory.ports if p.role is PortRole.MEMBER and _alive(p)]
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


def _alive(port: PortRecord) -> bool:
    return port.state in (PortState.WANTED, PortState.ATTACHED)


def _split_amphorae(
    job: Job, inventory: Inventory, topology: str, facts: Facts
) -> tuple[tuple[AmphoraRecord, ...], tuple[AmphoraRecord, ...]]:
    """Amphorae to have and amphorae to release."""
    usable = tuple(a for a in inventory.amphorae if a.state is not AmphoraState.RELEASING)
    released = tuple(a for a in inventory.amphorae if a.state is AmphoraState.RELEASING)
    if job.action is Action.FAILOVER:
        # What an interrupted failover began to build is finished, not thrown away.
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
    return usable, released


def _amphora(
    record: AmphoraRecord,
    lb: tree.LoadBalancer,
    networks: Mapping[str, str],
    inventory: Inventory,
    facts: Facts,
    topology: str,
) -> AmphoraPlan:
    ours = {p.network_id: p for p in inventory.ports if p.amphora_id == record.id and _alive(p)}
    ready = record.state is AmphoraState.READY
    vip = ours.get(lb.vip_network_id)
    vip_subnets, vip_members = _on_vip_network(lb, networks)
    has = {subnet for subnet, _ in vip.addresses} if vip and ready else {lb.vip_subnet_id}
    return AmphoraPlan(
        record=record,
        management_network=_management_networks(lb, facts)[0],
        boot=None if ready else _boot(record, lb, facts, topology),
        vip_port=None if ready else _vip_port(record, lb, vip, facts),
        member_ports=_member_ports(record, lb, networks, ours, facts),
        vip_subnets=tuple(s for s in vip_subnets if s not in has),
        vip_members=vip_members,
    )


def _on_vip_network(
    lb: tree.LoadBalancer, networks: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Subnets and ids of the members on the VIP's own network."""
    vips = {lb.vip_subnet_id, *(v.subnet_id for v in lb.additional_vips)}
    here = [m for m in lb.members() if networks.get(m.id) == lb.vip_network_id]
    subnets = {m.subnet_id for m in here if m.subnet_id and m.subnet_id not in vips}
    return tuple(sorted(subnets)), tuple(m.id for m in here)


def _management_networks(lb: tree.LoadBalancer, facts: Facts) -> tuple[str, ...]:
    own = lb.availability_zone.get("management_network")
    return (str(own),) if own else facts.settings.boot_networks


def _boot(record: AmphoraRecord, lb: tree.LoadBalancer, facts: Facts, topology: str) -> BootPlan:
    settings, flavor = facts.settings, lb.flavor
    zone = lb.availability_zone.get("compute_zone") or settings.availability_zone
    return BootPlan(
        name=server_name(record.id, settings.random_name_length),
        flavor=str(flavor.get("compute_flavor") or settings.flavor),
        image_tag=str(flavor.get("amp_image_tag") or settings.image_tag),
        image_owner=settings.image_owner,
        networks=_management_networks(lb, facts),
        security_groups=settings.security_groups,
        key_name=settings.key_name,
        availability_zone=str(zone) if zone else None,
        topology=topology,
    )


def server_name(amphora_id: str, random_length: int = 0) -> str:
    """Deterministic, so that the server is found again after a crash.

    ``[nova] random_amphora_name_length`` asks for short names of the form ``a[A-Z0-9]*``; they
    are cut from the amphora's id, which is random already.
    """
    if random_length:
        return "a" + amphora_id.replace("-", "").upper()[: max(random_length - 1, 8)]
    return f"amphora-{amphora_id}"


def _vip_port(
    record: AmphoraRecord, lb: tree.LoadBalancer, existing: PortRecord | None, facts: Facts
) -> PortPlan:
    port = existing or PortRecord(
        id=facts.new_id(),
        load_balancer_id=lb.id,
        amphora_id=record.id,
        network_id=lb.vip_network_id,
        role=PortRole.VIP,
        vnic_type=desired.vip_kind(lb.flavor),
    )
    return PortPlan(
        record=port,
        name=f"octavia-lb-vrrp-{record.id}",
        subnet_ids=tuple(
            dict.fromkeys((lb.vip_subnet_id, *(v.subnet_id for v in lb.additional_vips)))
        ),
        allowed_addresses=lb.vip_addresses(),
        qos_policy_id=lb.vip_qos_policy_id,
    )


def _member_ports(
    record: AmphoraRecord,
    lb: tree.LoadBalancer,
    networks: Mapping[str, str],
    ours: Mapping[str, PortRecord],
    facts: Facts,
) -> tuple[PortPlan, ...]:
    wanted: dict[str, list[tree.Member]] = {}
    for member in lb.members():
        network = networks.get(member.id)
        if network and network != lb.vip_network_id:
            wanted.setdefault(network, []).append(member)
    plans = []
    for network, members in wanted.items():
        subnets = tuple(dict.fromkeys(m.subnet_id for m in members if m.subnet_id))
        existing = ours.get(network)
        if existing and existing.state is PortState.ATTACHED:
            has = {subnet for subnet, _ in existing.addresses}
            if has.issuperset(subnets):
                continue
        port = existing or PortRecord(
            id=facts.new_id(),
            load_balancer_id=lb.id,
            amphora_id=record.id,
            network_id=network,
            role=PortRole.MEMBER,
            vnic_type=desired.member_kind(members[0], lb.flavor),
        )
        plans.append(
            PortPlan(
                record=port,
                name=f"octavia-lb-member-{record.id}-{network[:8]}",
                subnet_ids=subnets,
                members=tuple(m.id for m in members),
            )
        )
    return tuple(plans)


def _surplus_ports(
    kept: tuple[AmphoraRecord, ...],
    lb: tree.LoadBalancer,
    networks: Mapping[str, str],
    inventory: Inventory,
) -> tuple[PortRecord, ...]:
    """Member ports of amphorae that stay, on networks no served member needs."""
    needed = {networks[m.id] for m in lb.members() if m.id in networks}
    ids = {a.id for a in kept}
    return tuple(
        p
        for p in inventory.ports
        if p.amphora_id in ids
        and p.role is PortRole.MEMBER
        and (p.network_id not in needed or not _alive(p))
    )


def _member_rows(
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


def _anti_affinity(lb: tree.LoadBalancer, topology: str, facts: Facts) -> str | None:
    """A server group makes sense only for a pair."""
    if topology == "SINGLE":
        return None
    asked: Any = lb.flavor.get("anti_affinity")
    names = {"strict": "anti-affinity", "soft": "soft-anti-affinity", "off": None}
    return names[asked] if asked in names else facts.settings.anti_affinity


def _release_when(lb: tree.LoadBalancer) -> ReleaseWhen:
    first = lb.flavor.get("failover_strategy") == "release_first"
    return ReleaseWhen.BEFORE_BUILD if first else ReleaseWhen.BEFORE_PLUG


def _needs_configure(job: Job, serve: tree.LoadBalancer) -> bool:
    deletes_listener = any(
        ref.type is ObjectType.LISTENER and ref.action is Action.DELETE for ref in job.objects
    )
    return bool(serve.listeners) or deletes_listener


def _qos_change(job: Job, lb: tree.LoadBalancer) -> tuple[bool, str | None]:
    asked = any("vip_qos_policy_id" in ref.expected for ref in job.objects)
    changed = asked and job.object_type is ObjectType.LOADBALANCER and job.action is Action.UPDATE
    return changed, lb.vip_qos_policy_id


def effective_filter(port: PortRecord, flavor: Mapping[str, Any]) -> vnic.Filter:
    """Who filters this port; ``amphora_firewall: always`` makes the amphora filter too."""
    always = flavor.get("amphora_firewall") == "always"
    if always and port.filter is vnic.Filter.NEUTRON:
        return vnic.Filter.AMPHORA
    return port.filter
