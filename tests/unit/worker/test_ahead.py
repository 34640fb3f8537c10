"""While one amphora of a pair is replaced, what replaces the other one is built already."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest

from sriov_provider import upkeep
from sriov_provider.amphora.base import Endpoint
from sriov_provider.errors import ProviderError
from sriov_provider.worker import plan
from sriov_provider.worker.plan_model import Plan
from sriov_provider.worker.run import Run, Services
from sriov_provider.worker.tasks import ahead
from tests.fakes import errors
from tests.fakes.state import Host
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import die, members, pair, place, whole
from tests.unit.worker.scenes import Scene, clean, working
from tests.unit.worker.shape import leaked
from tests.unit.worker.test_plan import EMPTY, create

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
    ("flavor", "first", "second"),
    [
        ({"failover_strategy": "release_first"}, "delete_server", "create_server"),
        ({"anti_affinity": "strict"}, "delete_server", "create_server"),
        ({"anti_affinity": "soft"}, "create_server", "delete_server"),
    ],
)
def test_not_where_there_is_to_be_room(
    world: World, flavor: dict[str, str], first: str, second: str
) -> None:
    world.cloud.hosts["host-2"] = Host("host-2", [f"0000:af:03.{n}" for n in range(8)])
    scene = working(world, **pair(**flavor))
    with world.counted() as calls:
        assert again(world, scene) == [1]
        servers = [v for v in calls.log if v in ("create_server", "delete_server")]
    assert servers == [first, second] * 2


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


@pytest.mark.parametrize("more", [{}, {"failover_strategy": "build_first"}, {"vip_attach": "boot"}])
def test_the_last_vf_is_not_lost_to_it(
    either: World, caplog: pytest.LogCaptureFixture, more: dict[str, str]
) -> None:
    """With VFs for three the first one is looked for again without it, and in the same way."""
    scene = working(either, **pair(**more))
    for name, host in either.cloud.hosts.items():
        del host.free_vfs[2 if name == "host-0" else 0 :]
    assert again(either, scene) == [1]
    assert "looks for room elsewhere" not in caplog.text
    assert either.agent.provisioning(scene.direct) == "ACTIVE"
    clean(either, scene.lb)


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        ("create_server", errors.quota()),
        ("create_port", errors.quota()),
        ("create_port", errors.no_address()),
        ("attach_port", errors.no_vf()),
    ],
)
def test_what_the_first_one_lacks_is_had_without_it(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str, error: ProviderError
) -> None:
    """The job goes on at once, and ends well."""
    scene = working(world, **pair())
    fails_while_ahead(world, monkeypatch, verb, error)
    with world.counted() as calls:
        assert again(world, scene) == [1]
        assert calls.log.count("create_server") <= 4
    clean(world, scene.lb)


def fails_while_ahead(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str, error: ProviderError
) -> None:
    """In every plan that has something built ahead this call fails."""
    made: list[Plan] = []
    original = plan._with_ahead

    def with_ahead(*args: Any) -> Plan:
        made.append(original(*args))
        return made[-1]

    monkeypatch.setattr(plan, "_with_ahead", with_ahead)
    world.cloud.fail(verb, lambda *_: error if made and made[-1].ahead else None, times=None)


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
        begun = [a for a in world.inventory(scene.lb).amphorae if not a.serves]
        if not dead and len(world.cloud.servers) == 2 and begun:
            dead.add(begun[0].id)
        mine = getattr(endpoint, "amphora_id", None)
        return errors.unreachable() if mine in dead else None

    for verb in ("configure", "wait_ready", "plug_vip", "apply_firewall"):
        world.amphora.fail(verb, dies, times=None)
    assert again(world, scene) == [1, 2]
    assert dead.isdisjoint(a.id for a in members(world, scene.lb).values())
    world.amphora.heal()
    clean(world, scene.lb)


def survivors(world: World, lb: str) -> set[str]:
    """Roles of the amphorae that serve and whose servers are there."""
    there = [a for a in world.inventory(lb).amphorae if a.serves]
    return {a.role for a in there if a.compute_id in world.cloud.servers}


@pytest.mark.parametrize("also", [(), ("MASTER",)])
def test_who_serves_is_not_given_up_for_one_that_has_died(
    world: World, also: tuple[str, ...]
) -> None:
    """The new ones fall silent once both are built, with or without the old one that is left."""
    scene = working(world, **pair())
    old = members(world, scene.lb)
    silent: set[str] = {old[role].id for role in also}

    def answers(amphora_id: str) -> bool:
        found = {a.id: a for a in world.inventory(scene.lb).amphorae}
        new = {i for i, a in found.items() if a.built_by != old["MASTER"].built_by}
        begun = len(new) == 2 and any(found[i].serves for i in new)
        return not (begun and amphora_id in new | silent)

    world.amphora.is_up = answers

    def unreachable(endpoint: Endpoint, *_: object) -> ProviderError | None:
        return None if answers(endpoint.amphora_id) else errors.unreachable()

    for verb in ("wait_ready", "configure", "apply_firewall", "plug_vip", "configure_vrrp"):
        world.amphora.fail(verb, unreachable, times=None)
    world.failover(scene.lb)
    attempts(world)
    assert "MASTER" in survivors(world, scene.lb)
    assert old["MASTER"].compute_id in world.cloud.servers


@pytest.mark.parametrize("verb", ["delete_server", "delete_port", "configure", "configure_vrrp"])
def test_the_plan_that_needs_it_gives_it_back_when_it_fails(world: World, verb: str) -> None:
    """For a reason that no other try would mend."""
    scene = working(world, **pair())
    old = members(world, scene.lb)["MASTER"]
    fake = world.amphora if hasattr(world.amphora, verb) else world.cloud

    def refused(*args: Any) -> ProviderError | None:
        rows = world.inventory(scene.lb).amphorae
        second = sum(a.built_by != old.built_by and a.serves for a in rows) == 1 and len(rows) <= 3
        return errors.firewall_refused() if second else None

    fake.fail(verb, refused, times=1)
    world.failover(scene.lb)
    attempts(world)
    there = world.inventory(scene.lb).amphorae
    assert [a for a in there if not a.serves and a.built_by != old.built_by] == []
    assert leaked(world) == []


def test_a_run_that_has_failed_ends_what_is_built_for_the_next_one() -> None:
    """As soon as a step of it asks."""
    made = plan.removal(create(), EMPTY)
    services = Services(Mock(), Mock(), Mock(), Mock(), Mock())
    run = Run(made, services, Mock(), Mock(), lambda job: None)
    its = run.of(made)
    its.check_lease()
    run.give_up()
    run.check_lease()
    with pytest.raises(ProviderError, match="failed elsewhere"):
        its.check_lease()
