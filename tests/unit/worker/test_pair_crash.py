"""The worker dies after every single call of what is done to a pair: the end is the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from sriov_provider import upkeep
from tests.unit.worker.harness import World
from tests.unit.worker.operations import small
from tests.unit.worker.pairs import members, pair, place, whole
from tests.unit.worker.test_crash import kill

KEEP = "lb-1"


def _create(world: World) -> str:
    return world.create_load_balancer(**(small(world) | pair()))


def _build(world: World) -> None:
    _create(world)
    world.run_all()


def _delete(world: World, lb: str) -> None:
    world.delete_load_balancer(lb)
    world.run_all()
    assert world.cloud.left_over() == ()


def _failover(world: World) -> str:
    world.failover(KEEP)
    return KEEP


def _failover_of_one(world: World) -> str:
    place(world, upkeep.failover(members(world, KEEP)["MASTER"]))
    return KEEP


def _refresh_of_one(world: World) -> str:
    place(world, upkeep.refresh(members(world, KEEP)["MASTER"]))
    return KEEP


def _nothing(*_: object) -> None:
    """The operation undoes itself."""


@dataclasses.dataclass(frozen=True)
class Operation:
    start: Callable[[World], str]
    prepare: Callable[[World], object] = _build
    finish: Callable[[World, str], object] = _nothing


OPERATIONS = {
    "create": Operation(_create, _nothing, _delete),
    "failover": Operation(_failover),
    "failover of one": Operation(_failover_of_one),
    "refresh of one": Operation(_refresh_of_one),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_after_every_call(world: World, name: str) -> None:
    operation = OPERATIONS[name]
    operation.prepare(world)
    lb = operation.start(world)
    world.calls.forget()
    world.run_all()
    calls, expected = list(world.calls.log), whole(world, lb)
    operation.finish(world, lb)
    assert calls
    for index, verb in enumerate(calls):
        lb = operation.start(world)
        where = f"killed after call {index} ({verb})"
        kill(world, index, "after", where)
        assert whole(world, lb) == expected, where
        operation.finish(world, lb)
