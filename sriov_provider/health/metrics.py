"""What a health manager has heard and decided, for Prometheus. Imported only by a process that is
told to serve metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sriov_provider.health.counts import Counts

PREFIX = "octavia_sriov_"


class HealthMetrics(Collector):
    """Of this process alone."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, as the other collectors."""
        return []

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        counts = self._counts
        for name, text, value in (
            ("heartbeats", "Heartbeats written to the database.", counts.accepted),
            (
                "heartbeats_incomplete",
                "Heartbeats of amphorae that do not serve all their listeners.",
                counts.incomplete,
            ),
            ("heartbeat_write_seconds", "Spent writing heartbeats.", counts.write_seconds),
            ("failovers_placed", "Failovers placed for silent amphorae.", counts.failovers),
        ):
            yield CounterMetricFamily(PREFIX + name, text, value=float(value))
        text = "Heartbeats that were not taken, by reason."
        refused = CounterMetricFamily(f"{PREFIX}heartbeats_refused", text, labels=("reason",))
        for why, number in counts.refused.items():
            refused.add_metric((why.value,), float(number))
        yield refused
        text = "Load balancers with amphorae that are silent, by what is done about them."
        silent = GaugeMetricFamily(f"{PREFIX}silent_load_balancers", text, labels=("verdict",))
        for verdict, number in counts.verdicts.items():
            silent.add_metric((verdict.value,), float(number))
        yield silent
