"""What the workers' housekeeping has found, as metrics for Prometheus. All workers tell the same.
Imported only by a worker that is told to serve them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sriov_provider.db.chores import Result
from sriov_provider.db.types import utcnow
from sriov_provider.metrics import Latest, family
from sriov_provider.sweep.model import Kind
from sriov_provider.worker.housekeeping import SERVERS, SWEEP

# Seconds a scrape waits for the database.
_PATIENCE = 4.0


class ChoreMetrics(Collector):
    """Reads the database when it is scraped."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, Result]],
        patience: float = _PATIENCE,
        now: Callable[[], datetime.datetime] = utcnow,
    ) -> None:
        """:param read: what each chore has found last, by name"""
        self._results = Latest(read, max_age=0.0, expires=patience)
        self._patience = patience
        self._now = now

    def describe(self) -> list[Any]:
        """Nothing, so that registering asks nobody."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        results = self._results.get(self._patience) or {}
        yield family(
            "housekeeping_age_seconds",
            "Since housekeeping was done last.",
            ("chore",),
            {(name,): (self._now() - r.ended_at).total_seconds() for name, r in results.items()},
        )
        if sweep := results.get(SWEEP):
            yield from _sweep(sweep.found)
        if servers := results.get(SERVERS):
            counts = {(what,): number for what, number in servers.found.items()}
            text = "Amphorae by what was done about their servers."
            yield family("servers", text, ("what",), counts)


def _sweep(found: Mapping[str, Any]) -> Iterator[GaugeMetricFamily]:
    for name, text in (
        ("leaked", "Things left behind that the last sweep found."),
        ("deleted", "Those of them that it deleted."),
        ("missing", "Things on record that it did not find."),
    ):
        counts = {(kind.value,): found.get(name, {}).get(kind.value, 0) for kind in Kind}
        yield family(f"sweep_{name}", text, ("kind",), counts)
