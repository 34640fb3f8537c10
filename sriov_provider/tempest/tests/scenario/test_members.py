"""Members on VFs and on normal ports behind one VIP."""

from __future__ import annotations

from octavia_tempest_plugin.common import constants as const
from octavia_tempest_plugin.tests import waiters
from tempest import config
from tempest.lib import decorators, exceptions

from sriov_provider.tempest.tests import base
from sriov_provider.tempest.tests.servers import Json

CONF = config.CONF
NOT_SERVED = 65533


class SriovMembersTest(base.SriovScenarioTest):
    """A load balancer whose members each test sets anew."""

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        cls.project_subnet = cls.create_subnet()
        own = CONF.sriov_load_balancer.server_vnic_type
        cls.sriov, cls.beside_vip, cls.normal = cls.create_servers(
            (cls.member_subnet, own), (cls.vip_subnet, own), (cls.project_subnet, "normal")
        )
        cls.create_load_balancer()

    def set_members(self, *members: Json) -> None:
        """Gives the pool these members and no others, in one request."""
        self.member_client.update_members(self.pool_id, list(members))
        self.wait_for_load_balancer()
        for member in self.member_client.list_members(self.pool_id):
            self.wait_for_member(member["id"], const.ACTIVE)

    def wait_for_member(self, member_id: str, status: str) -> Json:
        """A member once it has the status; any other end of its change raises."""
        found: Json = waiters.wait_for_status(
            self.member_client.show_member,
            member_id,
            const.PROVISIONING_STATUS,
            status,
            CONF.load_balancer.check_interval,
            CONF.load_balancer.check_timeout,
            pool_id=self.pool_id,
        )
        return found

    def remove_member(self, member_id: str) -> None:
        """Deletes a member and waits until the load balancer takes further changes."""
        self.member_client.cleanup_member(
            member_id, self.pool_id, lb_client=self.lb_client, lb_id=self.lb["id"]
        )

    @decorators.idempotent_id("5c25a4b9-f1ab-4d3c-93d8-a87efc6d8d65")
    def test_mixed_members(self) -> None:
        """A member on a VF, one on a normal port and one beside the VIP serve together."""
        self.set_members(self.normal.member(), self.beside_vip.member())
        wanted = self.sriov.member(request_sriov=True)
        made = self.member_client.create_member(self.pool_id, **wanted)
        self.assertNotEqual("normal", self.wait_for_member(made["id"], const.ACTIVE)["vnic_type"])
        self.wait_for_load_balancer()
        self.assert_takes_vf(
            self.amphora_port(self.member_subnet["network_id"]),
            CONF.sriov_load_balancer.member_vnic_type,
        )
        port = self.amphora_port(self.project_subnet["network_id"])
        self.assertEqual("normal", port["binding:vnic_type"])
        # the port which has the VIP serves its network, too
        port = self.amphora_port(self.vip_subnet["network_id"])
        self.assertEqual(self.vip_port()["id"], port["id"])
        self.assert_answers_come_from(self.sriov, self.normal, self.beside_vip)

    @decorators.attr(type="negative")
    @decorators.idempotent_id("df5a9c04-8e8f-42b4-a27b-3f7f54a3b1d2")
    def test_two_kinds_on_one_network(self) -> None:
        """The second kind is refused, at once or with ERROR, and nothing else notices."""
        self.set_members(self.sriov.member(request_sriov=True))
        wrong = self.sriov.member(protocol_port=NOT_SERVED)
        try:
            made = self.member_client.create_member(self.pool_id, **wrong)
        except exceptions.RestClientException as refusal:
            self.assertIn("network", str(refusal))
        else:
            self.addCleanup(self.remove_member, made["id"])
            self.wait_for_member(made["id"], const.ERROR)
        self.wait_for_load_balancer()
        self.assert_answers_come_from(self.sriov)


class SriovMembersIPv6Test(SriovMembersTest):
    """The same over IPv6."""

    ip_version = 6
