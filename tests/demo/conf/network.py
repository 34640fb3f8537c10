"""Neutron: sriovnicswitch binds ports of vnic_type direct, openvswitch those of type normal."""

from __future__ import annotations

from tests.demo.conf.common import DATA, RABBIT, Section, authtoken, credentials, messaging
from tests.demo.settings import PHYSNETS, Settings, database_url

UNLIMITED = ("network", "subnet", "port", "router", "floatingip", "security_group")


def neutron(settings: Settings) -> dict[str, Section]:
    """The server's own file."""
    quotas = {f"quota_{name}": -1 for name in UNLIMITED}
    return {
        "DEFAULT": {
            "log_file": settings.log / "neutron-app.log",
            "core_plugin": "ml2",
            "service_plugins": "router,qos,segments",
            "transport_url": RABBIT,
            "auth_strategy": "keystone",
            "api_paste_config": settings.venv / "etc/neutron/api-paste.ini",
            "state_path": DATA / "neutron",
            "dhcp_agent_notification": False,
            "notify_nova_on_port_status_changes": False,
            "notify_nova_on_port_data_changes": False,
            "rpc_workers": 1,
            "rpc_state_report_workers": 0,
            "agent_down_time": 600,
            "global_physnet_mtu": 1500,
        },
        "database": {"connection": database_url("neutron")},
        "quotas": {"default_quota": -1, **quotas, "quota_security_group_rule": -1},
        "nova": credentials("nova"),
        "placement": credentials("placement"),
        "keystone_authtoken": authtoken("neutron"),
        **messaging(),
    }


def ml2() -> dict[str, Section]:
    """The core plugin's file."""
    return {
        "ml2": {
            "type_drivers": "flat,vlan,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "sriovnicswitch,openvswitch",
            "extension_drivers": "port_security,qos",
        },
        "ml2_type_vlan": {
            "network_vlan_ranges": ",".join(f"{physnet}:100:999" for physnet in PHYSNETS)
        },
        "ml2_type_vxlan": {"vni_ranges": "1:65000"},
        "securitygroup": {"enable_security_group": True},
    }
