"""The driver with its real store on SQLite, called as octavia-api calls it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from octavia_lib.api.drivers import data_models as dm
from octavia_lib.api.drivers import exceptions, provider_base

from sriov_provider.api import services
from sriov_provider.api.driver import SriovProviderDriver
from sriov_provider.api.store import DatabaseStore
from sriov_provider.db.engine import Sessions
from sriov_provider.records import Action, LoadBalancerRecord, ObjectRef, ObjectType
from tests.unit.api.world import World, load_balancer, member


def test_the_constructor_touches_nothing() -> None:
    def never() -> services.Services:
        raise AssertionError("asked for services")

    SriovProviderDriver(never)
    assert SriovProviderDriver()._services is services.shared


def test_every_verb_of_the_contract_is_there() -> None:
    for name, verb in inspect.getmembers(provider_base.ProviderDriver, inspect.isfunction):
        # Octavia 19 never calls it, and a flavor cannot change under a load balancer.
        if name in ("__init__", "loadbalancer_failover_with_flavor"):
            continue
        ours = getattr(SriovProviderDriver, name)
        assert ours is not verb, name
        theirs = list(inspect.signature(verb).parameters)
        assert list(inspect.signature(ours).parameters) == theirs, name


def test_the_vip_port_is_left_to_octavia(world: World) -> None:
    with pytest.raises(exceptions.NotImplementedError) as caught:
        world.driver.create_vip_port("lb", "project", {}, [])
    assert "Octavia" in caught.value.operator_fault_string
    assert world.woken == []


def test_load_balancer_create_writes_record_and_job(world: World) -> None:
    further = {"ip_address": "2001:db8::5", "subnet_id": "s6", "network_id": "n", "port_id": "p"}
    world.driver.loadbalancer_create(
        load_balancer(
            flavor={"sriov_vip": True, "amphora_firewall": "always"},
            availability_zone={"compute_zone": "z"},
            additional_vips=[further],
        )
    )
    job = world.last()
    assert (job.action, job.object_type, job.object_id) == (
        Action.CREATE,
        ObjectType.LOADBALANCER,
        "lb",
    )
    assert job.objects == (ObjectRef(ObjectType.LOADBALANCER, "lb", Action.CREATE),)
    assert world.record() == LoadBalancerRecord(
        id="lb",
        project_id="project",
        vip_address="192.0.2.5",
        vip_port_id="vip-port",
        vip_subnet_id="subnet",
        vip_network_id="network",
        vnic_type="direct",
        topology="SINGLE",
        flavor={"sriov_vip": True, "amphora_firewall": "always"},
        availability_zone={"compute_zone": "z"},
        additional_vips=(
            {"address": "2001:db8::5", "subnet_id": "s6", "network_id": "n", "port_id": "p"},
        ),
    )


@pytest.mark.parametrize("flavor", [dm.Unset, None, {}, {"sriov_vip": False}])
def test_without_the_flavor_the_vip_is_normal(world: World, flavor: Any) -> None:
    world.driver.loadbalancer_create(load_balancer(flavor=flavor, availability_zone=dm.Unset))
    record = world.record()
    assert record is not None
    assert record.vnic_type == "normal"


def test_a_whole_tree_at_once(world: World, answer: Any) -> None:
    answer.availability_zone = {"compute_zone": "z"}
    answer.pools[0]["alpn_protocols"] = ["h2"]
    world.driver.loadbalancer_create(answer)
    job = world.last()
    assert len(job.objects) == 11
    assert {r.action for r in job.objects} == {Action.CREATE}
    assert world.children("rule", "hm") == [None, None]
    assert [c.load_balancer_id for c in world.children("pool", "https", "m1")] == ["lb"] * 3


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"flavor": {"loadbalancer_topology": "ACTIVE_ACTIVE"}}, "SINGLE, ACTIVE_STANDBY"),
        ({"flavor": {"nonsense": 1}}, "'nonsense' (value 1) is not known"),
        ({"availability_zone": {"volume_zone": "v"}}, "'volume_zone' is 'v'"),
        ({"listeners": [dm.Listener(protocol="QUIC")]}, "listener protocol QUIC"),
        ({"pools": [dm.Pool(lb_algorithm="SOURCE_IP_PORT")]}, "SOURCE_IP_PORT"),
        (
            {
                "pools": [
                    dm.Pool(
                        lb_algorithm="SOURCE_IP",
                        protocol="UDP",
                        members=[dm.Member(address="2001:db8::1")],
                    )
                ]
            },
            "2001:db8::1",
        ),
    ],
)
def test_refused_load_balancers_leave_nothing(
    world: World, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(exceptions.UnsupportedOptionError) as caught:
        world.driver.loadbalancer_create(load_balancer(**values))
    assert sentence in caught.value.user_fault_string
    assert world.woken == []
    assert world.record() is None


def test_a_default_topology_that_is_not_built_is_refused_by_name() -> None:
    world = World(topology="ACTIVE_ACTIVE")
    with pytest.raises(exceptions.UnsupportedOptionError) as caught:
        world.driver.loadbalancer_create(load_balancer())
    assert "[controller_worker] loadbalancer_topology" in caught.value.operator_fault_string
    world.driver.loadbalancer_create(load_balancer(flavor={"loadbalancer_topology": "SINGLE"}))
    record = world.record()
    assert record is not None
    assert record.topology == "SINGLE"


@pytest.mark.parametrize(
    ("default", "flavor"),
    [
        ("ACTIVE_STANDBY", {}),
        ("SINGLE", {"loadbalancer_topology": "ACTIVE_STANDBY"}),
    ],
)
def test_the_topology_is_decided_at_the_create(default: str, flavor: dict[str, str]) -> None:
    world = World(topology=default)
    world.driver.loadbalancer_create(load_balancer(flavor=flavor))
    record = world.record()
    assert record is not None
    assert record.topology == "ACTIVE_STANDBY"


def test_load_balancer_update(lb: World) -> None:
    lb.driver.loadbalancer_update(
        load_balancer(), dm.LoadBalancer(loadbalancer_id="lb", vip_qos_policy_id="q")
    )
    assert lb.last().objects == (
        ObjectRef(
            ObjectType.LOADBALANCER, "lb", Action.UPDATE, expected={"vip_qos_policy_id": "q"}
        ),
    )


def test_load_balancer_delete(world: World, answer: Any) -> None:
    world.driver.loadbalancer_delete(answer)
    assert world.last().objects == (ObjectRef(ObjectType.LOADBALANCER, "lb", Action.DELETE),)
    assert not world.last().cascade
    world.driver.loadbalancer_delete(answer, cascade=True)
    assert world.last().cascade
    assert len(world.last().objects) == 11


def test_failover(lb: World) -> None:
    lb.driver.loadbalancer_failover("lb")
    assert (lb.last().action, lb.last().object_id) == (Action.FAILOVER, "lb")


def test_members_of_a_lvs_pool_need_a_vip_of_their_ip_version(lb: World) -> None:
    lb.driver.member_create(member("u", pool="udp-pool"))
    before = len(lb.woken)
    six = member("six", pool="udp-pool", address="2001:db8::1")
    with pytest.raises(exceptions.UnsupportedOptionError, match="IPv4 and IPv6 in UDP"):
        lb.driver.member_create(six)
    with pytest.raises(exceptions.UnsupportedOptionError, match="IPv4 and IPv6 in UDP"):
        lb.driver.member_batch_update("udp-pool", [member("u", pool="udp-pool"), six])
    lb.driver.member_create(member("six", pool="http-pool", address="2001:db8::1"))
    assert len(lb.woken) == before + 1


def test_batch(lb: World) -> None:
    lb.driver.member_create(member("m2", address="198.51.100.2"))
    lb.driver.member_batch_update("http-pool", [member("m3", address="198.51.100.3"), member("m1")])
    job = lb.last()
    assert (job.action, job.object_type, job.object_id) == (
        Action.UPDATE,
        ObjectType.POOL,
        "http-pool",
    )
    assert [(r.id, r.action) for r in job.objects] == [
        ("m3", Action.CREATE),
        ("m1", Action.UPDATE),
        ("m2", Action.DELETE),
    ]
    assert lb.children("m3")[0].parent_id == "http-pool"


def test_policies_need_an_http_listener(lb: World) -> None:
    with pytest.raises(exceptions.UnsupportedOptionError, match="protocol UDP"):
        lb.driver.l7policy_create(dm.L7Policy(l7policy_id="x", listener_id="udp"))


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.listener_create(dm.Listener(protocol="QUIC")),
        lambda d: d.listener_update(dm.Listener(), dm.Listener(alpn_protocols=["h3"])),
        lambda d: d.pool_create(dm.Pool(lb_algorithm="X")),
        lambda d: d.pool_update(dm.Pool(), dm.Pool(lb_algorithm="X")),
        lambda d: d.pool_update(dm.Pool(), dm.Pool(alpn_protocols=["h3"])),
        lambda d: d.validate_flavor({"x": 1}),
        lambda d: d.validate_availability_zone({"x": 1}),
    ],
)
def test_refused(world: World, call: Callable[[SriovProviderDriver], None]) -> None:
    with pytest.raises(exceptions.UnsupportedOptionError):
        call(world.driver)
    assert world.woken == []


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.member_create(member("m", pool="nowhere")),
        lambda d: d.member_delete(member("m", pool="nowhere")),
        lambda d: d.member_batch_update("nowhere", []),
        lambda d: d.l7rule_delete(dm.L7Rule(l7rule_id="r", l7policy_id="nowhere")),
        lambda d: d.l7policy_create(dm.L7Policy(l7policy_id="x", listener_id="nowhere")),
    ],
)
def test_a_parent_nobody_knows(world: World, call: Callable[[SriovProviderDriver], None]) -> None:
    with pytest.raises(exceptions.DriverError, match="does not know") as caught:
        call(world.driver)
    assert "nowhere" in caught.value.operator_fault_string
    assert world.woken == []


def test_a_database_that_is_down_is_a_driver_error(world: World, tmp_path: Any) -> None:
    sessions = Sessions(f"sqlite:///{tmp_path}/missing/db.sqlite")
    store = DatabaseStore(sessions, lambda job_id: None)
    broken = dataclasses.replace(world.services, store=store)
    driver = SriovProviderDriver(lambda: broken)
    with pytest.raises(exceptions.DriverError) as caught:
        driver.loadbalancer_create(load_balancer())
    assert "temporarily unavailable" in caught.value.user_fault_string
    assert "unable to open database file" in caught.value.operator_fault_string


def test_metadata(world: World) -> None:
    assert "sriov_vip" in world.driver.get_supported_flavor_metadata()
    assert "compute_zone" in world.driver.get_supported_availability_zone_metadata()
    world.driver.validate_flavor({"sriov_vip": True})
    world.driver.validate_availability_zone({"compute_zone": "z"})


def test_only_parents_and_members_are_remembered(lb: World) -> None:
    lb.driver.health_monitor_create(dm.HealthMonitor(healthmonitor_id="hm", pool_id="http-pool"))
    lb.driver.l7rule_create(dm.L7Rule(l7rule_id="rule", l7policy_id="policy"))
    assert lb.children("hm", "rule") == [None, None]
    assert None not in lb.children("http", "http-pool", "m1", "policy")
    assert lb.children("udp-pool")[0].protocol == "UDP"
