"""What an operator would have made before, without what belongs to Nova and Glance."""

from __future__ import annotations

import json
from typing import Any

from tests.demo import bootstrap
from tests.demo.conf.common import DATA
from tests.demo.settings import MANAGEMENT_CIDR, MANAGEMENT_IP, MEMBERS_CIDR, PUBLIC_CIDR, Settings

SERVICES = ("neutron", "octavia")
FLAVOR = "SRIOV-public-members"


def identity(cloud: Any) -> None:
    """Users and endpoints of Neutron and Octavia."""
    kept = tuple(entry for entry in bootstrap.ENDPOINTS if entry[0] in SERVICES)
    bootstrap.identity(cloud, kept)


def content(cloud: Any, octavia_user: Any) -> None:
    """Networks, the security group of amphorae, and this host's port on their network."""
    project = cloud.identity.find_project("service")
    network = cloud.network
    management = bootstrap.network(
        network, "lb-mgmt-net", MANAGEMENT_CIDR, None, project_id=project.id
    )
    bootstrap.network(network, "public", PUBLIC_CIDR, 101)
    bootstrap.network(network, "members", MEMBERS_CIDR, 102)
    group = octavia_user.network.create_security_group(name="lb-mgmt-sec-grp")
    host = octavia_user.network.create_port(
        name="lb-mgmt-host",
        network_id=management.id,
        device_owner="octavia:health-mgr",
        fixed_ips=[{"ip_address": MANAGEMENT_IP}],
    )
    ids = {
        "management_network": management.id,
        "management_security_group": group.id,
        "service_project": project.id,
        "host_port": host.id,
    }
    (DATA / "ids.json").write_text(json.dumps(ids))


def flavors(cloud: Any, settings: Settings) -> None:
    """Octavia's flavor, in every run: the provider's schema may have changed."""
    data = {
        "sriov_vip": True,
        "allow_member_sriov": True,
        "loadbalancer_topology": settings.topology,
    }
    profile = cloud.load_balancer.create_flavor_profile(
        name=FLAVOR, provider_name="sriov", flavor_data=json.dumps(data)
    )
    cloud.load_balancer.create_flavor(name=FLAVOR, flavor_profile_id=profile.id, is_enabled=True)
