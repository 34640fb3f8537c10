"""The health manager when its database is slow or away."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sriov_provider.config_health import Health
from sriov_provider.db.engine import Sessions
from sriov_provider.health import manager
from sriov_provider.health.counts import Counts
from sriov_provider.health.manager import HealthManager
from sriov_provider.health.refused import Why
from sriov_provider.health.writer import Written


class Stop(threading.Event):
    """Set after so many looks at it."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def wait(self, timeout: float | None = None) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.fixture
def made(tmp_path: Path) -> HealthManager:
    """One whose database has no tables."""
    sessions = Sessions(f"sqlite:///{tmp_path}/empty.sqlite")
    return HealthManager(sessions, Health(key="key", timeout=40.0), Counts())


def test_without_a_database_nobody_is_declared_dead(
    made: HealthManager, caplog: pytest.LogCaptureFixture
) -> None:
    before = made._failovers._listening_since
    made._keep_checking(Stop(2))
    assert caplog.text.count("are not looked for") == 2
    assert made._failovers._listening_since > before


@pytest.mark.parametrize(("seconds", "interrupted"), [(9.0, False), (11.0, True)])
def test_a_slow_database_may_lose_heartbeats(
    made: HealthManager, monkeypatch: pytest.MonkeyPatch, seconds: float, interrupted: bool
) -> None:
    clock = iter([0.0, seconds])
    monkeypatch.setattr(manager.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(made.receiver, "take", lambda: [object()])
    monkeypatch.setattr(made._writer, "write", lambda _beats: Written(accepted=1))
    before = made._failovers._listening_since
    made.write()
    assert (made._failovers._listening_since > before) is interrupted


@pytest.mark.parametrize(("seconds", "interrupted"), [(12.0, False), (14.0, True)])
def test_a_process_that_stood_still_has_heard_nothing(
    made: HealthManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    seconds: float,
    interrupted: bool,
) -> None:
    clock = iter([0.0, 3.0, 3.0 + seconds])
    monkeypatch.setattr(manager.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(made._failovers, "check", tuple)
    before = made._failovers._listening_since
    made._keep_checking(Stop(2))
    assert (made._failovers._listening_since > before) is interrupted
    assert ("stood still for 11 s" in caplog.text) is interrupted


def test_refusals_are_told_once_a_minute(
    made: HealthManager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = made._told_at
    monkeypatch.setattr(manager.time, "monotonic", lambda: now)
    for seconds, lines in ((1.0, 0), (58.0, 0), (2.0, 1), (30.0, 1), (31.0, 2)):
        now += seconds
        for _ in range(1000):
            made._counts.refuse(Why.SIGNATURE)
        made._keep_writing(Stop(1))
        assert caplog.text.count("Heartbeats refused") == lines
    assert "signature 3000" in caplog.text
    assert "signature 2000" in caplog.text
