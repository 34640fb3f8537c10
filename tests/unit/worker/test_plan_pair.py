"""The plan of a pair, over random trees, inventories and jobs."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from sriov_provider import tree
from sriov_provider.records import Action, Inventory, Job, ObjectType
from sriov_provider.worker import plan
from sriov_provider.worker.plan_model import Plan, ReleaseWhen
from sriov_provider.worker.roles import BACKUP, MASTER
from tests.unit.worker.plans import (
    FLAVORS,
    LB,
    carry_out,
    damaged,
    facts,
    jobs,
    trees,
    with_ahead,
)
from tests.unit.worker.test_plan import EMPTY, create

Planned = tuple[Plan, Inventory, Job, tree.LoadBalancer]


@st.composite
def planned(draw: st.DrawFn) -> Planned:
    """A plan for a pair that has a past, either of which may be silent."""
    flavor = draw(st.sampled_from(FLAVORS)) | {"loadbalancer_topology": "ACTIVE_STANDBY"}
    flavor |= draw(st.sampled_from(({}, {"anti_affinity": "strict"})))
    lb = draw(trees(flavor=flavor))
    past = draw(trees(flavor=flavor))
    inventory = carry_out(plan.make(create(), past, EMPTY, facts()), EMPTY)
    if draw(st.booleans()):
        inventory = draw(damaged(inventory))
    ids = [a.id for a in inventory.amphorae if a.serves] or [""]
    silent = frozenset(draw(st.lists(st.sampled_from(ids), unique=True)))
    job = draw(jobs(lb))
    return plan.make(job, lb, inventory, _facts(silent)), inventory, job, lb


def _facts(silent: frozenset[str] = frozenset()) -> plan.Facts:
    return dataclasses.replace(facts(), silent=silent)


@given(planned())
def test_each_amphora_is_kept_left_out_or_released(case: Planned) -> None:
    made, inventory, _, _ = case
    kept = [a.record.id for a in made.amphorae]
    out, gone = [a.id for a in made.left_out], [a.id for a in made.release_amphorae]
    assert len({*kept, *out, *gone}) == len([*kept, *out, *gone])
    assert {a.id for a in inventory.amphorae} <= {*kept, *out, *gone}
    assert kept, "somebody has to do what the job asks for"
    roles = [a.record.role for a in made.amphorae] + [a.role for a in made.left_out]
    assert sorted(roles) in (sorted((MASTER, BACKUP)), [MASTER], [BACKUP])


@given(planned())
def test_keepalived_is_told_when_somebody_is_new(case: Planned) -> None:
    made, _, _, _ = case
    assert made.vrrp or not any(a.boot for a in made.amphorae)


@given(planned())
def test_a_failover_never_gives_up_the_last_one_that_answers(case: Planned) -> None:
    made, inventory, job, _ = case
    serving = {a.id for a in inventory.amphorae if a.serves}
    kept = {a.record.id for a in made.amphorae} & serving
    if job.action is Action.FAILOVER and len(serving) == 2 and not made.left_out:
        assert kept
        assert made.again or len(kept) == 1


@given(planned())
def test_a_failover_ends(case: Planned) -> None:
    """Round after round, until both are new."""
    made, inventory, job, lb = case
    job = dataclasses.replace(
        job, action=Action.FAILOVER, object_type=ObjectType.LOADBALANCER, object_id=LB
    )
    for _ in range(4):
        made = plan.make(job, lb, inventory, _facts())
        inventory = carry_out(made, inventory)
        if not made.again:
            break
    assert not made.again
    assert sorted(a.role for a in inventory.amphorae) == [BACKUP, MASTER]
    assert {a.built_by for a in inventory.amphorae} == {job.id}


@given(planned(), st.booleans())
def test_what_is_built_ahead_is_what_the_next_plan_needs(case: Planned, prepared: bool) -> None:
    """Built to the end or not: nothing else is built, and what was plugged stays as it is."""
    made, inventory, job, lb = case
    made = plan.make(dataclasses.replace(job, action=Action.FAILOVER), lb, inventory, _facts())
    if not made.ahead:
        return
    (ahead,) = made.ahead.amphorae
    assert made.again and not made.ahead.release_amphorae and not made.ahead.release_ports
    assert ahead.boot and ahead.record.id not in {a.record.id for a in made.amphorae}
    done = frozenset({ahead.record.id}) if prepared else frozenset()
    inventory = with_ahead(made.ahead, carry_out(made, inventory))
    following = plan.make(made.job, lb, inventory, dataclasses.replace(facts(), prepared=done))
    assert not following.again
    found = next(a for a in following.amphorae if a.record.id == ahead.record.id)
    assert bool(found.boot) is bool(found.vip_port) is not prepared
    assert following.vrrp
    first = {p.record.network_id for p in ahead.member_ports}
    # An interface of the one that goes now was of another kind than these members want.
    served = made.failed.keys() - following.failed.keys()
    more = {m.network_id for m in following.members if m.id in served}
    plugged = {p.record.network_id for p in found.member_ports}
    assert plugged - more == (set() if prepared else first) - more
    if not served:
        assert len(found.member_ports) == (0 if prepared else len(ahead.member_ports))
    if prepared:
        # Without a plug it needs no room, which is left to what follows the interfaces.
        room = ReleaseWhen.BEFORE_MEMBERS if plugged else ReleaseWhen.BEFORE_VRRP
        assert following.release_when is room


@given(planned())
def test_nothing_is_built_ahead_where_room_is_scarce(case: Planned) -> None:
    made, _, job, lb = case
    strict = lb.flavor.get("anti_affinity") == "strict"
    if strict or lb.flavor.get("failover_strategy") == "release_first":
        assert made.ahead is None
    if job.attempt > 1 or job.placement:
        assert made.ahead is None


@given(planned())
def test_strict_anti_affinity_gives_up_first_while_another_one_serves(case: Planned) -> None:
    made, _, job, lb = case
    strict = lb.flavor.get("anti_affinity") == "strict"
    served = job.action is Action.FAILOVER and any(a.boot is None for a in made.amphorae)
    if lb.flavor.get("failover_strategy") == "release_first" or (strict and served):
        assert made.release_when is ReleaseWhen.BEFORE_BUILD
    elif all(a.boot for a in made.amphorae) and not job.placement:
        stays = bool(made.left_out)
        when = ReleaseWhen.BEFORE_MEMBERS if stays else ReleaseWhen.BEFORE_PLUG
        assert made.release_when is when
    assert made.server_group_policy == ("anti-affinity" if strict else None)
