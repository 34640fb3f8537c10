"""The in-memory cloud has to behave like one, or the flows prove nothing."""

from __future__ import annotations

import pytest

from sriov_provider.compute.base import Compute, Server, ServerSpec
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import GroupRule, NetworkClient, Port, PortSpec
from tests.fakes import errors
from tests.fakes.cloud import FakeCloud


def make_cloud(hosts: int = 2, vfs: int = 1) -> FakeCloud:
    cloud = FakeCloud(hosts=hosts, vfs=vfs)
    cloud.add_subnet("mgmt-subnet", "mgmt", "192.0.2.0/24", gateway="192.0.2.1")
    cloud.add_subnet("vip-subnet", "vip-net", "10.0.0.0/29", gateway="10.0.0.1")
    cloud.add_subnet("vip6-subnet", "vip-net", "2001:db8::/64")
    return cloud


def boot(cloud: FakeCloud, name: str = "amphora-1", **extra: object) -> Server:
    spec = ServerSpec(name, "1", "image-1", ("mgmt",), **extra)  # type: ignore[arg-type]
    return cloud.create_server(spec)


def up(cloud: FakeCloud, server: Server) -> None:
    while (seen := cloud.get_server(server.id)) and seen.status == "BUILD":
        pass


def direct_port(cloud: FakeCloud, name: str = "vrrp") -> Port:
    return cloud.create_port(PortSpec(name, "lb-1", "vip-net", ("vip-subnet",), "direct"))


def test_it_is_both_contracts() -> None:
    compute: Compute = FakeCloud()
    network: NetworkClient = FakeCloud()
    assert compute.image_id("amphora", None) == "image-1"
    assert network.ports("nobody") == ()


def test_server_boots_step_by_step_and_goes() -> None:
    cloud = make_cloud()
    cloud.boot_reads, cloud.delete_reads = 1, 1
    server = boot(cloud)
    statuses = [s.status for _ in range(3) if (s := cloud.get_server(server.id))]
    assert statuses == ["BUILD", "ACTIVE", "ACTIVE"]
    assert cloud.management_ip(server.id, "mgmt") == "192.0.2.2"
    cloud.delete_server(server.id)
    assert cloud.find_server("amphora-1") is not None
    assert cloud.find_server("amphora-1") is None
    assert cloud.left_over() == ()


def test_attach_claims_a_vf_of_the_servers_host_and_the_delete_gives_it_back() -> None:
    cloud = make_cloud(hosts=1, vfs=1)
    server, port = boot(cloud), direct_port(cloud)
    cloud.attach_port(server.id, port.id)
    cloud.attach_port(server.id, port.id)  # again: success
    bound = cloud.port(port.id)
    assert bound is not None
    assert (bound.vif_type, bound.port_filter, bound.host) == ("hw_veb", False, "host-0")
    assert cloud.claimed_vfs() == {f"host-0 {bound.pci_slot}": port.id}
    second = direct_port(cloud, "second")
    with pytest.raises(ProviderError) as caught:
        cloud.attach_port(server.id, second.id)
    assert caught.value.reason.code is Code.NO_VF
    cloud.delete_port(port.id)
    cloud.attach_port(server.id, second.id)
    assert len(cloud.claimed_vfs()) == 1


def test_port_held_by_another_server_is_busy() -> None:
    cloud = make_cloud()
    first, second, port = boot(cloud, "a"), boot(cloud, "b"), direct_port(cloud)
    cloud.attach_port(first.id, port.id)
    with pytest.raises(ProviderError) as caught:
        cloud.attach_port(second.id, port.id)
    assert caught.value.reason.code is Code.PORT_BUSY
    with pytest.raises(ProviderError, match="409"):
        cloud.detach_port(first.id, port.id)  # it boots
    for server in (first, second):
        up(cloud, server)
    cloud.detach_port(second.id, port.id)  # not its port: nothing happens
    assert len(cloud.claimed_vfs()) == 1
    cloud.detach_port(first.id, port.id)
    cloud.attach_port(second.id, port.id)
    assert cloud.port_rows[port.id].host == "host-1"


def test_offloading_host_lets_neutron_filter() -> None:
    cloud = make_cloud(hosts=1)
    cloud.hosts["host-0"].offloads = True
    server, port = boot(cloud), direct_port(cloud)
    cloud.attach_port(server.id, port.id)
    assert cloud.port_rows[port.id].vif_type == "ovs"
    assert cloud.port_rows[port.id].port_filter is True


def test_boot_with_ports_is_scheduled_where_vfs_are_and_respects_the_group() -> None:
    cloud = make_cloud(hosts=2, vfs=1)
    group = cloud.ensure_server_group("lb-1", "anti-affinity")
    assert cloud.ensure_server_group("lb-1", "anti-affinity") == group
    cloud.hosts["host-0"].free_vfs.clear()
    port = direct_port(cloud)
    first = boot(cloud, "a", port_ids=(port.id,), server_group_id=group)
    second = boot(cloud, "b", server_group_id=group)
    third = boot(cloud, "c", server_group_id=group)
    assert (first.host, second.host) == ("host-1", "host-0")
    assert third.status == "ERROR"
    assert third.fault == "No valid host was found. "


