"""Decisions about failovers."""

from __future__ import annotations

import collections
import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.health import policy
from sriov_provider.health.policy import Decision, History, Rules, Serving, Verdict, View
from tests.unit.health.beats import NOW, after

RULES = Rules(timeout=60, limit=3)


def amphora(name: str, silence: float | None, lb: str = "", host: str = "") -> Serving:
    """:param silence: seconds; None for never heard"""
    heard_at = None if silence is None else after(-silence)
    return Serving(name, lb or f"lb-{name}", heard_at, host=host)


def view(*serving: Serving, others: int = 100, **values: object) -> View:
    """:param others: amphorae that are well, on a host of their own"""
    ever = [a for a in serving if a.heard_at]
    quiet = policy.silent(ever, NOW, RULES.quiet)
    heard = collections.Counter(a.host for a in ever) + collections.Counter(well=others)
    counted = {"quiet": collections.Counter(a.host for a in quiet), "heard": heard}
    return View(NOW, after(-3600), serving, **(counted | values))  # type: ignore[arg-type]


def verdicts(seen: View, rules: Rules = RULES) -> dict[str, Verdict]:
    return {d.load_balancer_id: d.verdict for d in policy.decide(seen, rules)}


def test_nothing_is_done_while_all_are_heard() -> None:
    assert policy.decide(view(amphora("a", 0), amphora("b", 60)), RULES) == ()


def test_a_silent_amphora_is_replaced() -> None:
    (decision,) = policy.decide(view(amphora("a", 61), amphora("b", 1)), RULES)
    reason = "amphora a not heard for 61 s; no other one serves"
    assert decision == Decision("lb-a", ("a",), Verdict.FAIL_OVER, reason)


def test_silence_counts_from_the_end_of_the_build() -> None:
    new = dataclasses.replace(amphora("a", 90), built_at=after(-60))
    assert policy.decide(view(new), RULES) == ()
    old = dataclasses.replace(new, built_at=after(-61))
    assert verdicts(view(old)) == {"lb-a": Verdict.FAIL_OVER}
    silent_since = dataclasses.replace(amphora("a", 61), built_at=after(-900))
    assert verdicts(view(silent_since)) == {"lb-a": Verdict.FAIL_OVER}


def test_who_serves_nothing_comes_first() -> None:
    seen = view(
        amphora("standby", 900, "pair"),
        amphora("master", 1, "pair"),
        amphora("a", 70, "both"),
        amphora("b", 65, "both"),
        amphora("single", 80),
        abandoned=("gone",),
        incomplete=("half",),
        undone=("error", "pair"),
    )
    decisions = policy.decide(seen, dataclasses.replace(RULES, limit=9))
    assert [d.load_balancer_id for d in decisions] == [
        *("gone", "lb-single", "both", "pair", "half", "error"),
    ]
    assert {d.verdict for d in decisions} == {Verdict.FAIL_OVER}
    assert [d.amphora_ids for d in decisions] == [
        *((), ("single",), ("a", "b"), ("standby",), (), ()),
    ]
    assert "another one serves" in decisions[3].reason
    assert "a and b not heard for 65 s" in decisions[2].reason
    assert "no amphora serves" in decisions[0].reason
    assert [d.missing for d in decisions] == [False] * 4 + [True, False]
    assert decisions[5].reason.startswith("it is in ERROR since a failover failed")


@pytest.mark.parametrize("running", [0, 2, 3, 5])
def test_no_more_at_once_than_allowed(running: int) -> None:
    silent = [amphora(f"a{n}", 100 + n) for n in range(4)]
    found = verdicts(view(*silent, running=running))
    placed = [lb for lb, verdict in found.items() if verdict is Verdict.FAIL_OVER]
    assert placed == [f"lb-a{n}" for n in (3, 2, 1, 0)][: max(0, 3 - running)]
    assert set(found.values()) <= {Verdict.FAIL_OVER, Verdict.LIMIT}


