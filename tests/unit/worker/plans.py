"""Random trees, inventories and jobs for the plan, and what carrying a plan out leads to."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from sriov_provider import tree
from sriov_provider.config import Amphora
from sriov_provider.errors import Code, Reason
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Inventory,
    Job,
    ObjectRef,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.worker.plan_model import AmphoraPlan, Facts, Plan, PortPlan

LB = "lb"
GONE = Reason(Code.NOT_FOUND, "gone", "gone")
NETWORKS: Mapping[str, str | Reason] = {
    "vip-subnet": "vip-net",
    "vip-subnet-b": "vip-net",
    "s1": "n1",
    "s1b": "n1",
    "s2": "n2",
    "ghost": GONE,
}
FLAVORS: tuple[dict[str, Any], ...] = (
    {},
    {"sriov_vip": True},
    {"sriov_vip": True, "allow_member_sriov": True},
    {"allow_member_sriov": True, "failover_strategy": "release_first"},
)
_numbers = itertools.count(1)


def facts() -> Facts:
    settings = Amphora(boot_networks=("mgmt",), flavor="1", image_tag="amphora")
    return Facts(settings, NETWORKS, lambda: f"id-{next(_numbers)}")


@st.composite
def trees(draw: st.DrawFn, flavor: dict[str, Any] | None = None) -> tree.LoadBalancer:
    """One or two pools with up to six members on few subnets."""
    numbers = draw(st.lists(st.integers(0, 9), max_size=6, unique=True))
    members: dict[str, list[tree.Member]] = {"p0": [], "p1": []}
    for number in numbers:
        pool = draw(st.sampled_from(("p0", "p1")))
        members[pool].append(
            tree.Member(
                id=f"m{number}",
                pool_id=pool,
                address=draw(st.sampled_from(("10.1.0.9", "fd00::9"))),
                port=80,
                subnet_id=draw(st.sampled_from((None, *NETWORKS))),
                vnic_type=draw(st.sampled_from(("normal", "direct"))),
            )
        )
    pools = (
        tree.Pool("p0", "HTTP", "ROUND_ROBIN", members=tuple(members["p0"])),
        tree.Pool("p1", "UDP", "ROUND_ROBIN", members=tuple(members["p1"])),
    )
    return tree.LoadBalancer(
        id=LB,
        project_id="project",
        vip_address="10.0.0.2",
        vip_port_id="vip-port",
        vip_subnet_id="vip-subnet",
        vip_network_id="vip-net",
        flavor=draw(st.sampled_from(FLAVORS)) if flavor is None else flavor,
        listeners=(tree.Listener("li", "HTTP", 80, default_pool_id="p0"),),
        pools=pools,
    )


@st.composite
def jobs(draw: st.DrawFn, lb: tree.LoadBalancer) -> Job:
    """A job about the load balancer or about some of its members."""
    attempt = draw(st.integers(1, 2))
    members = draw(st.lists(st.sampled_from([m.id for m in lb.members()] or ["none"]), unique=True))
    if draw(st.booleans()) or not members:
        action = draw(st.sampled_from((Action.CREATE, Action.UPDATE, Action.FAILOVER)))
        kind = ObjectType.LOADBALANCER
        ref = ObjectRef(kind, LB, action)
        return Job(f"job-{next(_numbers)}", LB, action, kind, LB, (ref,), attempt=attempt)
    actions = st.sampled_from((Action.CREATE, Action.UPDATE, Action.DELETE))
    refs = tuple(ObjectRef(ObjectType.MEMBER, m, draw(actions), "p0") for m in members)
    return Job(
        f"job-{next(_numbers)}", LB, Action.UPDATE, ObjectType.POOL, "p0", refs, attempt=attempt
    )


@st.composite
def damaged(draw: st.DrawFn, inventory: Inventory) -> Inventory:
    """As an interrupted run may leave it."""
    ports = tuple(
        dataclasses.replace(p, state=draw(st.sampled_from((p.state, *PortState))))
        for p in inventory.ports
        if p.role is PortRole.MEMBER
    ) + tuple(p for p in inventory.ports if p.role is PortRole.VIP)
    amphorae = tuple(
        dataclasses.replace(a, state=draw(st.sampled_from((a.state, *AmphoraState))))
        for a in inventory.amphorae
    )
    if draw(st.booleans()):
        half = (AmphoraState.WANTED, AmphoraState.BOOTING, AmphoraState.RELEASING)
        second = AmphoraRecord("second", LB, draw(st.sampled_from(half)))
        amphorae = (second, *amphorae)
    if draw(st.booleans()):
        orphan = PortRecord("orphan", LB, "forgotten", "n1", PortRole.MEMBER, "normal")
        ports = (*ports, orphan)
    return dataclasses.replace(inventory, ports=ports, amphorae=amphorae)


def carry_out(plan: Plan, inventory: Inventory) -> Inventory:
    """The inventory once every step of a plan has succeeded."""
    gone = {a.id for a in plan.release_amphorae}
    released = {p.id for p in plan.release_ports}
    ports = {p.id: p for p in inventory.ports if p.amphora_id not in gone and p.id not in released}
    for amphora in plan.amphorae:
        for planned in (amphora.vip_port, *amphora.member_ports):
            if planned:
                ports[planned.record.id] = _plugged(planned)
        ports |= _extended(amphora, ports)
    return Inventory(
        load_balancer=inventory.load_balancer,
        amphorae=tuple(
            dataclasses.replace(a.record, state=AmphoraState.READY, compute_id="server")
            for a in plan.amphorae
        ),
        ports=tuple(ports.values()),
        members=plan.members,
        reasons=dict(plan.failed),
    )


def with_ahead(plan: Plan, inventory: Inventory) -> Inventory:
    """The inventory once what is built ahead of the next plan is there, too."""
    both = carry_out(plan, inventory)
    there = {a.id for a in inventory.amphorae}
    new = (a for a in both.amphorae if a.id not in there)
    booting = tuple(dataclasses.replace(a, state=AmphoraState.BOOTING) for a in new)
    return dataclasses.replace(inventory, amphorae=inventory.amphorae + booting, ports=both.ports)


def _plugged(planned: PortPlan) -> PortRecord:
    old = dict(planned.record.addresses)
    addresses = tuple((s, old.get(s, "10.9.9.9")) for s in (*old, *planned.subnet_ids))
    return dataclasses.replace(
        planned.record,
        state=PortState.ATTACHED,
        neutron_id=f"neutron-{planned.record.id}",
        addresses=tuple(dict.fromkeys(addresses)),
    )


def _extended(amphora: AmphoraPlan, ports: Mapping[str, PortRecord]) -> dict[str, PortRecord]:
    new = tuple((s, "10.9.9.9") for s in amphora.vip_subnets)
    return {
        p.id: dataclasses.replace(p, addresses=(*p.addresses, *new))
        for p in ports.values()
        if p.amphora_id == amphora.record.id and p.role is PortRole.VIP
    }
