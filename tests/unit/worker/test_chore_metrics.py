from __future__ import annotations

import datetime

import prometheus_client
import pytest

from sriov_provider.db.chores import Result
from sriov_provider.worker.chore_metrics import ChoreMetrics
from tests.fakes import errors

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
SWEPT = Result(
    NOW - datetime.timedelta(seconds=90),
    {"leaked": {"port": 2, "server": 1}, "deleted": {"port": 2}, "missing": {}},
)
LOOKED = Result(NOW, {"nothing": 5, "refresh": 1})


def scraped(results: dict[str, Result]) -> list[str]:
    registry = prometheus_client.CollectorRegistry()
    registry.register(ChoreMetrics(lambda: results, 5.0, lambda: NOW))
    text = prometheus_client.generate_latest(registry).decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [line.removeprefix("octavia_sriov_") for line in lines]


def test_what_was_found() -> None:
    assert scraped({"sweep": SWEPT, "servers": LOOKED}) == [
        'housekeeping_age_seconds{chore="servers"} 0.0',
        'housekeeping_age_seconds{chore="sweep"} 90.0',
        'sweep_leaked{kind="port"} 2.0',
        'sweep_leaked{kind="security-group"} 0.0',
        'sweep_leaked{kind="server"} 1.0',
        'sweep_leaked{kind="server-group"} 0.0',
        'sweep_deleted{kind="port"} 2.0',
        *(f'sweep_deleted{{kind="{kind}"}} 0.0' for kind in ("security-group", "server")),
        'sweep_deleted{kind="server-group"} 0.0',
        *(f'sweep_missing{{kind="{kind}"}} 0.0' for kind in ("port", "security-group", "server")),
        'sweep_missing{kind="server-group"} 0.0',
        'servers{what="nothing"} 5.0',
        'servers{what="refresh"} 1.0',
    ]


def test_what_was_never_done_is_left_out() -> None:
    assert scraped({}) == []


def test_a_database_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    def away() -> dict[str, Result]:
        raise errors.timeout()

    (family,) = ChoreMetrics(away, 5.0).collect()
    assert family.samples == []
    assert "incomplete" in caplog.text
