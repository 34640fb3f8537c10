"""Keystone, Placement, Glance and Nova."""

from __future__ import annotations

import json

from tests.demo.conf.common import DATA, RABBIT, Section, authtoken, credentials, messaging
from tests.demo.settings import IP, PFS, PORTS, Settings, database_url, url

Sections = dict[str, Section]
VIRT_DRIVER = "demo.NamespaceDriver"
FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
    "PciPassthroughFilter",
    "AggregateInstanceExtraSpecsFilter",
)


def keystone(settings: Settings) -> Sections:
    """Fernet tokens; cheap password hashes, since the demo shows load balancers, not bcrypt."""
    return {
        "DEFAULT": {"log_file": settings.log / "keystone-app.log"},
        "database": {"connection": database_url("keystone")},
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": DATA / "fernet-keys"},
        "credential": {"key_repository": DATA / "credential-keys"},
        "cache": {
            "enabled": True,
            "backend": "dogpile.cache.pymemcache",
            "memcache_servers": f"{IP}:{PORTS['memcached']}",
        },
        "identity": {"password_hash_rounds": 4},
        "oslo_policy": {"enforce_scope": False},
    }


def placement(settings: Settings) -> Sections:
    """Placement."""
    return {
        "DEFAULT": {"log_file": settings.log / "placement-app.log"},
        "api": {"auth_strategy": "keystone"},
        "placement_database": {"connection": database_url("placement")},
        "keystone_authtoken": authtoken("placement"),
    }


def glance(settings: Settings) -> Sections:
    """Images in files."""
    return {
        "DEFAULT": {
            "log_file": settings.log / "glance-app.log",
            "enabled_backends": "demo:file",
            "transport_url": RABBIT,
        },
        "database": {"connection": database_url("glance")},
        "glance_store": {"default_backend": "demo"},
        "demo": {"filesystem_store_datadir": DATA / "images"},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": settings.venv / "etc/glance/glance-api-paste.ini",
        },
        "keystone_authtoken": authtoken("glance"),
        **messaging(),
    }


def nova(settings: Settings) -> Sections:
    """Nova; device_spec and the PCI filter are those of a cloud with real SR-IOV NICs."""
    return {
        "DEFAULT": {
            "transport_url": RABBIT,
            "log_file": settings.log / "nova-app.log",
            "state_path": DATA / "nova",
            "my_ip": IP,
            "compute_driver": VIRT_DRIVER,
            "osapi_compute_workers": 1,
            "vif_plugging_timeout": 0,
            "vif_plugging_is_fatal": False,
            "update_resources_interval": 30,
            "heal_instance_info_cache_interval": -1,
            "sync_power_state_interval": -1,
            "instance_usage_audit": False,
            "resume_guests_state_on_host_boot": False,
        },
        "api": {"auth_strategy": "keystone"},
        "api_database": {"connection": database_url("nova_api")},
        "database": {"connection": database_url("nova_cell1")},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": -1},
        "filter_scheduler": {
            "enabled_filters": ",".join(FILTERS),
            "track_instance_changes": False,
            # a host on which tests let servers fail is as good as another
            "build_failure_weight_multiplier": 0,
        },
        "pci": {
            "device_spec": device_spec(),
            "report_in_placement": False,
        },
        "glance": {"api_servers": url("glance")},
        "neutron": {**credentials("nova"), "service_metadata_proxy": False},
        "placement": credentials("placement"),
        "service_user": {**credentials("nova"), "send_service_user_token": True},
        "keystone_authtoken": authtoken("nova"),
        "quota": {"driver": "nova.quota.NoopQuotaDriver"},
        "vnc": {"enabled": False},
        "wsgi": {"api_paste_config": settings.etc / "nova/api-paste.ini"},
        **messaging(),
    }


def device_spec() -> str:
    """The VFs, not the PFs, of each physical network."""
    return json.dumps(
        [
            {
                "address": f"0000:{pf.bus}:*.*",
                "vendor_id": "15b3",
                "product_id": "1018",
                "physical_network": pf.physnet,
            }
            for pf in PFS
        ]
    )


def compute(settings: Settings, host: str) -> Sections:
    """One compute host: nova.conf without the databases, which it must not touch."""
    common = nova(settings)
    own: Section = {
        **common["DEFAULT"],
        "host": host,
        "log_file": settings.log / f"nova-{host}.log",
        "state_path": DATA / "nova" / host,
        "instances_path": DATA / "nova" / host / "instances",
    }
    kept = {name: content for name, content in common.items() if not name.endswith("database")}
    return {**kept, "DEFAULT": own}
