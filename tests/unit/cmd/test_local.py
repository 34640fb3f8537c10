"""``sriov-provider local``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sriov_provider.cmd import main
from sriov_provider.compute import drivers


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


def run(tmp_path: Path, name: str, *words: str) -> Any:
    path = tmp_path / "octavia.conf"
    path.write_text(f"[sriov_provider]\ncompute_driver = {name}\n")
    return main.main(["--config-file", str(path), *words])


def test_amphorae_come_back(tmp_path: Path, driver: Driver) -> None:
    assert run(tmp_path, "local", "local", "restore") == 0
    assert driver.starts == 1


def test_other_drivers_have_none_here(
    tmp_path: Path, driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "nova", "local", "restore") == 1
    assert driver.starts == 0 and "compute_driver is nova" in capsys.readouterr().err
