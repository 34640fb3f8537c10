"""The plan, over random trees, inventories and jobs."""

from __future__ import annotations

import dataclasses
from collections import Counter

from hypothesis import assume, given
from hypothesis import strategies as st

from sriov_provider import tree, vnic
from sriov_provider.records import (
    Action,
    Inventory,
    Job,
    ObjectRef,
    ObjectType,
    PortRole,
    PortState,
)
from sriov_provider.worker import desired, plan
from sriov_provider.worker.plan_model import Plan, ReleaseWhen, Retry
from tests.unit.worker.plans import LB, NETWORKS, carry_out, damaged, facts, jobs, trees

EMPTY = Inventory(None)
Planned = tuple[Plan, Inventory, Job, tree.LoadBalancer]


@st.composite
def planned(draw: st.DrawFn) -> Planned:
    """A plan for a load balancer that has a past: built, changed, perhaps interrupted."""
    lb = draw(trees())
    before = draw(st.sampled_from((None, "whole", "damaged")))
    inventory = EMPTY
    if before:
        past = draw(trees(flavor=dict(lb.flavor)))
        inventory = carry_out(plan.make(create(), past, EMPTY, facts()), EMPTY)
    if before == "damaged":
        inventory = draw(damaged(inventory))
    job = draw(jobs(lb))
    return plan.make(job, lb, inventory, facts()), inventory, job, lb


def create() -> Job:
    kind = ObjectType.LOADBALANCER
    ref = ObjectRef(kind, LB, Action.CREATE)
    return Job("create", LB, Action.CREATE, kind, LB, (ref,), attempt=1)


@given(planned())
def test_failed_members_are_not_served_and_all_others_are(case: Planned) -> None:
    made, _, job, lb = case
    assert made.serve is not None
    deleted = {r.id for r in job.objects if r.action is Action.DELETE}
    served = {m.id for m in made.serve.members()}
    everyone = {m.id for m in lb.members()} - deleted
    assert served | set(made.failed) == everyone
    assert not served & set(made.failed)
    assert {m.id: m.failed for m in made.members} == {m: m in made.failed for m in everyone}


@given(planned())
def test_each_served_member_has_exactly_one_port_of_its_kind(case: Planned) -> None:
    made, inventory, _, lb = case
    assert made.serve is not None
    (amphora,) = carry_out(made, inventory).amphorae
    after = [p for p in carry_out(made, inventory).ports if p.amphora_id == amphora.id]
    for member in made.serve.members():
        network = NETWORKS.get(member.subnet_id or "")
        if network is None:
            continue
        (port,) = [p for p in after if p.network_id == network]
        assert member.subnet_id in {s for s, _ in port.addresses}
        kind = desired.member_kind(member, lb.flavor)
        one_arm = network == "vip-net" and kind == vnic.NORMAL
        assert port.vnic_type == kind or one_arm
        assert port.state is PortState.ATTACHED


@given(planned())
def test_a_network_has_one_port_and_the_vip_one_too(case: Planned) -> None:
    made, inventory, _, _ = case
    after = carry_out(made, inventory).ports
    assert set(Counter((p.amphora_id, p.network_id) for p in after).values()) == {1}
    assert [p.network_id for p in after if p.role is PortRole.VIP] == ["vip-net"]
    served = {NETWORKS.get(m.subnet_id or "") for m in made.serve.members()} if made.serve else ()
    extra = {p.network_id for p in after if p.role is PortRole.MEMBER} - set(served)
    assert not extra  # nothing is kept that nobody needs


@given(planned())
def test_no_port_of_another_kind_is_planned_on_an_attached_network(case: Planned) -> None:
    made, inventory, _, _ = case
    there = {
        (p.amphora_id, p.network_id): (p.id, p.vnic_type)
        for p in inventory.ports
        if p.state is PortState.ATTACHED
    }
    for amphora in made.amphorae:
        for port in amphora.member_ports:
            record = port.record
            known = there.get((record.amphora_id, record.network_id))
            assert known in (None, (record.id, record.vnic_type))


@given(planned())
def test_a_single_topology_keeps_one_amphora_and_releases_the_others(case: Planned) -> None:
    made, inventory, job, _ = case
    (kept,) = made.amphorae
    gone = {a.id for a in made.release_amphorae}
    assert gone | {kept.record.id} >= {a.id for a in inventory.amphorae}
    assert kept.record.id not in gone
    if job.action is Action.FAILOVER:
        assert gone == {a.id for a in inventory.amphorae}
    ready = {a.id for a in inventory.amphorae if a.serves}
    if ready and job.action is not Action.FAILOVER:
        assert kept.record.id in ready
        assert (kept.boot, kept.vip_port) == (None, None)
    else:
        assert kept.boot and kept.vip_port


@given(planned(), st.integers(1, 3))
def test_planning_again_changes_nothing(case: Planned, attempt: int) -> None:
    made, inventory, job, lb = case
    # A port of the wrong kind stands in a member's way for as long as it is there.
    released = {p.network_id for p in made.release_ports}
    wanted = {NETWORKS.get(m.subnet_id or "") for m in lb.members() if m.id in made.failed}
    assume(not released & wanted)
    after = carry_out(made, inventory)
    again = plan.make(dataclasses.replace(job, attempt=attempt), lb, after, facts())
    (amphora,) = again.amphorae
    assert (amphora.boot, amphora.vip_port) == (None, None)
    assert amphora.member_ports == ()
    assert amphora.vip_subnets == ()
    assert again.release_amphorae == ()
    assert again.release_ports == ()
    assert again.members == made.members
    assert again.failed == made.failed
    assert carry_out(again, after) == after


@given(planned())
def test_ids_and_names_are_unique(case: Planned) -> None:
    made, _, _, _ = case
    ports = [
        p for a in made.amphorae for p in (a.vip_port, *a.member_ports) if p is not None
    ] + list(made.release_ports)
    ids = [getattr(p, "record", p).id for p in ports]
    assert len(ids) == len(set(ids))


@given(planned())
def test_a_removal_releases_everything(case: Planned) -> None:
    _, inventory, _, lb = case
    job = dataclasses.replace(create(), action=Action.DELETE)
    gone = plan.make(job, lb, inventory, facts())
    assert gone.remove_all and gone.adopt
    assert gone.release_amphorae == inventory.amphorae
    assert gone.release_ports == inventory.ports
    assert (gone.serve, gone.amphorae) == (None, ())
    assert carry_out(gone, inventory).ports == ()


@given(planned())
def test_an_interrupted_run_is_looked_for(case: Planned) -> None:
    made, inventory, job, _ = case
    if job.attempt > 1 or any(p.neutron_id is None for p in inventory.ports):
        assert made.adopt
    if inventory == EMPTY and job.attempt == 1:
        assert not made.adopt


@given(planned())
def test_strategy(case: Planned) -> None:
    made, _, _, lb = case
    first = lb.flavor.get("failover_strategy") == "release_first"
    assert made.release_when is (ReleaseWhen.BEFORE_BUILD if first else ReleaseWhen.BEFORE_PLUG)
    assert made.server_group_policy is None


@given(planned())
def test_a_failover_is_not_undone_for_a_member(case: Planned) -> None:
    _, inventory, job, lb = case
    whole = ObjectType.LOADBALANCER
    job = dataclasses.replace(job, action=Action.FAILOVER, object_type=whole, object_id=LB)
    last = dataclasses.replace(facts(), last_attempt=True)
    assert plan.make(job, lb, inventory, facts()).retry_members is Retry.AGAIN
    assert plan.make(job, lb, inventory, last).retry_members is Retry.LATER