@pytest.mark.parametrize(
    ("stale", "heard", "rules", "outage"),
    [
        (1, 1, RULES, False),
        (4, 4, RULES, False),
        (5, 9, RULES, True),
        (5, 10, RULES, False),
        (600, 1000, RULES, True),
        (600, 1000, dataclasses.replace(RULES, share=0.6), False),
        (5, 49, dataclasses.replace(RULES, share=0.1), True),
        (600, 600, dataclasses.replace(RULES, share=1.0), False),
        (2, 1000, dataclasses.replace(RULES, threshold=2), True),
        (1, 1000, dataclasses.replace(RULES, threshold=2), False),
    ],
    ids=str,
)
def test_outages(stale: int, heard: int, rules: Rules, outage: bool) -> None:
    seen = view(*(amphora(f"a{n}", 100) for n in range(stale)), others=heard - stale)
    assert bool(policy.outage(seen, rules)) is outage
    assert (set(verdicts(seen, rules).values()) == {Verdict.OUTAGE}) is outage


def test_an_outage_names_its_numbers() -> None:
    seen = view(*(amphora(f"a{n}", 100) for n in range(6)), others=5)
    assert policy.outage(seen, RULES) == "6 of 11 amphorae are silent at once, more than 50 %"
    few = dataclasses.replace(RULES, threshold=3)
    assert policy.outage(seen, few) == "6 amphorae are silent at once, failover_threshold is 3"


@pytest.mark.parametrize("number", [20, 100, 1000])
def test_who_falls_silent_together_is_an_outage_from_the_first_look_on(number: int) -> None:
    """Heartbeats come at any time of an interval, and so do looks: the first amphora counts as dead
    long before the others do."""
    dice = random.Random(number)
    for _ in range(20):
        last = [dice.uniform(0, 10) for _ in range(number)]
        first = dice.uniform(50, 53)
        for look in range(8):
            late = first + 3 * look
            seen = view(*(amphora(f"a{n}", late + s) for n, s in enumerate(last)), others=0)
            assert Verdict.FAIL_OVER not in verdicts(seen).values()


def host(name: str, number: int, silence: float) -> list[Serving]:
    """The amphorae of a compute host."""
    return [amphora(f"{name}{n}", silence, host=name) for n in range(number)]


@pytest.mark.parametrize(
    ("amphorae", "others", "outage"),
    [
        (host("one", 6, 100), 4, False),
        (host("one", 6, 100) + host("two", 2, 100), 4, False),
        (host("one", 6, 100) + host("two", 3, 100), 2, True),
        (host("one", 6, 100) + host("two", 6, 100), 0, True),
        (host("one", 3, 100) + host("two", 3, 100), 0, True),
        (host("one", 6, 100), 0, True),
        (host("", 6, 100), 4, True),
    ],
    ids=["one", "one and a few", "more", "both", "both, few", "the only one", "unknown"],
)
def test_a_host_that_dies_is_no_outage(amphorae: list[Serving], others: int, outage: bool) -> None:
    seen = view(*amphorae, others=others)
    assert (Verdict.OUTAGE in verdicts(seen).values()) is outage


def test_who_could_not_be_replaced_does_not_keep_others_from_it() -> None:
    """They may be silent for months."""
    dead = [amphora(f"a{n}", 9000) for n in range(6)]
    tried = History(failures=3, failed_at=after(-20))
    seen = view(*dead, amphora("new", 61), others=2)
    histories = {a.load_balancer_id: tried for a in dead}
    assert verdicts(seen)["lb-new"] is Verdict.OUTAGE
    found = verdicts(dataclasses.replace(seen, histories=histories))
    assert found.pop("lb-new") is Verdict.FAIL_OVER
    assert set(found.values()) == {Verdict.BACK_OFF}
    before = History(failures=3, failed_at=after(-9001))
    seen = dataclasses.replace(seen, histories=dict.fromkeys(histories, before))
    assert verdicts(seen)["lb-new"] is Verdict.OUTAGE


