"""Base of all scenarios: one flavor, one IP version, one load balancer per class."""

from __future__ import annotations

from octavia_tempest_plugin.common import constants as const
from octavia_tempest_plugin.tests import waiters
from tempest import config
from tempest.lib import exceptions
from tempest.lib.common.utils import data_utils

from sriov_provider.tempest.tests import servers, traffic
from sriov_provider.tempest.tests.servers import Json

CONF = config.CONF
LISTENER_PORT = 80
UNBOUND = ("binding_failed", "unbound", "")


def member_roles() -> list[str]:
    """The roles of a user of load balancers, by the policies the cloud has."""
    if CONF.load_balancer.RBAC_test_type == const.KEYSTONE_DEFAULT_ROLES:
        return ["member"]
    return [CONF.load_balancer.member_role, "member"]


class SriovScenarioTest(servers.ServersMixin, traffic.TrafficMixin):
    """A load balancer of the class, with what is needed to look at it from outside and inside."""

    ip_version = 4
    credentials = ["admin", ["lb_member", *member_roles()]]

    lb: Json
    listener_id: str
    pool_id: str

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        available = CONF.service_available
        for service in ("load_balancer", "neutron", "nova"):
            if not available[service]:
                raise cls.skipException(f"{service} is not available")
        if not CONF.sriov_load_balancer.flavor:
            raise cls.skipException("[sriov_load_balancer] flavor is not set")
        for name in ("vip_subnet", "member_subnet"):
            if not cls.option(name):
                raise cls.skipException(
                    f"[sriov_load_balancer] {name}_ipv{cls.ip_version} is not set"
                )

    @classmethod
    def setup_credentials(cls) -> None:
        # the networks are those of the configuration
        cls.set_network_resources()
        super().setup_credentials()

    @classmethod
    def setup_clients(cls) -> None:
        super().setup_clients()
        cls.os_lb_member = cls.os_roles_lb_member
        clients = cls.os_lb_member.load_balancer_v2
        cls.lb_client = clients.LoadbalancerClient()
        cls.listener_client = clients.ListenerClient()
        cls.pool_client = clients.PoolClient()
        cls.flavor_client = clients.FlavorClient()
        cls.member_client = cls.os_lb_member.sriov_load_balancer_v2.MemberClient()
        cls.admin_lb_client = cls.os_admin.load_balancer_v2.LoadbalancerClient()

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        cls.vip_subnet = cls.find_subnet(cls.option("vip_subnet"))
        cls.member_subnet = cls.find_subnet(cls.option("member_subnet"))

    @classmethod
    def flavor_id(cls) -> str:
        """The flavor under test, named or by ID."""
        wanted = CONF.sriov_load_balancer.flavor
        for flavor in cls.flavor_client.list_flavors():
            if wanted in (flavor["id"], flavor["name"]):
                return str(flavor["id"])
        raise exceptions.InvalidConfiguration(f"[sriov_load_balancer] flavor: there is no {wanted}")

    @classmethod
    def create_load_balancer(cls, *members: Json) -> None:
        """The load balancer of the class: a listener, its pool and members, in one request."""
        pool = {
            "name": data_utils.rand_name("pool"),
            "protocol": const.HTTP,
            "lb_algorithm": const.LB_ALGORITHM_ROUND_ROBIN,
            "members": list(members),
        }
        listener = {
            "name": data_utils.rand_name("listener"),
            "protocol": const.HTTP,
            "protocol_port": LISTENER_PORT,
            "default_pool": pool,
        }
        made = cls.lb_client.create_loadbalancer(
            name=data_utils.rand_name("sriov"),
            flavor_id=cls.flavor_id(),
            vip_subnet_id=cls.vip_subnet["id"],
            listeners=[listener],
        )
        cls.addClassResourceCleanup(cls.lb_client.cleanup_loadbalancer, made["id"], cascade=True)
        cls.lb = made
        cls.lb = cls.wait_for_load_balancer()
        cls.listener_id = cls.lb["listeners"][0]["id"]
        cls.pool_id = cls.lb["pools"][0]["id"]

    @classmethod
    def wait_for_load_balancer(cls) -> Json:
        """The load balancer once it is ACTIVE; ERROR raises."""
        found: Json = waiters.wait_for_status(
            cls.lb_client.show_loadbalancer,
            cls.lb["id"],
            const.PROVISIONING_STATUS,
            const.ACTIVE,
            CONF.load_balancer.lb_build_interval,
            CONF.load_balancer.lb_build_timeout,
        )
        return found

    def vip_port(self) -> Json:
        """The amphora's port with the VIP, as the administrator sees it."""
        vip = self.lb["vip_address"]
        ports = self.os_admin.ports_client.list_ports(network_id=self.lb["vip_network_id"])
        found: list[Json] = [
            port
            for port in ports["ports"]
            for pair in port["allowed_address_pairs"]
            if pair["ip_address"].split("/")[0] == vip and port["device_id"]
        ]
        self.assertEqual(1, len(found), f"ports which may use {vip}: {found}")
        return found[0]

    def amphora_port(self, network_id: str) -> Json:
        """The port of the same amphora on another network."""
        ports: list[Json] = self.os_admin.ports_client.list_ports(
            network_id=network_id, device_id=self.vip_port()["device_id"]
        )["ports"]
        self.assertEqual(1, len(ports), f"ports of the amphora on network {network_id}: {ports}")
        return ports[0]

    def assert_takes_vf(self, port: Json, vnic_type: str) -> None:
        """A port of this kind, bound to a host, with a PCI device that Nova has claimed."""
        self.assertEqual(vnic_type, port["binding:vnic_type"])
        self.assertNotIn(port["binding:vif_type"], UNBOUND)
        self.assertTrue(port["binding:host_id"])
        self.assertTrue(port["binding:profile"].get("pci_slot"), f"no PCI device: {port}")

    def assert_answers_come_from(self, *answering: servers.Server) -> None:
        """Requests to the VIP are answered by these servers in turn."""
        self.assert_answered_by(self.lb["vip_address"], LISTENER_PORT, servers.names(answering))
