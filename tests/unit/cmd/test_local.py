"""``sriov-provider local``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from sriov_provider.cmd import main
from sriov_provider.compute import drivers

ROOT = Path(__file__).resolve().parents[3]


class Driver:
    """Counts its starts."""

    def __init__(self) -> None:
        self.starts = 0

    def start(self) -> None:
        self.starts += 1


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(drivers, "build", lambda _conf, _cloud: made)
    return made


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> cfg.ConfigOpts:
    """The settings of this process, which other tests do not see."""
    fresh = cfg.ConfigOpts()
    fresh.register_opts([cfg.StrOpt("ovsdb_connection")], "os_vif_ovs")
    monkeypatch.setattr(cfg, "CONF", fresh)
    return fresh


def run(tmp_path: Path, name: str, *words: str) -> Any:
    path = tmp_path / "octavia.conf"
    switch = "[os_vif_ovs]\novsdb_connection = unix:/here\n"
    path.write_text(f"[sriov_provider]\ncompute_driver = {name}\n{switch}")
    return main.main(["--config-file", str(path), *words])


def test_amphorae_come_back(tmp_path: Path, driver: Driver, process: cfg.ConfigOpts) -> None:
    assert run(tmp_path, "local", "local", "restore") == 0
    assert driver.starts == 1
    assert process.os_vif_ovs.ovsdb_connection == "unix:/here", "os-vif reads it there"


def test_other_drivers_have_none_here(
    tmp_path: Path, driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "nova", "local", "restore") == 1
    assert driver.starts == 0 and "compute_driver is nova" in capsys.readouterr().err


def test_the_unit_waits_for_what_it_needs_and_ends_no_amphora() -> None:
    text = (ROOT / "etc/systemd/octavia-sriov-local.service").read_text()
    lines = [line.partition("=") for line in text.splitlines() if "=" in line]
    after = {name for key, _, names in lines if key == "After" for name in names.split()}
    assert after >= {"openvswitch-switch.service", "sriov_config.service"}
    # A command that fails takes all that is in the unit's control group with it.
    assert all(value.startswith("-") for key, _, value in lines if key == "ExecStart")
