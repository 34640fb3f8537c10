from __future__ import annotations

import pytest

from sriov_provider.records import Action, Job, JobState, ObjectType
from sriov_provider.rolling import decide
from sriov_provider.rolling.model import (
    Do,
    End,
    Ended,
    Found,
    Look,
    Outcome,
    Prospect,
    Room,
    Rules,
    Target,
)

TARGET = Target("amp", "lb", "MASTER", "host-0", "why")
FOUND = Found("amp", "lb", "MASTER", "host-0")
NEW = Found("new", "lb", "MASTER", "host-1")
JOB = Job("job", "lb", Action.UPDATE, ObjectType.LISTENER, "listener")


def test_one_load_balancer_after_the_other_and_the_standby_first() -> None:
    targets = [
        Target("1", "lb-2", "MASTER"),
        Target("2", "lb-1", "MASTER"),
        Target("3", "lb-1", "BACKUP"),
        Target("4", "lb-2", "BACKUP"),
    ]
    assert [t.amphora_id for t in decide.in_order(targets)] == ["3", "2", "4", "1"]
    first = decide.following(targets, [])
    then = decide.following(targets, ["3", "4"])
    assert first and then
    assert (first.amphora_id, then.amphora_id) == ("3", "2")
    assert decide.following(targets, ["1", "2", "3", "4"]) is None


@pytest.mark.parametrize(
    ("look", "do", "why"),
    [
        (Look(TARGET, FOUND), Do.REPLACE, ""),
        (Look(TARGET, None), Do.PASS, "it is not on record any more"),
        (Look(TARGET, None, True, JOB), Do.PASS, "it is not on record any more"),
        (Look(TARGET, FOUND, False), Do.PASS, "it has been replaced or moved meanwhile"),
        # what its job makes of it is not known yet
        (
            Look(TARGET, FOUND, False, JOB),
            Do.WAIT,
            "load balancer lb is being changed: job job (update of listeners listener) waits",
        ),
    ],
)
def test_whose_turn_it_is(look: Look, do: Do, why: str) -> None:
    step = decide.admit(look, 0.0, Rules())
    assert (step.do, step.why) == (do, why)


def test_patience_ends() -> None:
    look, rules = Look(TARGET, FOUND, True, JOB), Rules(patience=60.0)
    assert decide.admit(look, 59.0, rules).do is Do.WAIT
    step = decide.admit(look, 60.0, rules)
    assert step.do is Do.SKIP
    assert step.why.endswith("waits, after 60 s")
    assert decide.admit(look, 0.0, Rules(patience=0.0)).why.endswith("waits")


@pytest.mark.parametrize(
    ("prospect", "force", "do"),
    [
        (Prospect(), False, Do.REPLACE),
        (Prospect(risky=True), False, Do.REPLACE),
        (Prospect(Room.NONE, why="No."), False, Do.SKIP),
        (Prospect(Room.NONE, why="No."), True, Do.SKIP),
        (Prospect(Room.UNKNOWN, why="Who knows."), False, Do.REPLACE),
        (Prospect(Room.UNKNOWN, why="Who knows.", risky=True), False, Do.SKIP),
        (Prospect(Room.UNKNOWN, why="Who knows.", risky=True), True, Do.REPLACE),
    ],
)
def test_room(prospect: Prospect, force: bool, do: Do) -> None:
    step = decide.place(prospect, Rules(force=force))
    assert step.do is do
    assert step.why.startswith(prospect.why)


@pytest.mark.parametrize(
    ("ended", "complaint", "end", "words"),
    [
        (Ended(JobState.DONE, "", NEW), "", End.REPLACED, "by new on host-1"),
        (Ended(JobState.DONE, "", NEW), "there again", End.IN_VAIN, "there again"),
        (Ended(JobState.FAILED, "no-vf: none"), "", End.FAILED, "no-vf: none"),
        (Ended(JobState.FAILED), "", End.FAILED, "see the worker's log"),
        (
            Ended(JobState.DONE),
            "",
            End.NO_NEED,
            "its job is done, but it was replaced by nothing",
        ),
    ],
)
def test_what_came_of_it(ended: Ended, complaint: str, end: End, words: str) -> None:
    found = decide.outcome(TARGET, "job", ended, complaint)
    assert (found.end, found.words, found.job_id) == (end, words, "job")
    assert found.replacement == (ended.replacement if ended.replacement else None)


@pytest.mark.parametrize("end", list(End))
def test_the_first_failure_is_the_end_unless_told_otherwise(end: End) -> None:
    last = Outcome(TARGET, end)
    assert decide.goes_on(last, Rules(keep_going=True))
    fine = end in (End.REPLACED, End.PLACED, End.NO_NEED)
    assert decide.goes_on(last, Rules()) is fine
