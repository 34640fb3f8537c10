"""Octavia: the stock ``amphora`` provider and ours side by side in one octavia.conf."""

from __future__ import annotations

from tests.demo.conf.common import DATA, RABBIT, Section, authtoken, credentials, messaging
from tests.demo.settings import (
    HEARTBEAT_PORT,
    HEARTBEAT_TIMEOUT,
    IP,
    LIVE,
    MANAGEMENT_IP,
    PASSWORD,
    PORTS,
    Settings,
    database_url,
    url,
)

STOCK = "amphora:The Octavia Amphora driver,octavia:Deprecated alias of amphora"
OURS = "sriov:Amphora load balancers on SR-IOV Virtual Functions"
CERTS = DATA / "certs"
QUOTAS = (
    "load_balancer",
    "listener",
    "member",
    "pool",
    "health_monitor",
    "l7policy",
    "l7rule",
)


def octavia(settings: Settings, ids: dict[str, str]) -> dict[str, Section]:
    """The one file that API, workers, health manager and driver agent read."""
    sections: dict[str, Section] = {
        "DEFAULT": {"transport_url": RABBIT, "log_dir": settings.log},
        "api_settings": api(settings),
        "database": {"connection": database_url("octavia")},
        "service_auth": {
            **credentials("octavia"),
            "memcached_servers": f"{IP}:{PORTS['memcached']}",
        },
        "neutron": credentials("octavia"),
        "nova": {"enable_anti_affinity": False},
        "oslo_messaging": {"rpc_thread_pool_size": 2},
        "quotas": {f"default_{name}_quota": -1 for name in QUOTAS},
        "controller_worker": controller_worker(settings, ids),
        "networking": {"port_detach_timeout": 60},
        **amphorae(),
        "driver_agent": driver_agent(settings),
        "task_flow": {
            "persistence_connection": database_url("octavia_persistence"),
            "jobboard_enabled": False,
        },
        "cache": {"enabled": False},
        "audit": {"enabled": False},
        "keystone_authtoken": authtoken("octavia"),
        **messaging(),
    }
    if settings.provider == "sriov":
        sections["sriov_provider"] = ours()
    return sections


def api(settings: Settings) -> Section:
    """[api_settings]; a flavor names its provider, so the default may stay the stock one."""
    ours = f",{OURS}" if settings.provider == "sriov" else ""
    return {
        "bind_host": IP,
        "bind_port": PORTS["octavia"],
        "api_base_uri": url("octavia"),
        "auth_strategy": "keystone",
        "enabled_provider_drivers": STOCK + ours,
        "default_provider_driver": "amphora",
        "allow_tls_terminated_listeners": True,
        "allow_ping_health_monitors": True,
    }


def controller_worker(settings: Settings, ids: dict[str, str]) -> Section:
    """[controller_worker]: what an amphora is made of."""
    return {
        "workers": 1,
        "amphora_driver": "amphora_haproxy_rest_driver",
        "compute_driver": "compute_nova_driver",
        "network_driver": "allowed_address_pairs_driver",
        "image_driver": "image_glance_driver",
        "volume_driver": "volume_noop_driver",
        "amp_boot_network_list": ids.get("management_network", ""),
        "amp_secgroup_list": ids.get("management_security_group", ""),
        "amp_flavor_id": ids.get("compute_flavor", ""),
        "amp_image_tag": "amphora",
        "amp_image_owner_id": ids.get("service_project", ""),
        "amp_ssh_key_name": "",
        "loadbalancer_topology": settings.topology,
        "amp_active_retries": 60,
        "amp_active_wait_sec": 1,
        "client_ca": CERTS / "client_ca.pem",
    }


def amphorae() -> dict[str, Section]:
    """How the controllers reach the amphorae, and the certificates between them."""
    return {
        "haproxy_amphora": {
            "client_cert": CERTS / "client.pem",
            "server_ca": CERTS / "server_ca.pem",
            "connection_max_retries": 120,
            "connection_retry_interval": 1,
            # two files per connection, and a container may not raise the limit of files
            "default_connection_limit": 2000,
        },
        "certificates": {
            "cert_generator": "local_cert_generator",
            "cert_manager": "local_cert_manager",
            # NAME.crt and NAME.key here are what --default-tls-container-ref NAME means
            "storage_path": LIVE / "tls",
            "ca_certificate": CERTS / "server_ca.pem",
            "ca_private_key": CERTS / "server_ca.key",
            "ca_private_key_passphrase": PASSWORD,
            # 32 characters
            "server_certs_key_passphrase": "demo-passphrase-of-32-characters",
        },
        "health_manager": {
            "bind_ip": MANAGEMENT_IP,
            "bind_port": 5555,
            "controller_ip_port_list": f"{MANAGEMENT_IP}:5555",
            "heartbeat_key": PASSWORD,
            "heartbeat_interval": 3,
            "heartbeat_timeout": HEARTBEAT_TIMEOUT,
            "health_check_interval": 3,
            "health_update_threads": 1,
            "stats_update_threads": 1,
            "failover_threads": 1,
        },
        "house_keeping": {"cleanup_interval": 60, "amphora_expiry_age": 60},
    }


def stock_health() -> dict[str, Section]:
    """For the stock health manager alone: on a busy machine nobody waits for what it would do."""
    return {"health_manager": {"heartbeat_timeout": 120}}


def driver_agent(settings: Settings) -> Section:
    """[driver_agent]: its sockets, and our worker inside it."""
    sockets = {f"{name}_socket_path": LIVE / f"octavia/{name}.sock" for name in ("status", "stats")}
    agents = {"enabled_provider_agents": "sriov"} if settings.provider == "sriov" else {}
    return {**sockets, "get_socket_path": LIVE / "octavia/get.sock", **agents}


def ours() -> Section:
    """[sriov_provider]; what fails is tried again sooner than by default, for impatient people.

    The worker in the driver-agent hears heartbeats, beside the stock health manager.
    """
    return {
        "database_connection": database_url("sriov_provider"),
        "retry_interval": 2,
        "heartbeat_bind": f"{MANAGEMENT_IP}:{HEARTBEAT_PORT}",
        "heartbeat_controllers": f"{MANAGEMENT_IP}:{HEARTBEAT_PORT}",
    }