def test_deleted_server_leaves_ports_it_was_given() -> None:
    cloud = make_cloud()
    server, port = boot(cloud), direct_port(cloud)
    cloud.attach_port(server.id, port.id)
    cloud.delete_server(server.id)
    left = cloud.port(port.id)
    assert left is not None
    assert (left.device_id, left.vif_type, cloud.claimed_vfs()) == ("", "unbound", {})
    assert cloud.left_over() == (f"port vrrp ({port.id})",)


def test_addresses_run_out() -> None:
    cloud = make_cloud()
    ports = [direct_port(cloud, str(n)) for n in range(5)]
    assert len({p.fixed_ips[0].address for p in ports} - {"10.0.0.1"}) == 5
    with pytest.raises(ProviderError) as caught:
        direct_port(cloud, "one too many")
    assert caught.value.reason.code is Code.NO_ADDRESS


def test_neutron_chooses_one_subnet_per_ip_version() -> None:
    cloud = make_cloud()
    port = cloud.create_port(PortSpec("p", "lb-1", "vip-net", (), "normal"))
    assert [ip.subnet_id for ip in port.fixed_ips] == ["vip-subnet", "vip6-subnet"]
    more = cloud.add_port_addresses(port, ("vip-subnet",))
    assert len(more.fixed_ips) == 3


def test_ports_are_found_by_owner_and_updated() -> None:
    cloud = make_cloud()
    port = direct_port(cloud)
    cloud.add_port("vip-port", "vip-subnet")
    assert [p.id for p in cloud.ports("lb-1")] == [port.id]
    group = cloud.ensure_security_group("lb-1", "lb-1", lambda: None)
    cloud.update_port(
        port.id, allowed_addresses=("10.0.0.9",), security_groups=(group,), qos_policy_id="gold"
    )
    kept = cloud.update_port(port.id)
    assert (kept.allowed_addresses, kept.security_groups) == (("10.0.0.9",), (group,))
    assert kept.qos_policy_id == "gold"
    assert cloud.update_port(port.id, qos_policy_id=None).qos_policy_id is None


def test_security_group_in_use_is_not_deleted() -> None:
    cloud = make_cloud()
    group = cloud.ensure_security_group("lb-1", "lb-1", lambda: None)
    cloud.set_group_rules(group, (GroupRule("IPv4", "tcp", 80),))
    assert cloud.groups[group].rules == (GroupRule("IPv4", "tcp", 80),)
    spec = PortSpec("p", "lb-1", "vip-net", (), "normal", security_groups=(group,))
    port = cloud.create_port(spec)
    with pytest.raises(ProviderError) as caught:
        cloud.delete_security_group(group)
    assert caught.value.retriable
    cloud.delete_port(port.id)
    cloud.delete_security_group(group)
    assert cloud.find_security_group("lb-1") is None


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.network("gone"),
        lambda c: c.subnet("gone"),
        lambda c: c.update_port("gone"),
        lambda c: c.set_group_rules("gone", ()),
        lambda c: c.check_flavor("gone"),
        lambda c: c.image_id("gone", None),
        lambda c: c.management_ip("gone", "mgmt"),
        lambda c: c.attach_port("gone", "gone"),
        lambda c: boot(c, port_ids=("gone",)),
        lambda c: c.create_port(PortSpec("p", "o", "gone", (), "normal")),
        lambda c: c.create_port(PortSpec("p", "o", "vip-net", ("gone",), "normal")),
        lambda c: c.create_port(PortSpec("p", "o", "vip-net", (), "normal", ("gone",))),
    ],
)
def test_what_is_gone_is_not_found(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ProviderError) as caught:
        call(make_cloud())
    assert caught.value.reason.code is Code.NOT_FOUND


def test_deletes_of_what_is_gone_are_no_error() -> None:
    cloud = make_cloud()
    cloud.delete_port("gone")
    cloud.delete_server("gone")
    cloud.delete_server_group("gone")
    cloud.delete_security_group("gone")
    cloud.detach_port("gone", "gone")
    assert cloud.get_server("gone") is None
    assert cloud.port("gone") is None


def test_injected_faults_happen_the_wanted_number_of_times() -> None:
    cloud = make_cloud()
    cloud.fail("network", errors.server_error(), times=2)
    for _ in range(2):
        with pytest.raises(ProviderError):
            cloud.network("mgmt")
    assert cloud.network("mgmt").id == "mgmt"
    assert cloud.count("network") == 3
    assert cloud.counts() == {"network": 3}


def test_timeout_after_success_leaves_the_thing_behind() -> None:
    cloud = make_cloud()
    cloud.fail("create_server", errors.timeout(), after=True)
    with pytest.raises(ProviderError):
        boot(cloud)
    assert cloud.find_server("amphora-1") is not None
    assert "server amphora-1" in cloud.left_over()


def test_fault_decided_per_call_and_healed() -> None:
    cloud = make_cloud()
    cloud.fail("network", lambda i: errors.not_found() if i == "mgmt" else None, times=None)
    assert cloud.network("vip-net").id == "vip-net"
    with pytest.raises(ProviderError):
        cloud.network("mgmt")
    cloud.heal()
    assert cloud.network("mgmt").id == "mgmt"
    with pytest.raises(AttributeError):
        cloud.fail("no_such_verb", errors.timeout())


def test_observer_may_kill_between_calls() -> None:
    cloud = make_cloud()

    def kill(verb: str, when: str) -> None:
        if (verb, when) == ("create_server", "after"):
            raise errors.Killed

    cloud.observers.append(kill)
    with pytest.raises(errors.Killed):
        boot(cloud)
    assert cloud.find_server("amphora-1") is not None
