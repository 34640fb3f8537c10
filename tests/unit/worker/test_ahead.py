"""While one amphora of a pair is replaced, what replaces the other one is built already."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sriov_provider import upkeep
from sriov_provider.errors import ProviderError
from tests.fakes import errors
from tests.fakes.state import Host
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import die, members, pair, place, whole
from tests.unit.worker.scenes import Scene, clean, working

VERBS = ("create_server", "delete_server", "stop_vrrp", "plug_vip", "plug_network")


@pytest.fixture(params=[False, True], ids=["one thread", "threads"])
def either(request: pytest.FixtureRequest, world: World) -> Iterator[World]:
    """Beside each other as in production, and one after the other."""
    with ThreadPoolExecutor(4) as threads:
        if request.param:
            world.restart(executor=threads)
        yield world


def attempts(world: World) -> list[int]:
    return [job.attempt for job in world.run_all()]


def again(world: World, scene: Scene) -> list[int]:
    """Fail over, and look at what there is in the end."""
    old, expected = members(world, scene.lb), whole(world, scene.lb)
    world.failover(scene.lb)
    made = attempts(world)
    assert whole(world, scene.lb) == expected
    assert {a.id for a in old.values()}.isdisjoint(a.id for a in members(world, scene.lb).values())
    return made


def test_two_are_built_before_the_first_one_is_replaced_and_handed_over_in_turn(
    world: World,
) -> None:
    scene = working(world, **pair())
    with world.counted() as calls:
        assert again(world, scene) == [1]
        verbs = [verb for verb in calls.log if verb in VERBS]
    # The master's successor, with its member interface, is plugged before the master goes.
    last = len(verbs) - verbs[::-1].index("stop_vrrp") - 1
    assert verbs[last:] == ["stop_vrrp", "delete_server"]
    assert verbs[:last].count("create_server") == verbs[:last].count("plug_vip") == 2
    assert verbs[:last].count("plug_network") == 4, "both have both member networks"
    clean(world, scene.lb)


def test_beside_each_other(either: World) -> None:
    scene = working(either, **pair())
    assert again(either, scene) == [1]
    clean(either, scene.lb)


def test_nobody_is_told_of_what_does_not_serve_yet(either: World) -> None:
    """Neither keepalived nor haproxy nor the firewall: never more than two know each other."""
    scene = working(either, **pair())
    assert again(either, scene) == [1]
    for amphora in members(either, scene.lb).values():
        inside = either.amphora.of(amphora.id)
        assert all(len(views) == 2 for views in inside.vrrp)
        assert all(len(made.amphorae) == 2 for made in inside.configurations)
        assert len(inside.document["peers"]) == 1


@pytest.mark.parametrize(
    "flavor", [{"failover_strategy": "release_first"}, {"anti_affinity": "strict"}]
)
def test_not_where_room_is_made_first(world: World, flavor: dict[str, str]) -> None:
    world.cloud.hosts["host-2"] = Host("host-2", [f"0000:af:03.{n}" for n in range(8)])
    scene = working(world, **pair(**flavor))
    with world.counted() as calls:
        assert again(world, scene) == [1]
        servers = [v for v in calls.log if v in ("create_server", "delete_server")]
    assert servers == ["delete_server", "create_server"] * 2


def test_not_for_the_failover_of_one(world: World) -> None:
    scene = working(world, **pair())
    place(world, upkeep.failover(members(world, scene.lb)["MASTER"]))
    with world.counted() as calls:
        assert attempts(world) == [1]
        assert calls.log.count("create_server") == 1


FAULTS = {
    "create_server": errors.quota,
    "get_server": errors.server_error,
    "create_port": errors.quota,
    "attach_port": errors.server_error,
    "wait_ready": errors.unreachable,
    "plug_vip": errors.unreachable,
    "plug_network": errors.unreachable,
}


@pytest.mark.parametrize("verb", FAULTS)
def test_its_failure_is_no_failure_of_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """It is built with the plan that needs it."""
    scene = working(world, **pair())
    fails_ahead(world, monkeypatch, verb, FAULTS[verb]())
    assert again(world, scene) == [1]
    clean(world, scene.lb)


def fails_ahead(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str, error: ProviderError
) -> None:
    """While an amphora is built ahead this call fails."""
    from sriov_provider.worker.tasks import ahead

    original = ahead.BuildAhead.execute
    fake = world.amphora if hasattr(world.amphora, verb) else world.cloud

    def execute(task: ahead.BuildAhead) -> None:
        fake.fail(verb, error, times=None)
        try:
            original(task)
        finally:
            fake.heal()

    monkeypatch.setattr(ahead.BuildAhead, "execute", execute)


def test_what_was_built_ahead_is_given_back_with_the_plan_that_fails(world: World) -> None:
    """The second attempt does without."""
    scene = working(world, **pair())
    world.amphora.fail("configure", errors.agent_error())
    with world.counted() as calls:
        assert again(world, scene) == [1, 2]
        # two of the first attempt, then one after the other
        assert calls.log.count("create_server") == 4
        assert calls.log.count("delete_server") == 4
    clean(world, scene.lb)


def test_the_last_vf_is_not_lost_to_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """What is built now finds none because of what is built ahead: it is looked for without."""
    scene = working(world, **pair())
    for host in world.cloud.hosts.values():
        del host.free_vfs[1:]
    assert again(world, scene) == [1]
    assert "looks for room elsewhere" in caplog.text
    assert world.agent.provisioning(scene.direct) == "ACTIVE"
    clean(world, scene.lb)


def test_a_dead_one_goes_first_and_the_other_is_built_meanwhile(world: World) -> None:
    scene = working(world, **pair())
    die(world, members(world, scene.lb)["MASTER"])
    with world.counted() as calls:
        assert again(world, scene) == [1]
        servers = [v for v in calls.log if v in ("create_server", "delete_server")]
    assert servers == ["delete_server", "create_server", "create_server", "delete_server"]


def test_an_amphora_that_dies_once_it_is_built_ahead(world: World) -> None:
    """The next attempt builds it anew."""
    scene = working(world, **pair())
    dead: set[str] = set()

    def dies(endpoint: object, *_: object) -> Exception | None:
        ahead = [a for a in world.inventory(scene.lb).amphorae if not a.serves]
        if not dead and len(world.cloud.servers) == 2 and ahead:
            dead.add(ahead[0].id)
        mine = getattr(endpoint, "amphora_id", None)
        return errors.unreachable() if mine in dead else None

    for verb in ("configure", "wait_ready", "plug_vip", "apply_firewall"):
        world.amphora.fail(verb, dies, times=None)
    assert again(world, scene) == [1, 2, 3]
    assert dead.isdisjoint(a.id for a in members(world, scene.lb).values())
    world.amphora.heal()
    clean(world, scene.lb)
