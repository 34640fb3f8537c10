"""Replays, restarts, and what amphorae lack."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.health import judge
from sriov_provider.health.judge import Expected, Known, Restart
from sriov_provider.health.message import Counted
from sriov_provider.health.pending import Pending
from sriov_provider.health.refused import RefusedError, Why
from tests.unit.health.beats import NOW, beat, stats

RESTART = Restart(datetime.timedelta(seconds=30), datetime.timedelta(seconds=10))


@pytest.mark.parametrize(
    ("sequence", "seconds", "replayed"),
    [
        (8, 0, False),
        (1000, 1, False),
        (7, 0, True),
        (7, 29.9, True),
        (0, 29.9, True),
        (0, 30, False),
        (7, 3000, True),
        (6, 3000, False),
    ],
)
def test_replays(sequence: int, seconds: float, replayed: bool) -> None:
    known = Known("amp", "lb", NOW, 7)
    assert judge.replayed(known, beat("amp", sequence, seconds), RESTART) is replayed


@pytest.mark.parametrize(
    ("sequence", "seconds", "replayed"),
    [(3, 30, False), (12, 30, False), (13, 30, True), (17, 31, True), (40, 100, False)],
)
def test_an_agent_that_started_anew_cannot_have_counted_far(
    sequence: int, seconds: float, replayed: bool
) -> None:
    """Four times as far as it would with today's interval: it may have been booted with a shorter
    one."""
    known = Known("amp", "lb", NOW, 5000)
    assert judge.replayed(known, beat("amp", sequence, seconds), RESTART) is replayed


@given(st.integers(0, 4999), st.floats(0, 40))
def test_one_recorded_heartbeat_makes_nobody_live_for_ever(sequence: int, pause: float) -> None:
    known, taken = Known("amp", "lb", NOW, 5000), 0
    for n in range(100):
        heard = beat("amp", sequence, n * pause)
        if not judge.replayed(known, heard, RESTART):
            taken += 1
            known = dataclasses.replace(known, received_at=heard.received_at, sequence=sequence)
    assert taken <= 1


def test_the_first_one_is_none() -> None:
    assert not judge.replayed(Known("amp", "lb"), beat(), RESTART)


@given(st.lists(st.integers(0, 20), min_size=1))
def test_in_one_go_no_number_is_taken_twice(sequences: list[int]) -> None:
    known, taken = Known("amp", "lb"), []
    for sequence in sequences:
        heard = beat("amp", sequence)
        if not judge.replayed(known, heard, RESTART):
            taken.append(sequence)
            known = dataclasses.replace(known, received_at=NOW, sequence=sequence)
    assert taken == sorted(set(taken))


@pytest.mark.parametrize(
    ("fingerprint", "same", "incomplete"),
    [(None, False, False), ("mark", True, False), ("mark!", True, True), ("other!", False, True)],
)
def test_what_is_news(fingerprint: str | None, same: bool, incomplete: bool) -> None:
    known = Known("amp", "lb", NOW, 0, fingerprint)
    assert judge.same(known, "mark") is same
    assert judge.incomplete(known) is incomplete


@pytest.mark.parametrize(
    ("expected", "lacking"),
    [
        (Expected(), set()),
        (Expected(frozenset()), set()),
        (Expected(frozenset({"listener"})), set()),
        (Expected(frozenset({"listener", "other"})), {"other"}),
        (Expected(frozenset({"listener", "other"}), busy=True), set()),
    ],
    ids=["unknown", "no listener", "told", "not told", "busy"],
)
def test_what_is_lacking(expected: Expected, lacking: set[str]) -> None:
    assert judge.lacking(beat(), expected) == lacking


@pytest.mark.parametrize(("seconds", "lacks"), [(-1, False), (0, True), (1, True)])
def test_what_was_heard_before_the_job_ended_lacks_nothing(seconds: float, lacks: bool) -> None:
    expected = Expected(frozenset({"listener", "new"}), since=NOW)
    assert judge.lacking(beat(seconds=seconds), expected) == ({"new"} if lacks else set())
    assert expected.unknown(beat(seconds=seconds)) is not lacks


def test_the_newest_waits_and_what_was_counted_adds_up() -> None:
    pending = Pending()
    for sequence, rx in ((1, 5), (2, 7)):
        pending.add(beat("b", sequence, sequence, stats=stats(rx=rx, conns=rx)))
    pending.add(beat("a"))
    assert len(pending) == 2
    first, second = pending.take()
    assert (first.amphora_id, second.amphora_id, second.sequence) == ("a", "b", 2)
    assert second.counted == {"listener": Counted(received=12, active=7)}
    assert pending.take() == []


def test_no_number_waits_twice_and_no_more_than_there_is_room_for() -> None:
    pending = Pending(limit=1)
    pending.add(beat("a", 3))
    for heard, why in ((beat("a", 3), Why.REPLAY), (beat("b"), Why.OVERLOAD)):
        with pytest.raises(RefusedError) as refused:
            pending.add(heard)
        assert refused.value.why is why
    pending.add(beat("a", 4))
    assert [b.sequence for b in pending.take()] == [4]
