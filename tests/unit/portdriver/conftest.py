"""A host with one PF of two VFs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriov_provider.portdriver import vf
from tests.unit.portdriver.stage import Host, host


@pytest.fixture
def one(tmp_path: Path) -> Host:
    made = host(tmp_path)
    for name in ("amphora", "other"):
        made.igb.add_namespace(name)
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come does not come soon."""
    monkeypatch.setattr(vf, "APPEAR_TIMEOUT", 0.2)
