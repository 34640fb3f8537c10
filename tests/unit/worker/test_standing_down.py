"""A lone amphora stands down before its successor has the VIP, and is deleted beside the rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sriov_provider.records import AmphoraState
from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import die
from tests.unit.worker.scenes import Scene, clean, working
from tests.unit.worker.shape import leaked
from tests.unit.worker.test_early import failed_over, hold


def served(world: World, scene: Scene) -> None:
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert world.reasons(scene.lb) == ()
    clean(world, scene.lb)


def test_it_is_deleted_while_its_successor_is_configured(threaded: World) -> None:
    scene = working(threaded)
    (old,) = threaded.inventory(scene.lb).amphorae
    came = hold(threaded, "has_server", "configure", 1)
    failed_over(threaded, scene)
    log = threaded.calls.log
    assert came
    assert all(came)
    assert threaded.amphora.of(old.id).order[-1] == "stand_down"
    # All that is attached is attached while it still serves.
    assert log.count("attach_port") == 3
    assert log.count("delete_server") == 1
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
    assert world.amphora.of(old.id).order[-1] != "stand_down"
    assert log.index("delete_server") < log.index("plug_vip")
    assert len(log) - log[::-1].index("has_server") - 1 < log.index("plug_vip")
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


@pytest.mark.parametrize("placement", [0, 1])
@pytest.mark.parametrize("verb", ["delete_server", "has_server", "delete_port"])
def test_what_does_not_go_at_once_goes_in_another_run(
    world: World, verb: str, placement: int
) -> None:
    """Its successor serves meanwhile, also one that found its VF in the second place."""
    scene = working(world)
    world.cloud.fail(verb, refused(world, scene))
    if placement:
        world.cloud.fail("attach_port", errors.no_vf())
    world.calls.forget()
    world.failover(scene.lb)
    assert [job.attempt for job in world.run_all()] == [1, 2]
    assert world.calls.log.count("create_server") == 1 + placement
    assert leaked(world) == []
    served(world, scene)


def refused(world: World, scene: Scene) -> Callable[[str], Exception | None]:
    """What the load balancer has now."""
    there = world.inventory(scene.lb)
    ids = {*(a.compute_id for a in there.amphorae), *(p.neutron_id for p in there.ports)}
    return lambda subject: errors.timeout() if subject in ids else None


@pytest.mark.parametrize("verb", ["delete_server", "has_server", "delete_port"])
@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("placement", [0, 1])
def test_what_does_not_go_for_long(world: World, verb: str, answers: bool, placement: int) -> None:
    """Changes go on meanwhile, and it goes with one of them."""
    scene = working(world)
    (old,) = world.inventory(scene.lb).amphorae
    world.cloud.fail(verb, refused(world, scene), times=None)
    if placement:
        world.cloud.fail("attach_port", errors.no_vf())
    world.failover(scene.lb)
    # A port whose server is gone is in nobody's way.
    assert len(world.run_all()) == (2 if verb == "delete_port" else 3)
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    if not answers:
        die(world, old)
    (new,) = (a for a in world.inventory(scene.lb).amphorae if a.id != old.id)
    assert new.state is AmphoraState.READY
    listener = world.add_listener(scene.lb, protocol_port=443)
    assert len(world.run_all()) == 1
    assert {world.agent.provisioning(i) for i in (*scene.ids, listener)} == {"ACTIVE"}
    assert world.amphora.of(new.id).order[-1] == "apply_firewall"
    world.cloud.heal()
    world.delete(listener)
    world.run_all()
    assert [a.id for a in world.inventory(scene.lb).amphorae] == [new.id]
    assert leaked(world) == []
    served(world, scene)


def test_what_does_not_go_and_does_not_answer(world: World) -> None:
    """Nobody can say that it has not got the VIP: its successor does not get it."""
    scene = working(world)
    (old,) = world.inventory(scene.lb).amphorae
    die(world, old)
    world.cloud.fail(
        "delete_server",
        lambda server: errors.conflict() if server == old.compute_id else None,
        times=None,
    )
    world.calls.forget()
    world.failover(scene.lb)
    world.run_all()
    assert "plug_vip" not in world.calls.log
    assert world.agent.provisioning(scene.lb) == "ERROR"
    world.cloud.heal()
    world.failover(scene.lb)
    world.run_all()
    served(world, scene)
