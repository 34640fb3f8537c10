"""This host's clock beside that of a database, which may live in another time zone."""

from __future__ import annotations

import datetime

import pytest

from sriov_provider.cmd.checks import services
from sriov_provider.cmd.checks.model import Verdict
from sriov_provider.db.types import utcnow


@pytest.mark.parametrize("ahead", [0.0, 3.0, -40.0])
def test_it_is_compared(url: str, ahead: float, monkeypatch: pytest.MonkeyPatch) -> None:
    offset = datetime.timedelta(seconds=ahead)
    monkeypatch.setattr(services, "utcnow", lambda: utcnow() + offset)
    told = services._clock(url, 60)
    if url.startswith("sqlite"):
        assert (told.verdict, told.detail) == (Verdict.OK, "sqlite has no clock of its own")
        return
    assert told.verdict is {0.0: Verdict.OK, 3.0: Verdict.WARN, -40.0: Verdict.FAIL}[ahead]
