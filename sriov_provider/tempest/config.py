"""Options below ``[sriov_load_balancer]`` in tempest.conf.

Timeouts and intervals are those of ``[load_balancer]`` (octavia-tempest-plugin) and ``[compute]``.
"""

from __future__ import annotations

from oslo_config import cfg

group = cfg.OptGroup(name="sriov_load_balancer", title="Load balancers on SR-IOV ports")

LOAD_BALANCER = [
    cfg.StrOpt(
        "flavor",
        help="Name or ID of the Octavia flavor under test. Its data must say sriov_vip: true and "
        "allow_member_sriov: true. All tests are skipped without it.",
    ),
    cfg.StrOpt(
        "vip_vnic_type",
        default="direct",
        help="The vnic_type which the flavor gives to the amphora's port of the VIP.",
    ),
    cfg.StrOpt(
        "member_vnic_type",
        default="direct",
        help="The vnic_type which the flavor gives to the amphora's ports of members.",
    ),
    cfg.BoolOpt(
        "failover",
        default=True,
        help="Whether a failover may be tried: it takes as many VFs again as the load balancer "
        "has while both amphorae exist.",
    ),
]

NETWORKS = [
    cfg.StrOpt(
        "vip_subnet_ipv4",
        help="Name or ID of the IPv4 subnet of the VIPs, on a network with VFs which the tests' "
        "projects may use (shared). The host on which Tempest runs must reach the addresses of "
        "this network. IPv4 tests are skipped without it.",
    ),
    cfg.StrOpt("vip_subnet_ipv6", help="The same for IPv6, on the same network or another."),
    cfg.StrOpt(
        "member_subnet_ipv4",
        help="Name or ID of the IPv4 subnet on which the amphora reaches members through a VF, "
        "on another network than the VIP's. Tempest itself need not reach it. IPv4 tests are "
        "skipped without it.",
    ),
    cfg.StrOpt("member_subnet_ipv6", help="The same for IPv6, on the same network or another."),
    cfg.StrOpt(
        "project_cidr_ipv4",
        default="10.231.77.0/24",
        help="CIDR of a network which the tests make in their own project, for members that are "
        "reached through a normal port. It must overlap with no subnet named here.",
    ),
    cfg.StrOpt(
        "project_cidr_ipv6",
        default="fd5a:6b1f:9d2c:77::/64",
        help="The same for IPv6.",
    ),
    cfg.ListOpt(
        "client_addresses",
        default=[],
        help="Addresses from which requests of Tempest reach a VIP, for allowed_cidrs; needed "
        "where an address translation is between them. By default the address from which this "
        "host itself would send.",
    ),
]

SERVERS = [
    cfg.StrOpt(
        "server_image",
        help="Image of the servers behind the load balancer; [compute] image_ref by default. It "
        "must configure all its addresses and run its user data (cloud-init).",
    ),
    cfg.StrOpt(
        "server_flavor", help="ID of their compute flavor; [compute] flavor_ref by default."
    ),
    cfg.StrOpt(
        "server_vnic_type",
        default="normal",
        help="The vnic_type of their own ports on the VIP's and the members' network.",
    ),
    cfg.BoolOpt(
        "config_drive",
        default=False,
        help="Boot them with a configuration drive, where a network has no metadata service.",
    ),
    cfg.PortOpt("server_port", default=80, help="The TCP port on which they answer."),
    cfg.StrOpt(
        "user_data",
        help="File with user data which starts a web server that answers each GET with the name "
        "of the server and nothing else; @NAME@ and @PORT@ in it are replaced. The default is a "
        "shell script that needs python3 in the image.",
    ),
]

OPTIONS = [*LOAD_BALANCER, *NETWORKS, *SERVERS]
