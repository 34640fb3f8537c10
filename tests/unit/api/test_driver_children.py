"""Requests about objects below a load balancer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from octavia_lib.api.drivers import data_models as dm

from sriov_provider.api.driver import SriovProviderDriver
from sriov_provider.records import Action, ObjectRef, ObjectType
from tests.unit.api.world import World, member

Case = tuple[Callable[[SriovProviderDriver], None], ObjectRef]
CASES: list[Case] = [
    (
        lambda d: d.listener_update(
            dm.Listener(listener_id="http", loadbalancer_id="lb"),
            dm.Listener(listener_id="http", allowed_cidrs=["10.0.0.0/8"]),
        ),
        ObjectRef(
            ObjectType.LISTENER, "http", Action.UPDATE, "lb", {"allowed_cidrs": ["10.0.0.0/8"]}
        ),
    ),
    (
        lambda d: d.listener_delete(dm.Listener(listener_id="http", loadbalancer_id="lb")),
        ObjectRef(ObjectType.LISTENER, "http", Action.DELETE, "lb"),
    ),
    (
        lambda d: d.pool_update(
            dm.Pool(pool_id="udp-pool", loadbalancer_id="lb", lb_algorithm="SOURCE_IP"),
            dm.Pool(pool_id="udp-pool", lb_algorithm="ROUND_ROBIN"),
        ),
        ObjectRef(
            ObjectType.POOL, "udp-pool", Action.UPDATE, "lb", {"lb_algorithm": "ROUND_ROBIN"}
        ),
    ),
    (
        lambda d: d.pool_delete(dm.Pool(pool_id="udp-pool", loadbalancer_id="lb")),
        ObjectRef(ObjectType.POOL, "udp-pool", Action.DELETE, "lb"),
    ),
    (
        lambda d: d.member_create(member("m2")),
        ObjectRef(ObjectType.MEMBER, "m2", Action.CREATE, "http-pool"),
    ),
    (
        lambda d: d.member_update(member("m1"), dm.Member(member_id="m1", weight=0)),
        ObjectRef(ObjectType.MEMBER, "m1", Action.UPDATE, "http-pool", {"weight": 0}),
    ),
    (
        lambda d: d.member_delete(member("m1")),
        ObjectRef(ObjectType.MEMBER, "m1", Action.DELETE, "http-pool"),
    ),
    (
        lambda d: d.health_monitor_create(
            dm.HealthMonitor(healthmonitor_id="hm", pool_id="http-pool")
        ),
        ObjectRef(ObjectType.HEALTHMONITOR, "hm", Action.CREATE, "http-pool"),
    ),
    (
        lambda d: d.health_monitor_update(
            dm.HealthMonitor(healthmonitor_id="hm", pool_id="http-pool"),
            dm.HealthMonitor(healthmonitor_id="hm", max_retries_down=2),
        ),
        ObjectRef(
            ObjectType.HEALTHMONITOR, "hm", Action.UPDATE, "http-pool", {"max_retries_down": 2}
        ),
    ),
    (
        lambda d: d.health_monitor_delete(
            dm.HealthMonitor(healthmonitor_id="hm", pool_id="http-pool")
        ),
        ObjectRef(ObjectType.HEALTHMONITOR, "hm", Action.DELETE, "http-pool"),
    ),
    (
        lambda d: d.l7policy_create(dm.L7Policy(l7policy_id="x", listener_id="http")),
        ObjectRef(ObjectType.L7POLICY, "x", Action.CREATE, "http"),
    ),
    (
        lambda d: d.l7policy_update(
            dm.L7Policy(l7policy_id="policy", listener_id="http"),
            dm.L7Policy(l7policy_id="policy", admin_state_up=False),
        ),
        ObjectRef(ObjectType.L7POLICY, "policy", Action.UPDATE, "http", {"admin_state_up": False}),
    ),
    (
        lambda d: d.l7policy_delete(dm.L7Policy(l7policy_id="policy", listener_id="http")),
        ObjectRef(ObjectType.L7POLICY, "policy", Action.DELETE, "http"),
    ),
    (
        lambda d: d.l7rule_create(dm.L7Rule(l7rule_id="r", l7policy_id="policy")),
        ObjectRef(ObjectType.L7RULE, "r", Action.CREATE, "policy"),
    ),
    (
        lambda d: d.l7rule_update(
            dm.L7Rule(l7rule_id="r", l7policy_id="policy"), dm.L7Rule(l7rule_id="r", value="v")
        ),
        ObjectRef(ObjectType.L7RULE, "r", Action.UPDATE, "policy", {"value": "v"}),
    ),
    (
        lambda d: d.l7rule_delete(dm.L7Rule(l7rule_id="r", l7policy_id="policy")),
        ObjectRef(ObjectType.L7RULE, "r", Action.DELETE, "policy"),
    ),
]


@pytest.mark.parametrize(("call", "ref"), CASES, ids=lambda v: getattr(v, "id", ""))
def test_children(lb: World, call: Callable[[SriovProviderDriver], None], ref: ObjectRef) -> None:
    before = len(lb.woken)
    call(lb.driver)
    job = lb.last()
    assert len(lb.woken) == before + 1
    assert job.objects == (ref,)
    assert (job.action, job.object_type, job.object_id) == (ref.action, ref.type, ref.id)
    assert job.load_balancer_id == "lb"
