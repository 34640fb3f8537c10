"""Heartbeats as agents say them, and as they must not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.health import message
from sriov_provider.health.message import Counted
from sriov_provider.health.refused import RefusedError, Why
from tests.unit.health.beats import NOW, said, stats

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
)


def why(told: Any) -> Why:
    with pytest.raises(RefusedError) as refused:
        message.parse(json.dumps(told).encode(), NOW)
    return refused.value.why


def test_all_that_is_said_is_understood() -> None:
    told = said(sequence=7, stats=stats(rx=1, tx=2, totconns=3, ereq=4, conns=5), firewall="digest")
    beat = message.parse(json.dumps(told).encode(), NOW)
    assert (beat.amphora_id, beat.sequence, beat.received_at) == ("amp", 7, NOW)
    assert beat.counted == {"listener": Counted(1, 2, 3, 4, 5)}
    assert beat.observed["members"] == {"member": "ONLINE"}
    assert beat.firewall == "digest"


def test_a_pool_of_lvs_has_its_own_name() -> None:
    told = said(pools={"pool": {"uuid": "pool", "status": "UP", "members": {}}})
    assert message.parse(json.dumps(told).encode(), NOW).observed["pools"] == {"pool": "ONLINE"}


@pytest.mark.parametrize("version", [0, 1, 2])
def test_absolute_numbers_are_refused(version: int) -> None:
    assert why(said(ver=version)) is Why.VERSION


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "x" * 37},
        {"id": "a\0b"},
        {"id": "\ud800"},
        {"id": 7},
        {"seq": -1},
        {"seq": True},
        {"seq": 2**63},
        {"seq": 1.5},
        {"listeners": []},
        {"listeners": {"listener": {"status": "OPEN"}}},
        {"listeners": {"listener": {"status": None, "stats": stats()}}},
        {"listeners": {"listener": {"status": "OPEN", "stats": stats(rx=-1)}}},
        {"pools": None},
        {"pools": {"pool:listener": {"status": "UP"}}},
        {"pools": {"pool:listener": {"status": "UP", "members": {"member": 1}}}},
        {"pools": {":listener": {"status": "UP", "members": {}}}},
        {"ver": "3"},
    ],
    ids=str,
)
def test_what_is_no_heartbeat_is_refused(wrong: dict[str, Any]) -> None:
    assert why(said() | wrong) is Why.MALFORMED


@pytest.mark.parametrize("name", ["id", "seq", "ver", "listeners", "pools"])
def test_nothing_may_be_left_out(name: str) -> None:
    told = said()
    del told[name]
    assert why(told) is Why.MALFORMED


@given(st.dictionaries(st.sampled_from(["id", "seq", "listeners", "pools"]), ANYTHING))
def test_nonsense_never_gets_further(nonsense: dict[str, Any]) -> None:
    try:
        beat = message.parse(json.dumps(said() | nonsense).encode(), NOW)
    except RefusedError as refused:
        assert refused.why is Why.MALFORMED
        return
    assert beat.amphora_id == {**said(), **nonsense}["id"]


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"1"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        message.parse(text, NOW)
    assert refused.value.why is Why.MALFORMED


def test_counts_add_up_but_for_connections_now() -> None:
    assert Counted(1, 2, 3, 4, 5) + Counted(10, 20, 30, 40, 0) == Counted(11, 22, 33, 44, 0)
    assert Counted().idle
    assert not Counted(active=1).idle
