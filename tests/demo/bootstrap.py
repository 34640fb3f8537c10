"""What an operator would have made before: users, endpoints, networks, images, flavors."""

from __future__ import annotations

import json
from typing import Any

from openstack import connection
from openstack.config import loader

from tests.demo.conf.common import DATA
from tests.demo.settings import (
    GUEST,
    MANAGEMENT_CIDR,
    MEMBERS_CIDR,
    MEMBERS_CIDR6,
    PASSWORD,
    PRIVATE_CIDR,
    PUBLIC_CIDR,
    PUBLIC_CIDR6,
    REGION,
    Settings,
    url,
)

ENDPOINTS = (
    ("neutron", "network", ""),
    ("nova", "compute", "/v2.1"),
    ("placement", "placement", ""),
    ("glance", "image", ""),
    ("octavia", "load-balancer", ""),
)
ROLES = ("observer", "global_observer", "member", "quota_admin", "admin")
IMAGES = (("amphora-sriov", "amphora"), ("amphora-stock", "amphora-stock"))
MANAGEMENT_PORTS = (22, 9443)


def connect(settings: Settings, cloud: str = "demo") -> Any:
    """A connection as the administrator, or as Octavia's own user."""
    files = [str(settings.etc / "clouds.yaml")]
    region = loader.OpenStackConfig(config_files=files).get_one(cloud=cloud)
    return connection.Connection(config=region)


def identity(cloud: Any, endpoints: tuple[tuple[str, str, str], ...] = ENDPOINTS) -> None:
    """Service users, roles, services and endpoints."""
    keystone = cloud.identity
    service = keystone.find_role("service") or keystone.create_role(name="service")
    admin = keystone.find_role("admin")
    for role in ROLES:
        keystone.create_role(name=f"load-balancer_{role}")
    project = keystone.create_project(name="service", domain_id="default")
    for name, kind, path in endpoints:
        user = keystone.create_user(
            name=name, password=PASSWORD, domain_id="default", default_project_id=project.id
        )
        for role in (admin, service):
            keystone.assign_project_role_to_user(project, user, role)
        entry = keystone.create_service(name=name, type=kind)
        for interface in ("public", "internal"):
            keystone.create_endpoint(
                service_id=entry.id, interface=interface, region_id=REGION, url=url(name, path)
            )


def network(neutron: Any, name: str, cidr: str, vlan: int | None, **more: Any) -> Any:
    """A network and its one subnet, of the same name."""
    if vlan:
        more.update(
            is_shared=True,
            provider_network_type="vlan",
            provider_physical_network="physnet1",
            provider_segmentation_id=vlan,
        )
    made = neutron.create_network(name=name, **more)
    subnet(neutron, made, name, cidr)
    return made


def subnet(neutron: Any, network: Any, name: str, cidr: str) -> None:
    """A subnet without DHCP."""
    neutron.create_subnet(
        name=name,
        network_id=network.id,
        cidr=cidr,
        ip_version=6 if ":" in cidr else 4,
        is_dhcp_enabled=False,
    )


def content(cloud: Any, octavia_user: Any) -> None:
    """Networks, security group, compute flavor and images; their ids go to ids.json.

    ``public`` and ``members`` are on the physical network of the PFs, ``private`` is not.
    """
    project = cloud.identity.find_project("service")
    management = network(cloud.network, "lb-mgmt-net", MANAGEMENT_CIDR, None, project_id=project.id)
    public = network(cloud.network, "public", PUBLIC_CIDR, 101)
    members = network(cloud.network, "members", MEMBERS_CIDR, 102)
    subnet(cloud.network, public, "public-ipv6", PUBLIC_CIDR6)
    subnet(cloud.network, members, "members-ipv6", MEMBERS_CIDR6)
    network(cloud.network, "private", PRIVATE_CIDR, None)
    group = octavia_user.network.create_security_group(name="lb-mgmt-sec-grp")
    for port in MANAGEMENT_PORTS:
        octavia_user.network.create_security_group_rule(
            security_group_id=group.id,
            direction="ingress",
            protocol="tcp",
            port_range_min=port,
            port_range_max=port,
        )
    flavor = cloud.compute.create_flavor(name="amphora", ram=256, vcpus=1, disk=1, is_public=False)
    for name, tag in IMAGES:
        image(octavia_user, name, tag)
    # what anybody may boot
    cloud.compute.create_flavor(name=GUEST, ram=64, vcpus=1, disk=1)
    image(cloud, GUEST, visibility="public")
    ids = {
        "management_network": management.id,
        "management_security_group": group.id,
        "compute_flavor": flavor.id,
        "service_project": project.id,
    }
    (DATA / "ids.json").write_text(json.dumps(ids))


def image(owner: Any, name: str, *tags: str, **more: Any) -> None:
    """An image in name only: the name tells the virt driver what it would bring."""
    made = owner.image.create_image(
        name=name, disk_format="raw", container_format="bare", data=b"\0" * 1024, **more
    )
    for tag in tags:
        owner.image.add_tag(made.id, tag)


def flavors(cloud: Any, settings: Settings, compute_flavor: str) -> None:
    """Octavia's flavors, in every run: a provider's schema may have changed."""
    wanted = {"stock": ("amphora", {"amp_image_tag": "amphora-stock"})}
    if settings.provider == "sriov":
        data = {
            "sriov_vip": True,
            "allow_member_sriov": True,
            "compute_flavor": compute_flavor,
            "loadbalancer_topology": settings.topology,
        }
        if settings.topology == "ACTIVE_STANDBY":
            data["anti_affinity"] = "strict"
        wanted["SRIOV-public-members"] = ("sriov", data)
    for name, (provider, data) in wanted.items():
        profile = cloud.load_balancer.create_flavor_profile(
            name=name, provider_name=provider, flavor_data=json.dumps(data)
        )
        cloud.load_balancer.create_flavor(name=name, flavor_profile_id=profile.id, is_enabled=True)
