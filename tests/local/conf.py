"""Configuration files: the demo's, without what is about Nova, Glance and Placement."""

from __future__ import annotations

from tests.demo import conf
from tests.demo.conf import control, loadbalancer, network
from tests.demo.conf.common import DATA, Section, ini
from tests.demo.settings import LIVE, Settings
from tests.local.settings import FLAVOR, STATE

DIRECTORIES = ("lock", "home", "octavia", "services", "agents")


def write(settings: Settings) -> None:
    """Writes every file into the state directory."""
    for directory in DIRECTORIES:
        (LIVE / directory).mkdir(parents=True, exist_ok=True)
    (DATA / "neutron").mkdir(parents=True, exist_ok=True)
    files = {
        "keystone/keystone.conf": control.keystone(settings),
        "neutron/neutron.conf": neutron(settings),
        "neutron/ml2_conf.ini": network.ml2(),
        "octavia/octavia.conf": octavia(settings, conf.identifiers()),
    }
    for name, content in files.items():
        target = settings.etc / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(ini(content))
    (settings.etc / "clouds.yaml").write_text(conf.clouds())


def neutron(settings: Settings) -> dict[str, Section]:
    """No routers and no segments: their plugins ask Nova and Placement."""
    whole = network.neutron(settings)
    kept = {name: content for name, content in whole.items() if name not in ("nova", "placement")}
    return {**kept, "DEFAULT": {**whole["DEFAULT"], "service_plugins": "qos"}}


def octavia(settings: Settings, ids: dict[str, str]) -> dict[str, Section]:
    """This provider alone, its worker in the driver-agent."""
    whole = loadbalancer.octavia(settings, ids)
    ours = {
        **whole["sriov_provider"],
        "compute_driver": "local",
        # Neutron may come up later than the worker.
        "poll_interval": 1,
    }
    return {
        **whole,
        "api_settings": {
            **whole["api_settings"],
            "enabled_provider_drivers": loadbalancer.OURS,
            "default_provider_driver": "sriov",
        },
        "controller_worker": {
            **whole["controller_worker"],
            "amp_flavor_id": FLAVOR,
            "amp_image_tag": "",
        },
        # nobody is to be replaced while the machine is busy
        "health_manager": {**whole["health_manager"], "heartbeat_timeout": 60},
        "sriov_provider": ours,
        "local_compute": {
            "state_path": STATE / "amphorae",
            "flavors": f"{FLAVOR}:256:1:200",
            "management_port": ids.get("host_port", ""),
        },
        "port_driver": {"state_path": STATE / "ports", "standin": True},
    }
