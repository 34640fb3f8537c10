"""When an amphora is looked at, and what is a drift."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.amphora.base import FirewallState
from sriov_provider.worker import drift

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("recorded", "state", "differs"),
    [
        ("a", FirewallState("a"), False),
        ("a", FirewallState("a", table="t"), False),
        ("a", FirewallState("b"), True),
        ("a", FirewallState(""), True),
        ("a", FirewallState("a", drifted=True), True),
        (None, FirewallState("a"), True),
        (None, FirewallState(""), True),
        ("", FirewallState(""), True),
    ],
    ids=str,
)
def test_what_is_a_drift(recorded: str | None, state: FirewallState, differs: bool) -> None:
    assert drift.differs(recorded, state) is differs


def test_only_an_interface_the_agent_looked_for_in_vain_is_missing() -> None:
    state = FirewallState("a", interfaces={"FA:1": None, "fa:2": "eth1", "fa:9": None})
    assert drift.missing(("fa:1", "fa:2", "fa:3"), state) == ("fa:1",)


@given(st.floats(0.1, 3600.0), st.integers(0, 100_000), st.floats(0.0, 1.0, exclude_max=True))
def test_each_failure_doubles_the_wait_up_to_a_limit(
    interval: float, failures: int, spread: float
) -> None:
    def wait(n: int) -> float:
        return (drift.next_look(NOW, interval, n, spread) - NOW).total_seconds()

    assert interval * 0.74 < wait(0) < interval
    assert wait(failures) <= wait(failures + 1) <= max(interval, drift.LONGEST)
    if interval * 2 ** min(failures + 1, 40) <= drift.LONGEST:
        assert wait(failures + 1) == pytest.approx(2 * wait(failures), abs=1e-5)


def test_looks_are_spread() -> None:
    early, late = (drift.next_look(NOW, 10.0, 0, spread) for spread in (0.0, 1.0))
    assert (late - early).total_seconds() >= 1.0
