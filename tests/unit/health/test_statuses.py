"""Operating statuses, as the stock provider derives them, and of two amphorae."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.health import statuses
from sriov_provider.health.statuses import Observed
from tests.unit.health.beats import beat

KEYS = st.sampled_from(["a", "b", "c"])
STATUS = st.sampled_from(["ONLINE", "OFFLINE", "ERROR", "DEGRADED", "NO_MONITOR", "DRAINING"])
OBSERVED = st.fixed_dictionaries(
    {kind: st.dictionaries(KEYS, STATUS, max_size=3) for kind in statuses.KINDS}
)


def seen(listener: str = "ONLINE", pool: str = "ONLINE", member: str = "ONLINE") -> Observed:
    return {"listeners": {"l": listener}, "pools": {"p": pool}, "members": {"m": member}}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("UP", "ONLINE"),
        ("UP 1/3", "ONLINE"),
        ("DOWN", "ERROR"),
        ("DOWN 1/2", "ERROR"),
        ("DRAIN", "DRAINING"),
        ("MAINT", "OFFLINE"),
        ("no check", "NO_MONITOR"),
        ("RESTARTING", None),
        ("whatever", None),
    ],
)
def test_members(said: str, status: str | None) -> None:
    assert statuses.member(said) == status
    expected = {} if status is None else {"member": status}
    assert beat(members={"member": said}).observed["members"] == expected


@pytest.mark.parametrize(
    ("said", "status"), [("OPEN", "ONLINE"), ("FULL", "DEGRADED"), ("STOP", None)]
)
def test_listeners(said: str, status: str | None) -> None:
    assert beat(listener=said).observed["listeners"].get("listener") == status


@pytest.mark.parametrize(
    ("pool", "members", "status"),
    [
        ("UP", {}, "ONLINE"),
        ("UP", {"a": "UP", "b": "DOWN"}, "DEGRADED"),
        ("UP", {"a": "MAINT"}, "ONLINE"),
        ("DOWN", {"a": "DOWN"}, "ERROR"),
        ("DOWN", {}, "ERROR"),
    ],
    ids=str,
)
def test_pools(pool: str, members: dict[str, str], status: str) -> None:
    assert beat(pool=pool, members=members).observed["pools"] == {"pool": status}


def test_a_pool_of_two_listeners_is_as_bad_as_in_the_worse() -> None:
    for order in (("UP", "DOWN"), ("DOWN", "UP")):
        pools = {
            f"pool:{n}": {"status": status, "members": {"m": status}}
            for n, status in enumerate(order)
        }
        found = beat(pools=pools).observed
        assert (found["pools"], found["members"]) == ({"pool": "ERROR"}, {"m": "ERROR"})


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (seen(), "ONLINE"),
        (seen(member="NO_MONITOR"), "ONLINE"),
        (seen(member="ERROR"), "DEGRADED"),
        (seen(pool="DEGRADED", member="ERROR"), "DEGRADED"),
        (seen(listener="DEGRADED"), "DEGRADED"),
        (seen(pool="ERROR"), "ERROR"),
        (seen(listener="ERROR"), "ERROR"),
    ],
    ids=str,
)
def test_the_load_balancer_is_as_good_as_what_it_serves(told: Observed, status: str) -> None:
    assert statuses.load_balancer(told) == status


def test_two_amphorae_that_disagree() -> None:
    assert statuses.merged([seen(), seen("ERROR", "ERROR", "ERROR")]) == seen(
        "DEGRADED", "DEGRADED", "ERROR"
    )
    bad = seen("ERROR", "ERROR", "ERROR")
    assert statuses.merged([bad, bad]) == bad


@given(OBSERVED, OBSERVED)
def test_the_order_of_amphorae_does_not_matter(one: Observed, two: Observed) -> None:
    assert statuses.merged([one, two]) == statuses.merged([two, one])
    assert statuses.merged([one, one]) == one


@given(OBSERVED, OBSERVED)
def test_telling_the_changes_tells_all(before: Observed, after: Observed) -> None:
    changed = statuses.changes(before, after, known={"a", "b", "c"})
    told = {kind: {**before[kind], **changed.get(kind, {})} for kind in statuses.KINDS}
    assert {kind: {**told[kind], **after[kind]} for kind in statuses.KINDS} == told
    assert statuses.changes(after, after, known={"a", "b", "c"}) == {}


def test_nothing_is_told_of_what_octavia_does_not_have() -> None:
    assert statuses.changes({}, seen(), known={"m"}) == {"members": {"m": "ONLINE"}}


def test_the_batch_is_what_octavia_lib_takes() -> None:
    assert statuses.batch({"members": {"b": "ERROR", "a": "ONLINE"}}) == {
        "members": [
            {"id": "a", "operating_status": "ONLINE"},
            {"id": "b", "operating_status": "ERROR"},
        ]
    }


@given(OBSERVED, OBSERVED)
def test_fingerprints_are_of_what_was_told(one: Observed, two: Observed) -> None:
    same = statuses.fingerprint(one) == statuses.fingerprint(two)
    assert same == (one == two)
    assert len(statuses.fingerprint(one)) == 32
