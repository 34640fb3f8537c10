"""A VIP on a VF: traffic, allowed_cidrs, failover."""

from __future__ import annotations

from tempest import config
from tempest.lib import decorators, exceptions
from tempest.lib.common.utils import test_utils

from sriov_provider.tempest.tests import base, traffic

CONF = config.CONF
# Nobody sends from here (RFC 5737, RFC 3849).
ELSEWHERE = {4: "203.0.113.0/24", 6: "2001:db8:ffff::/48"}


class SriovVipTest(base.SriovScenarioTest):
    """One load balancer with two members, all its ports on VFs."""

    allowed: set[str] = set()

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        place = (cls.member_subnet, CONF.sriov_load_balancer.server_vnic_type)
        cls.servers = cls.create_servers(place, place)
        cls.create_load_balancer(*(server.member(request_sriov=True) for server in cls.servers))

    def allow(self, *cidrs: str) -> None:
        """Changes allowed_cidrs if need be; none lets everybody in."""
        if set(cidrs) != self.allowed:
            self.listener_client.update_listener(
                self.listener_id, allowed_cidrs=list(cidrs) or None
            )
            self.wait_for_load_balancer()
            type(self).allowed = set(cidrs)

    def server_is_gone(self, server_id: str) -> bool:
        """Whether Nova no longer knows a server."""
        try:
            self.os_admin.servers_client.show_server(server_id)
        except exceptions.NotFound:
            return True
        return False

    @decorators.attr(type="smoke")
    @decorators.idempotent_id("3bb4f7cf-93e6-45b8-a1c2-b4d58d8a4bb4")
    def test_traffic_through_vfs(self) -> None:
        """VIP and member ports are VFs, and both members answer through them."""
        options = CONF.sriov_load_balancer
        self.assertNotEqual("normal", self.lb["vip_vnic_type"])
        self.assert_takes_vf(self.vip_port(), options.vip_vnic_type)
        member_port = self.amphora_port(self.member_subnet["network_id"])
        self.assert_takes_vf(member_port, options.member_vnic_type)
        for member in self.member_client.list_members(self.pool_id):
            self.assertNotEqual("normal", member["vnic_type"])
        self.assert_answers_come_from(*self.servers)

    @decorators.idempotent_id("47e04c94-6fd8-45f4-b1e7-57fa5c19d7f6")
    def test_allowed_cidrs(self) -> None:
        """Who is not in allowed_cidrs is dropped, and no other port is open."""
        vip, elsewhere = self.lb["vip_address"], ELSEWHERE[self.ip_version]
        clients = traffic.client_cidrs(vip)
        self.addCleanup(self.allow)
        self.allow(elsewhere)
        self.assert_dropped(vip, base.LISTENER_PORT)
        # overlapping: one of them covers the other
        self.allow(elsewhere, *clients, *(traffic.wider(cidr) for cidr in clients))
        self.assert_answers_come_from(*self.servers)
        self.assert_dropped(vip, base.LISTENER_PORT + 1)

    @decorators.attr(type="slow")
    @decorators.idempotent_id("7a0b3f1c-06b5-4c4b-9b89-c6b0e29dfd34")
    def test_failover(self) -> None:
        """A new amphora takes the VIP over: on VFs, with the same firewall and members."""
        if not CONF.sriov_load_balancer.failover:
            raise self.skipException("[sriov_load_balancer] failover is false")
        before, vip = self.vip_port(), self.lb["vip_address"]
        self.addCleanup(self.allow)
        self.allow(ELSEWHERE[self.ip_version])
        self.admin_lb_client.failover_loadbalancer(self.lb["id"])
        self.assertEqual(vip, self.wait_for_load_balancer()["vip_address"])
        port = self.vip_port()
        self.assertNotEqual(before["device_id"], port["device_id"])
        self.assert_takes_vf(port, CONF.sriov_load_balancer.vip_vnic_type)
        self.assert_dropped(vip, base.LISTENER_PORT)
        self.allow()
        self.assert_answers_come_from(*self.servers)
        gone = test_utils.call_until_true(
            self.server_is_gone, CONF.compute.build_timeout, 1, before["device_id"]
        )
        self.assertTrue(gone, "the server of the amphora that was replaced is still there")


class SriovVipIPv6Test(SriovVipTest):
    """The same over IPv6."""

    ip_version = 6
