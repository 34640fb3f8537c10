"""The driver with its real store on SQLite, called as octavia-api calls it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from octavia_lib.api.drivers import data_models as dm
from octavia_lib.api.drivers import exceptions, provider_base

from sriov_provider.api import services
from sriov_provider.api.driver import SriovProviderDriver
from sriov_provider.api.store import DatabaseStore
from sriov_provider.db import children, inventory, jobs, models
from sriov_provider.db.engine import Sessions
from sriov_provider.records import Action, Job, LoadBalancerRecord, ObjectRef, ObjectType


class World:
    """:ivar woken: the ids of the jobs a worker was told of"""

    def __init__(self, topology: str = "SINGLE") -> None:
        self.sessions = Sessions("sqlite://")
        models.Base.metadata.create_all(self.sessions.engine)
        self.woken: list[str] = []
        store = DatabaseStore(self.sessions, self.wake)
        self.driver = SriovProviderDriver(lambda: services.Services(store, topology))

    def wake(self, job_id: str) -> None:
        # The row must be there before anybody is told.
        assert self.sessions.read(lambda s: jobs.get(s, job_id)) is not None
        self.woken.append(job_id)

    def jobs(self, load_balancer_id: str = "lb") -> tuple[Job, ...]:
        return self.sessions.read(lambda s: jobs.unfinished(s, load_balancer_id))

    def last(self, load_balancer_id: str = "lb") -> Job:
        found = self.jobs(load_balancer_id)[-1]
        assert self.woken[-1] == found.id
        return found

    def children(self, *ids: str) -> list[Any]:
        return [self.sessions.read(lambda s, i=i: children.get(s, i)) for i in ids]

    def record(self, load_balancer_id: str = "lb") -> LoadBalancerRecord | None:
        return self.sessions.read(lambda s: inventory.read(s, load_balancer_id)).load_balancer


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def lb(world: World) -> World:
    """A world with a load balancer, a UDP and an HTTP pool and listener, one member, a policy."""
    world.driver.loadbalancer_create(_load_balancer())
    for name, protocol in (("udp", "UDP"), ("http", "HTTP")):
        world.driver.pool_create(
            dm.Pool(
                pool_id=f"{name}-pool",
                loadbalancer_id="lb",
                protocol=protocol,
                lb_algorithm="ROUND_ROBIN",
            )
        )
        world.driver.listener_create(
            dm.Listener(listener_id=f"{name}", loadbalancer_id="lb", protocol=protocol)
        )
    world.driver.member_create(_member("m1"))
    world.driver.l7policy_create(dm.L7Policy(l7policy_id="policy", listener_id="http"))
    return world


def _load_balancer(**values: Any) -> dm.LoadBalancer:
    given = {
        "loadbalancer_id": "lb",
        "project_id": "project",
        "vip_address": "192.0.2.5",
        "vip_port_id": "vip-port",
        "vip_subnet_id": "subnet",
        "vip_network_id": "network",
        "admin_state_up": True,
        "flavor": {"sriov_vip": True},
        "availability_zone": {},
    }
    return dm.LoadBalancer(**(given | values))


def _member(member_id: str, pool: str = "http-pool", address: str = "198.51.100.1") -> dm.Member:
    return dm.Member(member_id=member_id, pool_id=pool, address=address, protocol_port=80)


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
        _load_balancer(
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
    world.driver.loadbalancer_create(_load_balancer(flavor=flavor, availability_zone=dm.Unset))
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
        ({"flavor": {"loadbalancer_topology": "ACTIVE_STANDBY"}}, "SINGLE only"),
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
        world.driver.loadbalancer_create(_load_balancer(**values))
    assert sentence in caught.value.user_fault_string
    assert world.woken == []
    assert world.record() is None


def test_a_default_topology_that_is_not_built_is_refused_by_name() -> None:
    world = World(topology="ACTIVE_STANDBY")
    with pytest.raises(exceptions.UnsupportedOptionError) as caught:
        world.driver.loadbalancer_create(_load_balancer())
    assert "[controller_worker] loadbalancer_topology" in caught.value.operator_fault_string
    world.driver.loadbalancer_create(_load_balancer(flavor={"loadbalancer_topology": "SINGLE"}))
    record = world.record()
    assert record is not None
    assert record.topology == "SINGLE"


def test_load_balancer_update(lb: World) -> None:
    lb.driver.loadbalancer_update(
        _load_balancer(), dm.LoadBalancer(loadbalancer_id="lb", vip_qos_policy_id="q")
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
        lambda d: d.member_create(_member("m2")),
        ObjectRef(ObjectType.MEMBER, "m2", Action.CREATE, "http-pool"),
    ),
    (
        lambda d: d.member_update(_member("m1"), dm.Member(member_id="m1", weight=0)),
        ObjectRef(ObjectType.MEMBER, "m1", Action.UPDATE, "http-pool", {"weight": 0}),
    ),
    (
        lambda d: d.member_delete(_member("m1")),
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


def test_members_of_a_lvs_pool_need_a_vip_of_their_ip_version(lb: World) -> None:
    lb.driver.member_create(_member("u", pool="udp-pool"))
    before = len(lb.woken)
    six = _member("six", pool="udp-pool", address="2001:db8::1")
    with pytest.raises(exceptions.UnsupportedOptionError, match="IPv4 and IPv6 in UDP"):
        lb.driver.member_create(six)
    with pytest.raises(exceptions.UnsupportedOptionError, match="IPv4 and IPv6 in UDP"):
        lb.driver.member_batch_update("udp-pool", [_member("u", pool="udp-pool"), six])
    lb.driver.member_create(_member("six", pool="http-pool", address="2001:db8::1"))
    assert len(lb.woken) == before + 1


def test_batch(lb: World) -> None:
    lb.driver.member_create(_member("m2", address="198.51.100.2"))
    lb.driver.member_batch_update(
        "http-pool", [_member("m3", address="198.51.100.3"), _member("m1")]
    )
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
        lambda d: d.member_create(_member("m", pool="nowhere")),
        lambda d: d.member_delete(_member("m", pool="nowhere")),
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


def test_a_database_that_is_down_is_a_driver_error(tmp_path: Any) -> None:
    sessions = Sessions(f"sqlite:///{tmp_path}/missing/db.sqlite")
    store = DatabaseStore(sessions, lambda job_id: None)
    driver = SriovProviderDriver(lambda: services.Services(store, "SINGLE"))
    with pytest.raises(exceptions.DriverError) as caught:
        driver.loadbalancer_create(_load_balancer())
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
