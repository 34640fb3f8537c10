from __future__ import annotations

from pathlib import Path

import pytest

from sriov_provider import config
from sriov_provider.cmd import dry_run
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Inventory


def test_without_a_driver_agent_there_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "octavia.conf"
    sockets = "".join(f"{n}_socket_path = {tmp_path}/{n}\n" for n in ("status", "stats", "get"))
    path.write_text(f"[driver_agent]\n{sockets}")
    with pytest.raises(ProviderError) as raised:
        dry_run.steps(config.parse([str(path)]), Sessions("sqlite://"), "lb", Inventory(None))
    assert raised.value.reason.code is Code.CLOUD_ERROR
    assert f"{tmp_path}/status" in raised.value.reason.operator
