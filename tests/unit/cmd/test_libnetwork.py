"""``sriov-provider libnetwork``."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriov_provider import config
from sriov_provider.cmd import libnetwork
from sriov_provider.portdriver.libnetwork.driver import RemoteDriver


def test_what_was_begun_before_is_undone_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered: list[RemoteDriver] = []
    monkeypatch.setattr(RemoteDriver, "recover", lambda driver: recovered.append(driver))
    path = tmp_path / "octavia.conf"
    path.write_text(f"[port_driver]\nstate_path = {tmp_path / 'ports'}\n")
    app = libnetwork.make_app(config.parse([str(path)]))
    assert len(recovered) == 1
    assert app.test_client().post("/Plugin.Activate").status_code == 200
