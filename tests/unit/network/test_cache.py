from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import GroupRule, NetworkClient, PortSpec
from sriov_provider.network.cache import CachedReads
from tests.fakes import errors
from tests.fakes.cloud import FakeCloud


def make() -> tuple[FakeCloud, CachedReads]:
    cloud = FakeCloud()
    cloud.add_subnet("sub", "net", "10.0.0.0/24")
    cached = CachedReads(cloud)
    client: NetworkClient = cached
    assert client is cached
    return cloud, cached


def test_each_is_read_once_by_any_number_of_threads() -> None:
    cloud, cached = make()
    with ThreadPoolExecutor(8) as pool:
        networks = list(pool.map(lambda _: cached.network("net"), range(32)))
        subnets = list(pool.map(lambda _: cached.subnet("sub"), range(32)))
    assert {n.id for n in networks} == {"net"}
    assert {s.cidr for s in subnets} == {"10.0.0.0/24"}
    assert cloud.counts() == {"network": 1, "subnet": 1}


def test_failures_are_not_remembered() -> None:
    cloud, cached = make()
    cloud.fail("subnet", errors.server_error())
    with pytest.raises(ProviderError):
        cached.subnet("sub")
    assert cached.subnet("sub").id == "sub"


def test_what_is_expected_is_read_together() -> None:
    cloud, cached = make()
    cloud.add_subnet("sub2", "net2", "10.0.1.0/24")
    cloud.add_subnet("sub3", "net3", "10.0.2.0/24")
    cached.subnet("sub2")
    cached.expect(["net", "net2", "gone"], ["sub", "sub2", "sub3"])
    assert cloud.counts() == {"subnet": 1}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cached.network, ["net", "net2"] * 8))
        list(pool.map(cached.subnet, ["sub", "sub2", "sub3"] * 8))
    assert cloud.counts() == {"subnet": 1, "list_networks": 1, "list_subnets": 1}
    assert cached.network("net3").id == "net3"
    assert cloud.counts()["network"] == 1


def test_one_that_is_gone_is_a_failure_of_its_own() -> None:
    _, cached = make()
    cached.expect(["net", "gone"], [])
    with pytest.raises(ProviderError) as caught:
        cached.network("gone")
    assert caught.value.reason.code is Code.NOT_FOUND
    assert cached.network("net").id == "net"


def test_what_cannot_be_read_together_is_read_one_by_one() -> None:
    cloud, cached = make()
    cloud.add_subnet("sub2", "net2", "10.0.1.0/24")
    cloud.fail("list_networks", errors.server_error())
    cached.expect(["net", "net2"], [])
    assert [cached.network(n).id for n in ("net", "net2")] == ["net", "net2"]
    assert cloud.counts() == {"list_networks": 1, "network": 2}


def test_everything_else_goes_through() -> None:
    cloud, cached = make()
    group = cached.ensure_security_group("lb", "lb", lambda: None)
    cached.set_group_rules(group, (GroupRule("IPv4", "tcp", 80),))
    assert cached.find_security_group("lb") == group
    port = cached.create_port(PortSpec("p", "lb", "net", ("sub",), "direct"))
    assert len(cached.add_port_addresses(port, ("sub",)).fixed_ips) == 2
    changed = cached.update_port(
        port.id, allowed_addresses=("10.0.0.9",), security_groups=(group,), qos_policy_id="gold"
    )
    assert (changed.allowed_addresses, changed.security_groups) == (("10.0.0.9",), (group,))
    assert cached.update_port(port.id).qos_policy_id == "gold"
    assert cached.port(port.id) == changed
    assert cached.ports("lb") == cached.list_ports((port.id,)) == (changed,)
    assert cached.free_addresses(("net",)) == {"sub": cached.free_in_pools("sub")} == {"sub": 252}
    cached.delete_port(port.id)
    assert [n.id for n in cached.list_networks(("net",))] == ["net"]
    assert [s.id for s in cached.list_subnets(("sub",))] == ["sub"]
    cached.delete_security_group(group)
    assert cloud.left_over() == ()