def test_after_an_outage_all_are_given_time_to_be_heard() -> None:
    """The first half that is heard again is no sign that the others are dead."""
    seen = view(amphora("a", 900))
    assert verdicts(dataclasses.replace(seen, outage_at=after(-60))) == {"lb-a": Verdict.FAIL_OVER}
    (decision,) = policy.decide(dataclasses.replace(seen, outage_at=after(-59)), RULES)
    assert decision.verdict is Verdict.OUTAGE
    assert decision.reason == "an outage of many amphorae ended 59 s ago"


def test_who_has_not_listened_long_decides_nothing() -> None:
    seen = view(amphora("a", 900))
    assert verdicts(dataclasses.replace(seen, listening_since=after(-59))) == {"lb-a": Verdict.DEAF}
    assert verdicts(dataclasses.replace(seen, listening_since=after(-60))) == {
        "lb-a": Verdict.FAIL_OVER
    }


def test_it_can_be_switched_off() -> None:
    off = dataclasses.replace(RULES, enabled=False)
    assert verdicts(view(amphora("a", 900)), off) == {"lb-a": Verdict.SWITCHED_OFF}


def test_a_load_balancer_with_a_job_is_left_alone() -> None:
    histories = {"lb-a": History(busy=True)}
    assert verdicts(view(amphora("a", 900), histories=histories)) == {"lb-a": Verdict.BUSY}


@pytest.mark.parametrize(
    ("failures", "ago", "verdict"),
    [
        (1, 59, Verdict.BACK_OFF),
        (1, 60, Verdict.FAIL_OVER),
        (2, 119, Verdict.BACK_OFF),
        (2, 120, Verdict.FAIL_OVER),
        (7, 3599, Verdict.BACK_OFF),
        (7, 3600, Verdict.FAIL_OVER),
        (5000, 3599, Verdict.BACK_OFF),
        (5000, 3600, Verdict.FAIL_OVER),
    ],
)
def test_a_failover_that_failed_is_tried_again_later_and_later(
    failures: int, ago: float, verdict: Verdict
) -> None:
    histories = {"lb-a": History(failures=failures, failed_at=after(-ago))}
    assert verdicts(view(amphora("a", 9000), histories=histories)) == {"lb-a": verdict}


@pytest.mark.parametrize(("built", "told"), [(None, True), (60, True), (59, False)])
def test_who_was_never_heard_is_told_of_but_not_replaced(built: float | None, told: bool) -> None:
    new = amphora("a", None)
    if built is not None:
        new = dataclasses.replace(new, built_at=after(-built))
    assert verdicts(view(new)) == ({"lb-a": Verdict.UNHEARD} if told else {})
    assert verdicts(view(new, histories={"lb-a": History(busy=True)})) == {}


SERVING = st.lists(
    st.builds(
        amphora,
        st.uuids().map(str),
        st.none() | st.floats(0, 10_000),
        st.sampled_from(["one", "two", "three", "four"]),
    ),
    max_size=12,
)
HISTORY = st.builds(
    History,
    st.booleans(),
    st.none(),
    st.integers(0, 9),
    st.floats(0, 9999).map(lambda s: after(-s)),
)


@given(SERVING, st.dictionaries(st.sampled_from(["one", "two"]), HISTORY), st.integers(0, 6))
def test_what_always_holds(
    serving: list[Serving], histories: dict[str, History], running: int
) -> None:
    seen = view(*serving, histories=histories, running=running)
    decisions = policy.decide(seen, RULES)
    placed = [d for d in decisions if d.verdict is Verdict.FAIL_OVER]
    assert len(placed) <= max(0, RULES.limit - running)
    assert len({d.load_balancer_id for d in placed}) == len(placed)
    silent = {a.amphora_id for a in policy.silent(serving, NOW, RULES.timeout)}
    for decision in placed:
        assert not seen.history(decision.load_balancer_id).busy
        assert set(decision.amphora_ids) <= silent
    spoken = {i for d in decisions if d.verdict is not Verdict.UNHEARD for i in d.amphora_ids}
    assert spoken == silent
