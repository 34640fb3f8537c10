from __future__ import annotations

from pathlib import Path

import pytest
from octavia_lib.api.drivers import exceptions
from oslo_config import cfg

from sriov_provider.api import services
from sriov_provider.db import migrate
from sriov_provider.records import Inventory


def _running_with(path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(text)
    conf = cfg.ConfigOpts()
    conf(args=[], default_config_files=[str(path)], default_config_dirs=[])
    monkeypatch.setattr(services.cfg, "CONF", conf)


@pytest.fixture
def octavia_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An octavia.conf as the running process has parsed it; the URL of its database."""
    url = f"sqlite:///{tmp_path}/provider.sqlite"
    text = (
        "[DEFAULT]\ntransport_url = fake://\n"
        f"[sriov_provider]\ndatabase_connection = {url}\n"
        "[controller_worker]\nloadbalancer_topology = ACTIVE_STANDBY\n"
    )
    _running_with(tmp_path / "octavia.conf", text, monkeypatch)
    return url


def test_the_process_shares_them(octavia_conf: str) -> None:
    made = services.shared()
    assert made.topology == "ACTIVE_STANDBY"
    assert services.shared() is made


def test_they_reach_the_configured_database(octavia_conf: str) -> None:
    migrate.upgrade(octavia_conf)
    store = services.shared().store
    assert store.find("nothing") is None
    assert store.inventory("nothing") == Inventory(None)


def test_settings_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "octavia.conf"
    _running_with(path, "[sriov_provider]\nworker_threads = many\n", monkeypatch)
    with pytest.raises(exceptions.DriverError) as caught:
        services.shared()
    assert str(path) in caught.value.operator_fault_string
    assert "many" in caught.value.operator_fault_string
