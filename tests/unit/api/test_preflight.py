"""What is refused at once, and what is left to the worker because nobody knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from octavia_lib.api.drivers import data_models as dm
from octavia_lib.api.drivers.exceptions import NotImplementedError, UnsupportedOptionError

from sriov_provider import cloud_errors
from sriov_provider.api.driver import SriovProviderDriver
from sriov_provider.db import inventory
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    MemberRecord,
    PortRecord,
    PortRole,
    PortState,
)
from tests.fakes import errors
from tests.unit.api.world import World, load_balancer, member

FLAVOR = {"sriov_vip": True, "allow_member_sriov": True}
UNKNOWN = {
    "timeout": errors.timeout(),
    "server error": errors.server_error(),
    "forbidden": cloud_errors.from_refusal("GET", cloud_errors.Refusal(403, "", "no")),
    "gone": errors.not_found(),
}
unknown = pytest.mark.parametrize("error", UNKNOWN.values(), ids=UNKNOWN.keys())


def sriov(member_id: str, subnet: str | None, address: str = "198.51.100.9") -> dm.Member:
    found = member(member_id, address=address)
    found.subnet_id, found.vnic_type = subnet or dm.Unset, "direct"
    return found


def normal(member_id: str, subnet: str | None, address: str = "198.51.100.8") -> dm.Member:
    found = member(member_id, address=address)
    found.subnet_id, found.vnic_type = subnet or dm.Unset, "normal"
    return found


def pool(*members: dm.Member) -> dm.Pool:
    return dm.Pool(
        pool_id="http-pool",
        loadbalancer_id="lb",
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
        members=list(members),
    )


def refusal(call: Callable[..., None], *args: Any) -> tuple[str, str]:
    """The sentences for user and operator."""
    with pytest.raises(UnsupportedOptionError) as caught:
        call(*args)
    return caught.value.user_fault_string, caught.value.operator_fault_string


@pytest.fixture
def cloud_world(world: World) -> World:
    """Networks of the VIP and of members, with physical networks; and a tunnelled one."""
    populate(world)
    return world


def populate(world: World) -> None:
    world.cloud.add_subnet("subnet", "network", "192.0.2.0/29", gateway="192.0.2.1")
    world.cloud.add_subnet("members", "member-net", "198.51.100.0/29", gateway="198.51.100.1")
    world.cloud.add_network("tunnel", physical=None)
    world.cloud.add_subnet("tunnelled", "tunnel", "203.0.113.0/24")


@pytest.fixture
def served(cloud_world: World) -> World:
    """A load balancer with one amphora that has a VF on the VIP's and on the members' network."""
    world = cloud_world
    world.driver.loadbalancer_create(load_balancer(flavor=FLAVOR))
    world.driver.pool_create(pool())
    world.driver.member_create(sriov("m1", "members"))
    save(world, port("vip-port", "network", PortRole.VIP, "subnet"))
    save(world, port("member-port", "member-net", PortRole.MEMBER, "members"))
    row = MemberRecord("m1", "lb", "http-pool", "198.51.100.9", "members", "direct", "member-net")
    world.sessions.run(lambda s: inventory.replace_members(s, "lb", (row,)))
    world.cloud.log.clear()
    return world


def port(port_id: str, network: str, role: PortRole, subnet: str, **values: Any) -> PortRecord:
    given = {"vnic_type": "direct", "state": PortState.ATTACHED, "addresses": ((subnet, "x"),)}
    return PortRecord(port_id, "lb", "amphora", network, role, **(given | values))


def save(world: World, record: PortRecord) -> None:
    amphora = AmphoraRecord("amphora", "lb", AmphoraState.READY)
    world.sessions.run(lambda s: inventory.save_amphora(s, amphora))
    world.sessions.run(lambda s: inventory.save_port(s, record))


def fill(world: World, subnet: str, leave: int = 0) -> None:
    """Ports take the addresses of a subnet."""
    count = world.cloud.free_in_pools(subnet) - leave
    for _ in range(count):
        world.cloud.add_port(f"taken-{subnet}-{len(world.cloud.port_rows)}", subnet)
    world.cloud.log.clear()


# Networks of load balancers


def test_two_reads_of_neutron_and_then_one(cloud_world: World) -> None:
    world = cloud_world
    world.driver.loadbalancer_create(load_balancer())
    assert world.cloud.counts() == {"network": 1, "free_addresses": 1}
    world.driver.loadbalancer_create(load_balancer(loadbalancer_id="lb2"))
    assert world.cloud.counts() == {"network": 1, "free_addresses": 2}


@pytest.mark.parametrize("kind", ["direct", "macvtap"])
def test_a_vip_on_a_tunnelled_network(cloud_world: World, kind: str) -> None:
    flavor = {"sriov_vip": True, "vip_vnic_type": kind}
    tunnelled = load_balancer(vip_network_id="tunnel", vip_subnet_id="tunnelled", flavor=flavor)
    user, operator = refusal(cloud_world.driver.loadbalancer_create, tunnelled)
    assert user == (
        f"Network tunnel has no physical network, which the SR-IOV port ({kind}) of the VIP needs."
        " Allowed: networks of type flat or vlan with a physical network."
    )
    assert "of type vxlan, physical network None" in operator
    assert ("allow_tunnel_networks" in operator) is (kind == "direct")
    assert (cloud_world.woken, cloud_world.record()) == ([], None)


@pytest.mark.parametrize("kind", ["vdpa", "virtio-forwarder", "remote-managed"])
def test_an_offloaded_switch_reaches_any_network(cloud_world: World, kind: str) -> None:
    flavor = {"sriov_vip": True, "vip_vnic_type": kind}
    cloud_world.driver.loadbalancer_create(
        load_balancer(vip_network_id="tunnel", vip_subnet_id="tunnelled", flavor=flavor)
    )
    assert cloud_world.cloud.count("network") == 0


def test_operators_may_say_that_hosts_offload() -> None:
    world = World(allow_tunnel_networks=True)
    populate(world)
    tunnelled = {"vip_network_id": "tunnel", "vip_subnet_id": "tunnelled"}
    world.driver.loadbalancer_create(load_balancer(**tunnelled))
    macvtap = {"sriov_vip": True, "vip_vnic_type": "macvtap"}
    refusal(world.driver.loadbalancer_create, load_balancer(flavor=macvtap, **tunnelled))


def test_a_normal_vip_is_on_any_network(cloud_world: World) -> None:
    cloud_world.driver.loadbalancer_create(
        load_balancer(vip_network_id="tunnel", vip_subnet_id="tunnelled", flavor={})
    )
    assert cloud_world.cloud.counts() == {"free_addresses": 1}


@unknown
def test_a_network_nobody_tells_about_is_accepted(cloud_world: World, error: BaseException) -> None:
    cloud_world.cloud.fail("network", error, times=None)
    cloud_world.driver.loadbalancer_create(
        load_balancer(vip_network_id="tunnel", vip_subnet_id="tunnelled")
    )
    assert len(cloud_world.woken) == 1


# Addresses


def test_a_vip_subnet_that_is_full(cloud_world: World) -> None:
    fill(cloud_world, "subnet")
    user, _ = refusal(cloud_world.driver.loadbalancer_create, load_balancer())
    assert user == (
        "Subnet subnet has 0 free IP addresses, but the VIP with the load balancer's own ports "
        "needs 1 more. Free addresses of the subnet or choose another one."
    )
    assert cloud_world.woken == []


def test_a_further_vip_subnet_that_is_full(cloud_world: World) -> None:
    cloud_world.cloud.add_subnet("more", "network", "192.0.2.8/29")
    fill(cloud_world, "more")
    vip = {"ip_address": "192.0.2.9", "subnet_id": "more", "network_id": "network", "port_id": "p"}
    call = cloud_world.driver.loadbalancer_create
    assert "Subnet more has 0" in refusal(call, load_balancer(additional_vips=[vip]))[0]


def test_the_last_address_is_enough(cloud_world: World) -> None:
    fill(cloud_world, "subnet", leave=1)
    cloud_world.driver.loadbalancer_create(load_balancer())
    assert cloud_world.cloud.counts() == {"network": 1, "free_addresses": 1}


def test_addresses_outside_the_pools_are_not_held_against_it(cloud_world: World) -> None:
    fill(cloud_world, "subnet", leave=1)
    cloud_world.cloud.outside_pools = 1  # such as the router's
    cloud_world.driver.loadbalancer_create(load_balancer())
    assert cloud_world.cloud.count("free_in_pools") == 1


@unknown
@pytest.mark.parametrize("verb", ["free_addresses", "free_in_pools"])
def test_room_nobody_tells_about_is_accepted(
    cloud_world: World, verb: str, error: BaseException
) -> None:
    fill(cloud_world, "subnet")
    cloud_world.cloud.fail(verb, error, times=None)
    cloud_world.driver.loadbalancer_create(load_balancer())
    assert len(cloud_world.woken) == 1


# Compute flavors and images


def test_an_unknown_compute_flavor(cloud_world: World) -> None:
    flavor = FLAVOR | {"compute_flavor": "huge"}
    sentence = (
        "Flavor key 'compute_flavor' is 'huge', but the cloud has none such. Allowed: what the "
        "load balancer service finds in the cloud."
    )
    assert refusal(cloud_world.driver.validate_flavor, flavor)[0] == sentence
    create = cloud_world.driver.loadbalancer_create
    assert refusal(create, load_balancer(flavor=flavor))[0] == sentence


def test_the_compute_flavor_of_octavia_conf(cloud_world: World) -> None:
    world = World(amphora_flavor="huge")
    user, operator = refusal(world.driver.loadbalancer_create, load_balancer())
    assert "huge" not in user
    assert "tell whoever runs the cloud" in user
    assert operator == "[controller_worker] amp_flavor_id is 'huge', which the cloud does not have."
    world.driver.loadbalancer_create(load_balancer(flavor={"compute_flavor": "1"}))


def test_what_is_there_is_asked_once_what_is_missing_every_time(cloud_world: World) -> None:
    world = cloud_world
    for _ in range(3):
        world.driver.validate_flavor({"compute_flavor": "1", "amp_image_tag": "amphora"})
    assert world.cloud.counts() == {"check_flavor": 1, "image_id": 1}
    refusal(world.driver.validate_flavor, {"compute_flavor": "new"})
    world.cloud.flavors.add("new")
    world.driver.validate_flavor({"compute_flavor": "new"})
    assert world.cloud.count("check_flavor") == 3


def test_an_unknown_image_tag(world: World) -> None:
    user, _ = refusal(world.driver.validate_flavor, {"amp_image_tag": "amfora"})
    assert user.startswith("Flavor key 'amp_image_tag' is 'amfora', but the cloud has none such.")


@pytest.mark.parametrize("error", [e for n, e in UNKNOWN.items() if n != "gone"])
def test_flavors_and_images_nobody_tells_about_are_accepted(
    world: World, error: BaseException
) -> None:
    world.cloud.fail("check_flavor", error, times=None)
    world.cloud.fail("image_id", error, times=None)
    flavor = {"compute_flavor": "huge", "amp_image_tag": "amfora"}
    world.driver.validate_flavor(flavor)
    world.driver.loadbalancer_create(load_balancer(flavor=flavor))
    assert len(world.woken) == 1


# Members


def test_the_other_kind_on_an_attached_network(served: World) -> None:
    jobs = len(served.woken)
    user, operator = refusal(served.driver.member_create, normal("m2", "members"))
    assert user == (
        "Member 198.51.100.8: The load balancer has an SR-IOV port (direct) on the member's "
        "network, but the member asks for a port without SR-IOV (normal). All members of one "
        "network need the same type."
    )
    assert operator == "Member m2: network member-net has a direct port, normal requested."
    assert len(served.woken) == jobs
    assert served.children("m2") == [None]
    assert served.cloud.counts() == {}


def test_an_attached_network_costs_no_read(served: World) -> None:
    served.driver.member_create(sriov("m2", "members", "198.51.100.3"))
    assert served.cloud.counts() == {}


def test_a_normal_member_is_reached_through_the_vip(served: World) -> None:
    served.driver.member_create(normal("m2", "subnet", "192.0.2.4"))
    assert served.cloud.counts() == {}


def test_a_member_reached_by_routing_is_not_checked(served: World) -> None:
    served.driver.member_create(sriov("m2", None))
    assert served.cloud.counts() == {}


def test_another_subnet_of_an_attached_network(served: World) -> None:
    served.cloud.add_subnet("second", "member-net", "198.51.100.8/29")
    assert "same type" in refusal(served.driver.member_create, normal("m2", "second"))[0]
    served.driver.member_create(sriov("m2", "second", "198.51.100.10"))
    fill(served, "second")
    user, _ = refusal(served.driver.member_create, sriov("m3", "second", "198.51.100.11"))
    assert user.startswith(
        "Subnet second has 0 free IP addresses, but the load balancer's port for member "
        "198.51.100.11 needs 1 more."
    )


def test_a_member_subnet_that_is_full(served: World) -> None:
    served.cloud.add_subnet("other", "other-net", "203.0.113.0/30")
    fill(served, "other")
    user, _ = refusal(served.driver.member_create, normal("m2", "other"))
    assert user.startswith("Subnet other has 0 free IP addresses, but the load balancer's port")


def test_a_full_subnet_of_an_attached_port_is_no_obstacle(served: World) -> None:
    fill(served, "members")
    served.driver.member_create(sriov("m2", "members", "198.51.100.3"))


def test_a_member_on_a_tunnelled_network(served: World) -> None:
    user, _ = refusal(served.driver.member_create, sriov("m2", "tunnelled"))
    assert user.startswith(
        "Network tunnel has no physical network, which the SR-IOV port (direct) of member "
        "198.51.100.9 needs."
    )
    served.driver.member_create(normal("m2", "tunnelled"))


def test_a_released_port_is_in_nobodys_way(served: World) -> None:
    gone = port("member-port", "member-net", PortRole.MEMBER, "members", state=PortState.RELEASING)
    save(served, gone)
    served.driver.member_create(normal("m2", "members"))


@unknown
@pytest.mark.parametrize("verb", ["subnet", "network"])
def test_a_members_network_nobody_tells_about_is_accepted(
    served: World, verb: str, error: BaseException
) -> None:
    served.cloud.fail(verb, error, times=None)
    served.driver.member_create(sriov("m2", "tunnelled"))
    assert served.last().object_id == "m2"


def test_a_flavor_without_sriov_members(cloud_world: World) -> None:
    cloud_world.driver.loadbalancer_create(load_balancer())
    cloud_world.driver.pool_create(pool())
    user, _ = refusal(cloud_world.driver.member_create, sriov("m1", "members"))
    assert user.endswith("The load balancer's flavor does not allow SR-IOV member ports.")


# Many at once


def test_a_batch_is_refused_as_a_whole(served: World) -> None:
    jobs = len(served.woken)
    batch = [sriov("m1", "members"), normal("m2", "tunnelled"), normal("m3", "members")]
    user, _ = refusal(served.driver.member_batch_update, "http-pool", batch)
    assert "same type" in user
    assert len(served.woken) == jobs
    assert served.children("m2", "m3") == [None, None]


def test_a_batch_shows_known_members_without_their_kind(served: World) -> None:
    # Octavia says "normal" of every member that is there, unless the request repeats the wish.
    served.driver.member_batch_update("http-pool", [normal("m1", "members")])
    assert served.last().objects[0].action is Action.UPDATE


def test_new_members_of_a_batch_among_themselves(served: World) -> None:
    served.cloud.add_subnet("other", "other-net", "203.0.113.0/24")
    batch = [sriov("m2", "other"), normal("m3", "other")]
    user, _ = refusal(served.driver.member_batch_update, "http-pool", batch)
    assert user.startswith("Member 198.51.100.8: The load balancer has an SR-IOV port (direct)")


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_fully_populated_load_balancer_with_mixed_members(
    cloud_world: World, order: slice
) -> None:
    pools = [pool(sriov("m1", "members")), pool(normal("m2", "members"))][order]
    create = cloud_world.driver.loadbalancer_create
    user, _ = refusal(create, load_balancer(flavor=FLAVOR, pools=pools))
    assert "All members of one network need the same type" in user
    assert (cloud_world.woken, cloud_world.record()) == ([], None)


def test_a_fully_populated_load_balancer_in_few_reads(cloud_world: World) -> None:
    many: Iterable[dm.Member] = [
        *(sriov(f"m{n}", "members", f"198.51.100.{n}") for n in range(2, 6)),
        normal("m6", "subnet", "192.0.2.6"),
    ]
    cloud_world.driver.loadbalancer_create(load_balancer(flavor=FLAVOR, pools=[pool(*many)]))
    assert cloud_world.cloud.counts() == {"network": 2, "subnet": 1, "free_addresses": 2}


def test_an_sriov_member_on_the_network_of_a_normal_vip(cloud_world: World) -> None:
    flavor = {"allow_member_sriov": True}
    pools = [pool(sriov("m1", "subnet", "192.0.2.6"))]
    create = cloud_world.driver.loadbalancer_create
    user, _ = refusal(create, load_balancer(flavor=flavor, pools=pools))
    assert "has a port without SR-IOV (normal)" in user
    assert "asks for an SR-IOV port (direct)" in user


# Before Octavia makes the VIP port


VIP = {"vip_network_id": "network", "vip_subnet_id": "subnet", "vip_qos_policy_id": None}


def announce(
    world: World, vip: dict[str, Any], flavor: dict[str, Any] | None = None
) -> SriovProviderDriver:
    """A request up to the point where Octavia makes the VIP port, and nothing is refused."""
    driver = world.driver
    if flavor:
        driver.validate_flavor(flavor)
    with pytest.raises(NotImplementedError):
        driver.create_vip_port("lb", "project", vip, [])
    return driver


def test_a_network_out_of_reach_is_refused_before_there_is_a_port(cloud_world: World) -> None:
    tunnelled = {"vip_network_id": "tunnel", "vip_subnet_id": "tunnelled"}
    driver = cloud_world.driver
    driver.validate_flavor(FLAVOR)
    user, _ = refusal(driver.create_vip_port, "lb", "project", tunnelled, [])
    assert user.startswith("Network tunnel has no physical network")
    announce(cloud_world, tunnelled)  # no flavor: no VF


def test_the_vip_port_needs_an_address_too(cloud_world: World) -> None:
    fill(cloud_world, "subnet", leave=1)
    user, _ = refusal(cloud_world.driver.create_vip_port, "lb", "project", VIP, [])
    assert "has 1 free IP addresses" in user
    assert "needs 2 more" in user
    announce(cloud_world, VIP | {"vip_port_id": "brought"})
    announce(cloud_world, VIP | {"vip_address": "192.0.2.5"})


def test_every_vip_of_a_subnet_needs_an_address(cloud_world: World) -> None:
    cloud_world.cloud.add_subnet("more", "network", "192.0.2.8/29")
    fill(cloud_world, "more", leave=2)
    further = {"network_id": "network", "subnet_id": "more"}
    create = cloud_world.driver.create_vip_port
    assert "Subnet more has 2" in refusal(create, "lb", "project", VIP, [further, further])[0]
    chosen = further | {"ip_address": "192.0.2.9"}
    with pytest.raises(NotImplementedError):
        cloud_world.driver.create_vip_port("lb", "project", VIP, [further, chosen])


def test_a_vip_is_checked_once_per_request(cloud_world: World) -> None:
    driver = announce(cloud_world, VIP, FLAVOR)
    driver.loadbalancer_create(load_balancer(flavor=FLAVOR))
    assert cloud_world.cloud.counts() == {"network": 1, "free_addresses": 1}


def test_topology_and_compute_flavor_are_refused_before_there_is_a_port() -> None:
    world = World(topology="ACTIVE_ACTIVE")
    user, _ = refusal(world.driver.create_vip_port, "lb", "project", VIP, [])
    assert "default topology is ACTIVE_ACTIVE" in user
    world = World(amphora_flavor="huge")
    user, _ = refusal(world.driver.create_vip_port, "lb", "project", VIP, [])
    assert "without a flavor that names a compute_flavor" in user


def octavias_port(world: World, name: str = "octavia-lb-lb", device: str = "lb-lb") -> None:
    made = world.cloud.add_port("vip-port", "subnet")
    world.cloud.port_rows["vip-port"] = dataclasses.replace(made, name=name, device_id=device)


MIXED = [sriov("m1", "members"), normal("m2", "members")]


def test_a_refused_create_leaves_no_vip_port(cloud_world: World) -> None:
    octavias_port(cloud_world)
    create = cloud_world.driver.loadbalancer_create
    refusal(create, load_balancer(flavor=FLAVOR, pools=[pool(*MIXED)]))
    assert cloud_world.cloud.port_rows == {}


@pytest.mark.parametrize(
    ("name", "device"), [("mine", "lb-lb"), ("octavia-lb-lb", ""), ("octavia-lb-lb2", "lb-lb2")]
)
def test_a_port_of_somebody_else_stays(cloud_world: World, name: str, device: str) -> None:
    octavias_port(cloud_world, name, device)
    create = cloud_world.driver.loadbalancer_create
    refusal(create, load_balancer(flavor=FLAVOR, pools=[pool(*MIXED)]))
    assert list(cloud_world.cloud.port_rows) == ["vip-port"]


def test_an_accepted_create_keeps_its_port(cloud_world: World) -> None:
    octavias_port(cloud_world)
    cloud_world.driver.loadbalancer_create(load_balancer())
    assert list(cloud_world.cloud.port_rows) == ["vip-port"]


@unknown
@pytest.mark.parametrize("verb", ["port", "delete_port"])
def test_the_refusal_is_seen_though_the_port_stays(
    cloud_world: World, verb: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    octavias_port(cloud_world)
    cloud_world.cloud.fail(verb, error)
    create = cloud_world.driver.loadbalancer_create
    user, _ = refusal(create, load_balancer(flavor=FLAVOR, pools=[pool(*MIXED)]))
    assert "same type" in user
    assert "VIP port vip-port of the refused load balancer lb may be left over" in caplog.text


def test_switched_off_only_our_own_tables_are_asked() -> None:
    world = World(timeout=0.0)
    populate(world)
    world.driver.loadbalancer_create(
        load_balancer(vip_network_id="tunnel", flavor=FLAVOR | {"compute_flavor": "huge"})
    )
    world.driver.pool_create(pool())
    world.driver.member_create(sriov("m1", "nowhere"))
    assert world.cloud.counts() == {}
