"""Counters as the worker and a person read them."""

from __future__ import annotations

from amphora_agent_ext import schema
from amphora_agent_ext.totals import COUNTERS, Count, Totals
from tests.unit.amphora_agent_ext.bodies import body


def test_every_counter_and_every_listener_is_reported() -> None:
    totals = Totals({"drop_new": Count(3, 180)}, {("tcp", 80): Count(5, 300)})
    report = totals.report(schema.parse(body()))
    assert set(report["named"]) == set(COUNTERS)
    assert report["named"]["drop_new"] == {"packets": 3, "bytes": 180}
    assert report["named"]["drop_other"] == {"packets": 0, "bytes": 0}
    assert report["refused"] == {"a": {"packets": 5, "bytes": 300}}


def test_a_listener_that_is_gone_is_not_reported() -> None:
    totals = Totals(refused={("tcp", 81): Count(5, 300)})
    assert totals.report(schema.parse(body()))["refused"] == {"a": {"packets": 0, "bytes": 0}}
