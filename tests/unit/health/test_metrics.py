"""What a health manager tells Prometheus, and its log."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from sriov_provider.health.counts import Counts
from sriov_provider.health.metrics import HealthMetrics
from sriov_provider.health.policy import Verdict
from sriov_provider.health.refused import Why


def test_everything_that_is_counted_is_told() -> None:
    counts = Counts()
    counts.refuse(Why.SIGNATURE)
    counts.refuse(Why.UNKNOWN, 3)
    counts.wrote(accepted=10, incomplete=1, seconds=0.5)
    counts.decided({Verdict.OUTAGE: 7}, placed=0)
    counts.decided({Verdict.FAIL_OVER: 2}, placed=2)
    registry = CollectorRegistry()
    registry.register(HealthMetrics(counts))
    lines = generate_latest(registry).decode().splitlines()
    for line in (
        "octavia_sriov_heartbeats_total 10.0",
        "octavia_sriov_heartbeats_incomplete_total 1.0",
        "octavia_sriov_heartbeat_write_seconds_total 0.5",
        "octavia_sriov_failovers_placed_total 2.0",
        'octavia_sriov_heartbeats_refused_total{reason="signature"} 1.0',
        'octavia_sriov_heartbeats_refused_total{reason="unknown-amphora"} 3.0',
        'octavia_sriov_heartbeats_refused_total{reason="replay"} 0.0',
        'octavia_sriov_silent_load_balancers{verdict="fail-over"} 2.0',
        'octavia_sriov_silent_load_balancers{verdict="outage"} 0.0',
    ):
        assert line in lines


def test_the_log_gets_what_is_new() -> None:
    counts = Counts()
    assert counts.news() == ""
    counts.refuse(Why.SIGNATURE, 2)
    counts.refuse(Why.REPLAY)
    assert counts.news() == "replay 1, signature 2"
    counts.refuse(Why.REPLAY)
    assert counts.news() == "replay 1"
    assert counts.news() == ""
