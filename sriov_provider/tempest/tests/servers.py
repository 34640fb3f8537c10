"""Servers behind a load balancer, and the networks they are on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tempest import config
from tempest import test as tempest_test
from tempest.common import waiters
from tempest.lib.common.utils import data_utils, test_utils

from sriov_provider.tempest.tests import webserver

CONF = config.CONF
Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Server:
    """A web server which answers with its name."""

    id: str
    name: str
    address: str
    subnet_id: str

    def member(self, **more: Any) -> Json:
        """It as a member, as the API wants it."""
        return {
            "name": self.name,
            "address": self.address,
            "protocol_port": CONF.sriov_load_balancer.server_port,
            "subnet_id": self.subnet_id,
            **more,
        }


class ServersMixin(tempest_test.BaseTestCase):
    """Makes what members need, in the project of the class; removed with the class."""

    # given by the class that uses it
    ip_version: int
    os_lb_member: Any

    @classmethod
    def option(cls, name: str) -> Any:
        """An option which there is once for each IP version."""
        return CONF.sriov_load_balancer[f"{name}_ipv{cls.ip_version}"]

    @classmethod
    def find_subnet(cls, wanted: str) -> Json:
        """A subnet by name or ID, as the project sees it."""
        client = cls.os_lb_member.subnets_client
        named = client.list_subnets(name=wanted)["subnets"]
        found: Json = named[0] if len(named) == 1 else client.show_subnet(wanted)["subnet"]
        return found

    @classmethod
    def create_subnet(cls) -> Json:
        """A network of the project with one subnet, without SR-IOV."""
        networks, subnets = cls.os_lb_member.networks_client, cls.os_lb_member.subnets_client
        name = data_utils.rand_name("members")
        network_id = networks.create_network(name=name)["network"]["id"]
        cls.later(networks.delete_network, network_id)
        subnet: Json = subnets.create_subnet(
            name=name,
            network_id=network_id,
            cidr=cls.option("project_cidr"),
            ip_version=cls.ip_version,
            # without a router nobody advertises; cloud-init takes the address from the metadata
            enable_dhcp=cls.ip_version == 4,
        )["subnet"]
        return subnet

    @classmethod
    def create_servers(cls, *places: tuple[Json, str]) -> list[Server]:
        """One server per place (subnet, ``vnic_type``), all booting at the same time."""
        group = cls.create_security_group()
        servers = [cls.boot_server(subnet, vnic_type, group) for subnet, vnic_type in places]
        for server in servers:
            waiters.wait_for_server_status(cls.os_lb_member.servers_client, server.id, "ACTIVE")
        return servers

    @classmethod
    def create_security_group(cls) -> str:
        """The id of a group which lets in what the servers serve."""
        groups = cls.os_lb_member.security_groups_client
        made = groups.create_security_group(name=data_utils.rand_name("members"))
        group_id = str(made["security_group"]["id"])
        cls.later(groups.delete_security_group, group_id)
        cls.os_lb_member.security_group_rules_client.create_security_group_rule(
            security_group_id=group_id,
            direction="ingress",
            ethertype=f"IPv{cls.ip_version}",
            protocol="tcp",
            port_range_min=CONF.sriov_load_balancer.server_port,
            port_range_max=CONF.sriov_load_balancer.server_port,
        )
        return group_id

    @classmethod
    def boot_server(cls, subnet: Json, vnic_type: str, group_id: str) -> Server:
        """Starts a server with one port; it is not yet there when this returns."""
        name = data_utils.rand_name("webserver")
        port = cls.os_lb_member.ports_client.create_port(
            name=name,
            network_id=subnet["network_id"],
            fixed_ips=[{"subnet_id": subnet["id"]}],
            security_groups=[group_id],
            **{"binding:vnic_type": vnic_type},
        )["port"]
        cls.later(cls.os_lb_member.ports_client.delete_port, port["id"])
        made = cls.os_lb_member.servers_client.create_server(
            **server_request(name), networks=[{"port": port["id"]}]
        )["server"]
        cls.later(cls.delete_server, made["id"])
        return Server(made["id"], name, port["fixed_ips"][0]["ip_address"], subnet["id"])

    @classmethod
    def delete_server(cls, server_id: str) -> None:
        """Deletes a server and waits until it is gone."""
        cls.os_lb_member.servers_client.delete_server(server_id)
        waiters.wait_for_server_termination(cls.os_lb_member.servers_client, server_id)

    @classmethod
    def later(cls, function: Any, *arguments: Any, **named: Any) -> None:
        """Calls a clean-up with the end of the class; what is gone already is fine."""
        cleanup = test_utils.call_and_ignore_notfound_exc
        cls.addClassResourceCleanup(cleanup, function, *arguments, **named)


def server_request(name: str) -> Json:
    """What a request for a server says but its networks."""
    options = CONF.sriov_load_balancer
    template = webserver.DEFAULT
    if options.user_data:
        template = Path(options.user_data).read_text()
    return {
        "name": name,
        "imageRef": options.server_image or CONF.compute.image_ref,
        "flavorRef": options.server_flavor or CONF.compute.flavor_ref,
        "config_drive": options.config_drive,
        "user_data": webserver.user_data(name, options.server_port, template),
    }


def names(servers: Iterable[Server]) -> set[str]:
    """What answers when all of these serve."""
    return {server.name for server in servers}
