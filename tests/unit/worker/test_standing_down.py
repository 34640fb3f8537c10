"""A lone amphora stands down before its successor has the VIP, and is deleted beside the rest."""

from __future__ import annotations

import pytest

from sriov_provider.records import AmphoraState
from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import die
from tests.unit.worker.scenes import Scene, clean, working
from tests.unit.worker.test_early import failed_over, hold


def served(world: World, scene: Scene) -> None:
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert world.reasons(scene.lb) == ()
    clean(world, scene.lb)


def test_it_is_deleted_while_its_successor_is_configured(threaded: World) -> None:
    scene = working(threaded)
    (old,) = threaded.inventory(scene.lb).amphorae
    came = hold(threaded, "delete_server", "configure", 1)
    failed_over(threaded, scene)
    log = threaded.calls.log
    assert came == [True]
    assert threaded.amphora.of(old.id).order[-1] == "stand_down"
    # All that is attached is attached while it still serves.
    assert log.count("attach_port") == 3
    last = len(log) - log[::-1].index("attach_port") - 1
    assert last < log.index("stand_down") < log.index("plug_vip")
    served(threaded, scene)


def test_one_that_is_dead_is_not_waited_for(world: World) -> None:
    """It is asked while the new one boots, and goes before that has the VIP."""
    scene = working(world)
    (old,) = world.inventory(scene.lb).amphorae
    die(world, old)
    failed_over(world, scene)
    log = world.calls.log
    assert "stand_down" not in log
    assert log.index("delete_server") < log.index("plug_vip")
    served(world, scene)


@pytest.mark.parametrize(
    "error", [errors.unreachable(), errors.agent_error()], ids=["silent", "old"]
)
def test_one_that_does_not_stand_down_goes_first(world: World, error: Exception) -> None:
    """It has died since, or its image is too old: nobody else has the VIP while it may."""
    scene = working(world)
    world.amphora.fail("stand_down", error)
    failed_over(world, scene)
    log = world.calls.log
    assert log.index("stand_down") < log.index("has_server") < log.index("plug_vip")
    served(world, scene)


def test_an_answer_that_got_lost(world: World) -> None:
    scene = working(world)
    world.amphora.fail("stand_down", errors.unreachable(), after=True)
    failed_over(world, scene)
    assert world.calls.log.index("delete_server") < world.calls.log.index("plug_vip")
    served(world, scene)


def test_what_has_stood_down_is_not_taken_for_one_that_serves(world: World) -> None:
    """The worker dies right after it: the old one is of no use any more."""
    scene = working(world)
    world.failover(scene.lb)
    with world.counted() as calls:
        world.run_all()
        index = calls.log.index("stand_down")
    (old,) = world.inventory(scene.lb).amphorae
    world.failover(scene.lb)
    world.calls.forget()
    world.calls.kill_at(index, "after")
    world.run_all()
    world.restart()
    states = {a.id: a.state for a in world.inventory(scene.lb).amphorae}
    assert states.pop(old.id) is AmphoraState.RELEASING
    assert len(states) == 1
    world.run_all()
    served(world, scene)
