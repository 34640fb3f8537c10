from __future__ import annotations

from typing import Any

import pytest

from amphora_agent_ext import totals
from sriov_provider.firewall import counts
from sriov_provider.firewall.counts import Count, Counters, ListenerCount


def test_both_forms_are_understood() -> None:
    ten = {"packets": 1, "bytes": 10}
    named = {"drop_new": Count(1, 10)}
    old = counts.parse({"named": {"drop_new": ten}, "refused": {"l": ten}})
    assert old == Counters(named, {"l": ListenerCount(None, Count(1, 10))})
    both = {"accepted": {"packets": 2, "bytes": 20}, "refused": ten}
    new = counts.parse({"named": {"drop_new": ten}, "listeners": {"l": both}})
    assert new == Counters(named, {"l": ListenerCount(Count(2, 20), Count(1, 10))})
    assert counts.parse({}) == Counters()
    assert counts.parse({"listeners": {"l": {}}}).listeners == {"l": ListenerCount()}


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"named": []},
        {"named": {"drop_new": 1}},
        {"named": {"drop_new": {"packets": "1"}}},
        {"named": {"drop_new": {"packets": -1}}},
        {"named": {"drop_new": {"bytes": True}}},
        {"listeners": {"l": []}},
        {1: {}},
    ],
    ids=str,
)
def test_anything_else_is_refused(told: Any) -> None:
    with pytest.raises(ValueError, match="is no"):
        counts.parse(told)


def test_what_is_let_through_is_no_drop() -> None:
    named = {"drop_new": Count(1, 10), "pass_neutron": Count(5, 50)}
    assert Counters(named).drops() == {"new": Count(1, 10)}


def test_every_counter_of_the_agent_has_a_meaning() -> None:
    told = [name for name in totals.COUNTERS if name.startswith("drop_")]
    assert {name: counts.meaning(name.removeprefix("drop_")) for name in told} == {
        name: totals.COUNTERS[name] for name in told
    }
    assert counts.meaning("of_a_newer_agent") == ""
