"""What one amphora needs: server, VIP interface, member interfaces. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from sriov_provider import tree, vnic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import (
    AmphoraRecord,
    Inventory,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.worker import desired
from sriov_provider.worker import placement as placements
from sriov_provider.worker.placement import Way
from sriov_provider.worker.plan_model import AmphoraPlan, BootPlan, Facts, PortPlan


def alive(port: PortRecord) -> bool:
    return port.state in (PortState.WANTED, PortState.ATTACHED)


def amphora(
    record: AmphoraRecord,
    lb: tree.LoadBalancer,
    networks: Mapping[str, str],
    inventory: Inventory,
    facts: Facts,
    topology: str,
    placement: int,
) -> AmphoraPlan:
    """:param placement: how many ways to place a new amphora have found no VF"""
    ready = record.serves or record.id in facts.prepared
    ours = {
        # A server that is not ready may be another one than its ports were attached to.
        p.network_id: p if ready else dataclasses.replace(p, state=PortState.WANTED)
        for p in inventory.ports
        if p.amphora_id == record.id and alive(p)
    }
    vip = ours.get(lb.vip_network_id)
    has = {subnet for subnet, _ in vip.addresses} if vip and ready else set()
    vip_subnets, vip_members = _on_vip_network(lb, networks, has)
    plan = AmphoraPlan(
        record=record,
        management_network=_management_networks(lb, facts)[0],
        member_ports=_member_ports(record, lb, networks, ours, facts),
        vip_subnets=vip_subnets,
        vip_members=vip_members,
    )
    return plan if ready else _with_server(plan, lb, vip, facts, topology, placement)


def _with_server(
    plan: AmphoraPlan,
    lb: tree.LoadBalancer,
    vip: PortRecord | None,
    facts: Facts,
    topology: str,
    placement: int,
) -> AmphoraPlan:
    """The plan of an amphora that has to be built first."""
    vip_port = _vip_port(plan.record, lb, vip, facts)
    kinds = [p.record.vnic_type for p in plan.member_ports]
    ways = placements.ways(lb.flavor, kinds, hotplug=facts.settings.hotplug)
    way = ways[min(placement, len(ways) - 1)]
    booted = {
        Way.HOTPLUG: (),
        Way.BOOT_VIP: (vip_port,),
        Way.BOOT_ALL: (vip_port, *plan.member_ports),
    }[way]
    return dataclasses.replace(
        plan,
        boot=_boot(plan.record, lb, facts, topology),
        vip_port=vip_port,
        boots_with=frozenset(p.record.id for p in booted),
        elsewhere=placement < len(ways) - 1,
    )


def needs_boot(plan: AmphoraPlan, facts: Facts) -> bool:
    """True for a running amphora that lacks a port which cannot be hot-plugged."""
    new = [p.record for p in plan.member_ports if p.record.state is not PortState.ATTACHED]
    hotplug = facts.settings.hotplug
    fixed = [r for r in new if not hotplug or vnic.KINDS[r.vnic_type].boot_only]
    return plan.boot is None and bool(fixed)


def _on_vip_network(
    lb: tree.LoadBalancer, networks: Mapping[str, str], has: AbstractSet[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Subnets of the VIP's own network that its port needs an address from, and their members."""
    known = has | {lb.vip_subnet_id, *(v.subnet_id for v in lb.additional_vips)}
    here = [m for m in lb.members() if networks.get(m.id) == lb.vip_network_id]
    new = [m for m in here if m.subnet_id and m.subnet_id not in known]
    subnets = dict.fromkeys(m.subnet_id for m in new if m.subnet_id)
    return tuple(sorted(subnets)), tuple(m.id for m in new)


def _management_networks(lb: tree.LoadBalancer, facts: Facts) -> tuple[str, ...]:
    own = lb.availability_zone.get("management_network")
    networks = (str(own),) if own else facts.settings.boot_networks
    if not networks:
        raise ProviderError(
            Code.CONFIGURATION,
            "The load balancer service is not set up completely.",
            "[controller_worker] amp_boot_network_list is empty and the availability zone names no "
            "management_network.",
        )
    return networks


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


def port_name(record: PortRecord) -> str:
    """Deterministic, as :func:`server_name`; one amphora has one port on a network."""
    if record.role is PortRole.VIP:
        return f"octavia-lb-vrrp-{record.amphora_id}"
    return f"octavia-lb-member-{record.amphora_id}-{record.network_id}"


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
            members = [m for m in members if m.subnet_id not in has]
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
                subnet_ids=subnets,
                members=tuple(m.id for m in members),
            )
        )
    return tuple(plans)


def surplus_ports(
    kept: tuple[AmphoraRecord, ...],
    lb: tree.LoadBalancer,
    networks: Mapping[str, str],
    inventory: Inventory,
) -> tuple[PortRecord, ...]:
    """Member ports of amphorae that stay, on networks no served member needs, and what an
    interrupted run left of amphorae that are gone."""
    needed = {networks[m.id] for m in lb.members() if m.id in networks}
    ids, known = {a.id for a in kept}, {a.id for a in inventory.amphorae}
    return tuple(
        p
        for p in inventory.ports
        if p.amphora_id not in known
        or (
            p.amphora_id in ids
            and p.role is PortRole.MEMBER
            and (p.network_id not in needed or not alive(p))
        )
    )
