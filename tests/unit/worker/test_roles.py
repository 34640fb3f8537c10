"""Who of a pair is kept, who goes and in which order: pure."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from sriov_provider import config
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Inventory,
    Job,
    ObjectType,
)
from sriov_provider.worker import roles
from sriov_provider.worker.plan_model import Facts
from sriov_provider.worker.roles import BACKUP, MASTER

PAIR = roles.ACTIVE_STANDBY
READY, STALE, BOOTING = AmphoraState.READY, AmphoraState.STALE, AmphoraState.BOOTING


def job(action: Action, kind: ObjectType = ObjectType.LOADBALANCER, subject: str = "lb") -> Job:
    return Job("job", "lb", action, kind, subject)


def amphora(
    name: str, role: str, state: AmphoraState = READY, built_by: str = "before"
) -> AmphoraRecord:
    return AmphoraRecord(name, "lb", state, role, built_by=built_by)


OLD = (amphora("m", MASTER), amphora("b", BACKUP))
FAILOVER = job(Action.FAILOVER)


def cast(
    what: Job, *there: AmphoraRecord, silent: str = "", topology: str = PAIR, all_new: bool = False
) -> tuple[list[str], list[str], list[str], bool]:
    """Ids of those kept, released and left out, and whether others follow; new ones are numbers."""
    numbers = itertools.count(1)
    settings = config.Amphora()
    facts = Facts(settings, {}, lambda: str(next(numbers)), silent=frozenset(silent))
    made = roles.cast(what, Inventory(None, there), topology, facts, all_new=all_new)
    ids = ([a.id for a in rows] for rows in (made.kept, made.released, made.left_out))
    return (*ids, made.again)  # type: ignore[return-value]


def test_both_are_built_at_once() -> None:
    assert cast(job(Action.CREATE)) == (["1", "2"], [], [], False)


def test_a_change_keeps_both() -> None:
    assert cast(job(Action.UPDATE), *OLD) == (["m", "b"], [], [], False)


@pytest.mark.parametrize(("silent", "kept", "left_out"), [("m", ["b"], ["m"]), ("b", ["m"], ["b"])])
def test_who_does_not_answer_is_left_out(silent: str, kept: list[str], left_out: list[str]) -> None:
    assert cast(job(Action.UPDATE), *OLD, silent=silent) == (kept, [], left_out, False)


def test_both_silent_leaves_nobody_out() -> None:
    assert cast(job(Action.UPDATE), *OLD, silent="mb") == (["m", "b"], [], [], False)


def test_a_change_does_not_build_what_is_missing() -> None:
    assert cast(job(Action.UPDATE), OLD[1]) == (["b"], [], [], False)


def test_a_failover_replaces_the_backup_then_the_master() -> None:
    assert cast(FAILOVER, *OLD) == (["m", "1"], ["b"], [], True)
    done = amphora("n", BACKUP, built_by="job")
    assert cast(FAILOVER, OLD[0], done) == (["1", "n"], ["m"], [], False)
    other = amphora("o", MASTER, built_by="job")
    assert cast(FAILOVER, other, done) == (["o", "n"], [], [], False)


def test_what_was_begun_is_finished_first() -> None:
    begun = amphora("n", BACKUP, BOOTING, "job")
    assert cast(FAILOVER, *OLD, begun) == (["m", "n"], ["b"], [], True)
    assert cast(FAILOVER, OLD[0], begun) == (["m", "n"], [], [], True)
    other = amphora("o", MASTER, BOOTING, "job")
    assert cast(FAILOVER, *OLD, other) == (["o", "b"], ["m"], [], True)


def test_what_is_dead_goes_before_what_was_begun() -> None:
    """What was begun for one that answers is no reason to give that up: it may be the last one."""
    begun = amphora("n", BACKUP, BOOTING, "job")
    assert cast(FAILOVER, *OLD, begun, silent="m") == (["1", "b"], ["m", "n"], [], True)


def test_of_two_that_were_begun_one_is_finished_after_the_other() -> None:
    backup, master = (amphora(i, r, BOOTING, "job") for i, r in (("n", BACKUP), ("o", MASTER)))
    assert cast(FAILOVER, *OLD, backup, master) == (["m", "n"], ["b", "o"], [], True)
    assert cast(FAILOVER, OLD[0], backup, master) == (["m", "n"], ["o"], [], True)
    ready = amphora("n", BACKUP, built_by="job")
    assert cast(FAILOVER, OLD[0], ready, master) == (["o", "n"], ["m"], [], False)


def ahead(what: Job, *there: AmphoraRecord, silent: str = "", topology: str = PAIR) -> list[str]:
    """Roles of those that are built while others are replaced."""
    facts = Facts(config.Amphora(), {}, lambda: "new", silent=frozenset(silent))
    made = roles.cast(what, Inventory(None, there), topology, facts, all_new=False)
    return [a.role for a in made.ahead]


def test_what_replaces_the_next_one_is_built_meanwhile() -> None:
    assert ahead(FAILOVER, *OLD) == [MASTER]
    assert ahead(FAILOVER, *OLD, silent="m") == [BACKUP]
    assert ahead(FAILOVER, OLD[0], amphora("n", BACKUP, built_by="job")) == []


@pytest.mark.parametrize("failed", [{"attempt": 2}, {"placement": 1}])
def test_nothing_is_built_meanwhile_once_something_has_failed(failed: dict[str, int]) -> None:
    assert ahead(dataclasses.replace(FAILOVER, **failed), *OLD) == []


def test_nothing_is_built_meanwhile_for_who_stays_or_may_be_all_there_is() -> None:
    assert ahead(job(Action.FAILOVER, ObjectType.AMPHORA, "m"), *OLD) == []
    assert ahead(FAILOVER, *OLD, silent="mb") == []
    assert ahead(job(Action.UPDATE), *OLD) == []
    assert ahead(FAILOVER, amphora("a", roles.STANDALONE), topology=roles.SINGLE) == []


def test_the_dead_one_is_replaced_first() -> None:
    assert cast(FAILOVER, *OLD, silent="m") == (["1", "b"], ["m"], [], True)
    half = amphora("m", MASTER, BOOTING)
    assert cast(FAILOVER, half, OLD[1]) == (["1", "b"], ["m"], [], True)


def test_two_dead_ones_are_replaced_one_after_the_other() -> None:
    assert cast(FAILOVER, *OLD, silent="mb") == (["1"], ["b"], ["m"], True)


def test_what_is_missing_is_built_before_the_last_one_goes() -> None:
    assert cast(FAILOVER, OLD[0]) == (["m", "1"], [], [], True)


def test_what_is_going_is_released_whatever_the_job() -> None:
    going = amphora("g", BACKUP, AmphoraState.RELEASING)
    assert cast(job(Action.UPDATE), *OLD, going) == (["m", "b"], ["g"], [], False)


@pytest.mark.parametrize(("subject", "kept"), [("m", ["1", "b"]), ("b", ["m", "1"])])
def test_failover_of_one_amphora(subject: str, kept: list[str]) -> None:
    one = job(Action.FAILOVER, ObjectType.AMPHORA, subject)
    assert cast(one, *OLD) == (kept, [subject], [], False)
    new = amphora("n", {"m": MASTER, "b": BACKUP}[subject], built_by="job")
    (stayed,) = (a for a in OLD if a.id != subject)
    assert sorted(cast(one, stayed, new)[0]) == sorted([stayed.id, "n"]), "ends where it ended"


def test_failover_of_an_amphora_that_is_gone_builds_what_is_missing() -> None:
    one = job(Action.FAILOVER, ObjectType.AMPHORA, "gone")
    assert cast(one, *OLD) == (["m", "b"], [], [], False)
    assert cast(one, OLD[1]) == (["1", "b"], [], [], False)


def test_a_lone_amphora_by_its_id() -> None:
    lone = amphora("a", roles.STANDALONE)
    one = job(Action.FAILOVER, ObjectType.AMPHORA, "a")
    assert cast(one, lone, topology=roles.SINGLE) == (["1"], ["a"], [], False)
    other = dataclasses.replace(one, object_id="gone")
    assert cast(other, lone, topology=roles.SINGLE) == (["a"], [], [], False)


def test_all_new_builds_both_and_releases_both() -> None:
    made = cast(job(Action.UPDATE), *OLD, all_new=True)
    assert made == (["1", "2"], ["m", "b"], [], False)


@pytest.mark.parametrize(("silent", "yields"), [("", ["b"]), ("b", []), ("m", [])])
def test_who_hands_the_vip_over(silent: str, yields: list[str]) -> None:
    """One that is alive, to one that is alive."""
    one = job(Action.FAILOVER, ObjectType.AMPHORA, "b")
    facts = Facts(config.Amphora(), {}, lambda: "new", silent=frozenset(silent))
    made = roles.cast(one, Inventory(None, OLD), PAIR, facts, all_new=False)
    assert [a.id for a in roles.yielding(made, facts)] == yields


def test_a_stale_one_is_kept() -> None:
    stale = amphora("m", MASTER, STALE)
    assert cast(job(Action.UPDATE), stale, OLD[1]) == (["m", "b"], [], [], False)
