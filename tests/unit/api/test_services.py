from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from sriov_provider.api import services
from sriov_provider.db import migrate


@pytest.fixture
def octavia_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An octavia.conf as the running process has parsed it; the URL of its database."""
    url = f"sqlite:///{tmp_path}/provider.sqlite"
    path = tmp_path / "octavia.conf"
    path.write_text(
        "[DEFAULT]\ntransport_url = fake://\n"
        f"[sriov_provider]\ndatabase_connection = {url}\n"
        "[controller_worker]\nloadbalancer_topology = ACTIVE_STANDBY\n"
    )
    conf = cfg.ConfigOpts()
    conf(args=[], default_config_files=[str(path)], default_config_dirs=[])
    monkeypatch.setattr(services.cfg, "CONF", conf)
    return url


def test_the_process_shares_them(octavia_conf: str) -> None:
    made = services.shared()
    assert made.topology == "ACTIVE_STANDBY"
    assert services.shared() is made


def test_they_reach_the_configured_database(octavia_conf: str) -> None:
    migrate.upgrade(octavia_conf)
    store = services.shared().store
    assert store.find("nothing") is None
    assert store.vips("nothing") == ()
