"""The answer to a COMMIT is lost: what was written is written again, and nothing comes of that."""

from __future__ import annotations

import pytest

from tests.unit.worker.harness import World
from tests.unit.worker.operations import OPERATIONS
from tests.unit.worker.shape import leaked
from tests.unit.worker.test_faults import comparable, undisturbed

# Seconds; what was claimed without the worker's knowing of it is somebody's again.
_LEASE = 61


@pytest.mark.parametrize("name", ["create", "member", "listener", "failover", "delete member"])
def test_lost_answer_to_every_commit(world: World, name: str) -> None:
    # As for jobs: what was taken without one's knowing of it is free when its lease is over.
    world._outbox._lease = 0.0
    _, expected = undisturbed(world, name)
    operation = OPERATIONS[name]
    index = -1
    lost = True
    while lost:
        index += 1
        world.sessions.answers = index
        lb, subject = operation.start(world)
        world.run_all()
        lost = world.sessions.answers is None
        world.sessions.answers = None
        world.later(_LEASE)
        where = f"commit {index}"
        assert comparable(world, lb, subject) == expected, where
        assert world.pending() == [] and world.undelivered() == 0, where
        operation.finish(world, lb, subject)
        assert leaked(world) == [], where
    assert index > 5
