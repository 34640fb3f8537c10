"""Decisions about failovers."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.health import policy
from sriov_provider.health.policy import Decision, History, Rules, Serving, Verdict, View
from tests.unit.health.beats import NOW, after

RULES = Rules(timeout=60, limit=3)


def amphora(name: str, silence: float | None, lb: str = "") -> Serving:
    """:param silence: seconds; None for never heard"""
    return Serving(name, lb or f"lb-{name}", None if silence is None else after(-silence))


def view(*serving: Serving, **values: object) -> View:
    heard = sum(a.heard_at is not None for a in serving)
    made = View(NOW, after(-3600), serving, heard=max(heard, 100))
    return dataclasses.replace(made, **values)  # type: ignore[arg-type]


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
    ("stale", "heard", "threshold", "outage"),
    [
        (1, 1, None, False),
        (4, 4, None, False),
        (5, 9, None, True),
        (5, 10, None, False),
        (600, 1000, None, True),
        (2, 1000, 2, True),
        (1, 1000, 2, False),
    ],
)
def test_outages(stale: int, heard: int, threshold: int | None, outage: bool) -> None:
    rules = dataclasses.replace(RULES, threshold=threshold)
    assert policy.outage(stale, heard, rules) is outage
    silent = [amphora(f"a{n}", 100) for n in range(stale)]
    found = set(verdicts(view(*silent, heard=heard), rules).values())
    assert (found == {Verdict.OUTAGE}) is outage


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
    silent = {a.amphora_id for a in policy.silent(serving, NOW, RULES)}
    for decision in placed:
        assert not seen.history(decision.load_balancer_id).busy
        assert set(decision.amphora_ids) <= silent
    spoken = {i for d in decisions if d.verdict is not Verdict.UNHEARD for i in d.amphora_ids}
    assert spoken == silent
