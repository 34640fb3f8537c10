"""Configuration files of the services, as dictionaries rendered to INI."""

from __future__ import annotations

import json

from tests.demo.conf import control, loadbalancer, network
from tests.demo.conf.common import DATA, ini
from tests.demo.settings import LIVE, PASSWORD, Settings, url


def identifiers() -> dict[str, str]:
    """Ids of the cloud's own objects, as bootstrap wrote them; empty before."""
    try:
        found: dict[str, str] = json.loads((DATA / "ids.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def write(settings: Settings) -> None:
    """Writes every configuration file of the cloud into the state directory."""
    for directory in ("lock", "home", "octavia", "amphorae", "hosts", "services", "agents"):
        (LIVE / directory).mkdir(parents=True, exist_ok=True)
    for directory in ("images", "neutron"):
        (DATA / directory).mkdir(parents=True, exist_ok=True)
    files = {
        "keystone/keystone.conf": control.keystone(settings),
        "placement/placement.conf": control.placement(settings),
        "glance/glance-api.conf": control.glance(settings),
        "neutron/neutron.conf": network.neutron(settings),
        "neutron/ml2_conf.ini": network.ml2(),
        "nova/nova.conf": control.nova(settings),
        "octavia/octavia.conf": loadbalancer.octavia(settings, identifiers()),
        "octavia/stock-health.conf": loadbalancer.stock_health(),
    }
    for host in settings.compute_hosts:
        files[f"nova/{host}.conf"] = control.compute(settings, host)
        (DATA / "nova" / host / "instances").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = settings.etc / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(ini(content))
    paste = settings.venv / "etc/nova/api-paste.ini"
    (settings.etc / "nova/api-paste.ini").write_text(paste.read_text())
    (settings.etc / "clouds.yaml").write_text(clouds())


def clouds() -> str:
    """clouds.yaml of the administrator (``demo``) and of Octavia's own user."""

    def cloud(user: str, project: str) -> dict[str, object]:
        return {
            "region_name": "RegionOne",
            "identity_api_version": 3,
            "auth": {
                "auth_url": url("keystone", "/v3"),
                "username": user,
                "password": PASSWORD,
                "project_name": project,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
        }

    # JSON is YAML
    return json.dumps(
        {"clouds": {"demo": cloud("admin", "admin"), "octavia": cloud("octavia", "service")}},
        indent=2,
    )
